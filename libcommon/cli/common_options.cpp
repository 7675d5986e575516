// SPDX-License-Identifier: Apache-2.0
#include "cli/common_options.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/program.h"
#include "cli/setters.h"

namespace sightline::cli {
namespace {

// PID_MAX_LIMIT of include/linux/threads.h (6.18): 4 Mi on 64 bits.
constexpr std::uint64_t most_pids = 4U << 20;
// perf_event_open refuses periods with the top bit (kernel/events/core.c,
// 6.18).
constexpr std::uint64_t most_period = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t most_frequency = 1'000'000;

Setter add_ids(std::vector<int>& ids) {
  return [&ids](std::string_view value) -> Status {
    for (auto part : split(value, ',')) {
      auto id = SL_TRY(parse_number(part, 1, most_pids));
      add_unique(ids, static_cast<int>(id));
    }
    return {};
  };
}

// sysfs-described events have commas of their own: cpu/event=0x3c,umask=1/.
std::vector<std::string_view> split_events(std::string_view text) {
  std::vector<std::string_view> events;
  bool inside = false;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '/') inside = !inside;
    if (text[at] != ',' || inside) continue;
    events.push_back(text.substr(begin, at - begin));
    begin = at + 1;
  }
  events.push_back(text.substr(begin));
  return events;
}

std::unexpected<Error> empty_event(std::string_view list) {
  return fail(ErrorKind::usage,
              fmt::format("empty event name in '{}'", printable(list)),
              "name events as in cpu-clock,page-faults");
}

Setter set_events(CommonOptions& common, std::vector<std::string> events,
                  EventCheck check) {
  return [&common, events = std::move(events),
          check = std::move(check)](std::string_view value) -> Status {
    for (auto part : split_events(value)) {
      if (part.empty()) return empty_event(value);
      SL_CHECK(check ? check(part) : check_choice(part, events));
      add_unique(common.events, std::string(part));
    }
    return {};
  };
}

// One of two ways that exclude each other.
Status exclude(bool other_given, std::string_view other) {
  if (!other_given) return {};
  return usage_error(fmt::format("cannot be combined with {}", other));
}

// A kernel without this file has no cap that we could name; it then refuses
// the event itself.
std::optional<std::uint64_t> frequency_cap() {
  auto text = read_file("/proc/sys/kernel/perf_event_max_sample_rate", 64);
  if (!text) return {};
  auto cap = parse_number(trim(*text), 1, most_frequency);
  return cap ? std::optional(*cap) : std::nullopt;
}

Status set_frequency(CommonOptions& common, std::string_view value) {
  SL_CHECK(exclude(common.period.has_value(), "--period"));
  auto frequency = SL_TRY(parse_number(value, 1, most_frequency));
  auto cap = frequency_cap();
  if (cap && frequency > *cap) {
    return fail(ErrorKind::usage,
                fmt::format("expected at most {}, the kernel's cap, got '{}'",
                            *cap, value),
                "sysctl kernel.perf_event_max_sample_rate holds the cap");
  }
  common.frequency_hz = frequency;
  return {};
}

Status set_period(CommonOptions& common, std::string_view value) {
  SL_CHECK(exclude(common.frequency_hz.has_value(), "--frequency"));
  common.period = SL_TRY(parse_number(value, 1, most_period));
  return {};
}

Status set_duration(CommonOptions& common, std::string_view value) {
  auto duration = SL_TRY(parse_duration(value));
  if (common.duration_ns) {
    return usage_error(
        fmt::format("the duration is given twice, got '{}'", value));
  }
  common.duration_ns = duration;
  return {};
}

Status set_ready_fd(CommonOptions& common, std::string_view value) {
  auto number = parse_number(value, 0, std::numeric_limits<int>::max());
  if (!number || fcntl(static_cast<int>(*number), F_GETFD) < 0) {
    return usage_error(
        fmt::format("expected an open descriptor, got '{}'", printable(value)));
  }
  common.ready_fd = static_cast<int>(*number);
  return {};
}

// A store is made of pieces of 4 MiB, at most 256 of them
// (bpf/include/unwind_rows.h).
constexpr std::uint64_t least_unwind_bytes = 4U << 20;
constexpr std::uint64_t most_unwind_bytes = 1U << 30;

constexpr std::array<std::pair<std::string_view, Unwind>, 4> unwind_modes{
    {{"auto", Unwind::automatic},
     {"fp", Unwind::frame_pointers},
     {"dwarf", Unwind::dwarf},
     {"copy", Unwind::copy}}};

std::vector<std::string> unwind_names() {
  std::vector<std::string> names;
  for (const auto& [name, mode] : unwind_modes) names.emplace_back(name);
  return names;
}

Status set_unwind(CommonOptions& common, std::string_view value) {
  SL_CHECK(check_choice(value, unwind_names()));
  for (const auto& [name, mode] : unwind_modes) {
    if (name == value) common.unwind = mode;
  }
  return {};
}

}  // namespace

void add_general_options(OptionTable& table, CommonOptions& common) {
  table.add({.name = "verbose",
             .letter = 'v',
             .help = "Say what was probed and decided; twice: libbpf's own "
                     "log too.",
             .group = "General",
             .repeatable = true,
             .set = [&common](auto) -> Status {
               ++common.verbosity;
               return {};
             }});
  table.add({.name = "quiet",
             .letter = 'q',
             .help = "No banner and no hints; errors and losses stay.",
             .group = "General",
             .set = [&common](auto) -> Status {
               common.quiet = true;
               set_quiet(true);
               return {};
             }});
  table.add({.name = "man",
             .help = "Print the manual page; read it with: man -l -",
             .group = "General",
             .action = Action::man});
  table.add({.name = "help",
             .letter = 'h',
             .help = "Print this help.",
             .group = "General",
             .action = Action::help});
  table.add({.name = "version",
             .letter = 'V',
             .help = "Print the version; with -v the features of this machine "
                     "too, for bug reports.",
             .group = "General",
             .action = Action::version});
  table.add({.name = "generate",
             .value = "WHAT",
             .action = Action::generate,
             .hidden = true});
}

void add_kernel_options(OptionTable& table, CommonOptions& common) {
  table.add({.name = "btf",
             .value = "FILE",
             .help = "Type information (BTF) of a kernel that carries none.",
             .group = "General",
             .completion = Completion::file,
             .set = set_text(common.btf)});
}

void add_process_options(OptionTable& table, CommonOptions& common,
                         UserLookup find_user) {
  table.add({.name = "pid",
             .letter = 'p',
             .value = "PID[,...]",
             .help = "Only these processes; each must exist.",
             .group = "Filtering",
             .completion = Completion::pid,
             .repeatable = true,
             .set = add_ids(common.pids)});
  table.add({.name = "uid",
             .letter = 'u',
             .value = "USER",
             .help = "Only processes of this user, by name or number.",
             .group = "Filtering",
             .completion = Completion::user,
             .set = [&common, find = std::move(find_user)](
                        std::string_view value) -> Status {
               common.uid = SL_TRY(find(value));
               common.user = value;
               return {};
             }});
}

void add_name_options(OptionTable& table, CommonOptions& common) {
  table.add({.name = "name",
             .letter = 'n',
             .value = "RE",
             .help = "Only commands whose name matches this POSIX extended "
                     "regular expression.",
             .group = "Filtering",
             .set = [&common](std::string_view value) -> Status {
               common.name = SL_TRY(NamePattern::compile(value));
               return {};
             }});
  table.add({.name = "cgroup",
             .letter = 'c',
             .value = "PATH",
             .help = "Only this cgroup and all below it; absolute, or relative "
                     "to the cgroup mount.",
             .group = "Filtering",
             .completion = Completion::directory,
             .set = set_text(common.cgroup)});
}

void add_thread_option(OptionTable& table, CommonOptions& common) {
  table.add({.name = "tid",
             .letter = 'L',
             .value = "TID[,...]",
             .help = "Only these threads; each must exist.",
             .group = "Filtering",
             .completion = Completion::pid,
             .repeatable = true,
             .set = add_ids(common.tids)});
}

void add_cpu_option(OptionTable& table, CommonOptions& common) {
  table.add({.name = "cpu",
             .letter = 'C',
             .value = "LIST",
             .help = "Only these CPUs, such as 0-3,8.",
             .group = "Filtering",
             .set = [&common](std::string_view value) -> Status {
               common.cpus = SL_TRY(parse_cpu_list(value));
               return {};
             }});
}

void add_timing_options(OptionTable& table, CommonOptions& common) {
  table.add(
      {.name = "duration",
       .letter = 'd',
       .value = "TIME",
       .help = "Stop after 5, 5s, 500ms or 2m [at Ctrl-C].",
       .group = "Timing",
       .set = [&common](auto value) { return set_duration(common, value); }});
  table.add(
      {.name = "ready-fd",
       .value = "FD",
       .help = "Write one byte to this descriptor once everything is "
               "attached: for scripts, instead of a sleep.",
       .group = "Timing",
       .set = [&common](auto value) { return set_ready_fd(common, value); }});
}

void add_duration_argument(OptionTable& table, CommonOptions& common) {
  table.add(Positional{.name = "DURATION",
                       .help = "The same as --duration.",
                       .set = [&common](std::string_view value) -> Status {
                         // Of --diff BEFORE AFTER, the second.
                         if (common.before.empty())
                           return set_duration(common, value);
                         common.after = value;
                         return {};
                       }});
}

void add_interval_option(OptionTable& table, CommonOptions& common) {
  table.add({.name = "interval",
             .letter = 'i',
             .value = "TIME",
             .help = "Print a whole report each interval.",
             .group = "Timing",
             .set = [&common](std::string_view value) -> Status {
               common.interval_ns = SL_TRY(parse_duration(value));
               return {};
             }});
}

void add_sampling_options(OptionTable& table, CommonOptions& common,
                          std::vector<std::string> events,
                          EventCheck check_event) {
  table.add(
      {.name = "frequency",
       .letter = 'F',
       .value = "HZ",
       .help = fmt::format("Samples a second on each CPU [{}].",
                           default_frequency_hz),
       .group = "Sampling",
       .set = [&common](auto value) { return set_frequency(common, value); }});
  table.add(
      {.name = "period",
       .value = "N",
       .help = "One sample each N events instead; for cpu-clock, "
               "nanoseconds.",
       .group = "Sampling",
       .set = [&common](auto value) { return set_period(common, value); }});
  table.add({.name = "event",
             .letter = 'e',
             .value = "EVENT[,...]",
             .help = check_event ? "What is sampled, by its name in perf."
                                 : "What is sampled.",
             .group = "Sampling",
             .completion = Completion::choice,
             .choices = events,
             .open_ended = check_event != nullptr,
             .set = set_events(common, events, std::move(check_event))});
}

void add_stack_options(OptionTable& table, CommonOptions& common) {
  table.add({.name = "user-stacks-only",
             .letter = 'U',
             .help = "User stacks only.",
             .group = "Stacks",
             .set = [&common](auto) -> Status {
               SL_CHECK(exclude(common.kernel_only, "--kernel-stacks-only"));
               common.user_only = true;
               return {};
             }});
  table.add({.name = "kernel-stacks-only",
             .letter = 'K',
             .help = "Kernel stacks only.",
             .group = "Stacks",
             .set = [&common](auto) -> Status {
               SL_CHECK(exclude(common.user_only, "--user-stacks-only"));
               common.kernel_only = true;
               return {};
             }});
}

void add_unwind_options(OptionTable& table, CommonOptions& common) {
  table.add(
      {.name = "unwind",
       .value = "MODE",
       .help = "How user stacks are walked: auto (by call frame "
               "information, by frame pointers where there is none), fp "
               "(frame pointers only), dwarf (call frame information "
               "only), copy (stacks are copied and walked in user space) "
               "[auto].",
       .group = "Stacks",
       .completion = Completion::choice,
       .choices = unwind_names(),
       .set = [&common](auto value) { return set_unwind(common, value); }});
  table.add({.name = "unwind-memory",
             .value = "SIZE",
             .help = fmt::format("Kernel memory for call frame information, at "
                                 "most [{}M].",
                                 default_unwind_bytes >> 20),
             .group = "Stacks",
             .set = [&common](std::string_view value) -> Status {
               common.unwind_bytes = SL_TRY(
                   parse_bytes(value, least_unwind_bytes, most_unwind_bytes));
               return {};
             }});
}

void add_symbol_options(OptionTable& table, CommonOptions& common) {
  table.add({.name = "inline",
             .help = "Show inlined calls as frames of their own, where there "
                     "is debug information.",
             .group = "Stacks",
             .set = set_flag(common.inlines)});
  table.add({.name = "line",
             .help = "Show source file and line of each user frame, where "
                     "there is debug information.",
             .group = "Stacks",
             .set = set_flag(common.lines)});
  table.add({.name = "no-demangle",
             .help = "Show C++ and Rust names as the linker knows them.",
             .group = "Stacks",
             .set = [&common](auto) -> Status {
               common.demangle = false;
               return {};
             }});
  table.add({.name = "raw",
             .help = "Name no frames in files: whoever has the files does that "
                     "with --from, by their build-ids.",
             .group = "Stacks",
             .set = set_flag(common.raw)});
  table.add({.name = "debuginfod",
             .value = "TIME",
             .help = "Ask the servers of DEBUGINFOD_URLS for debug files, for "
                     "at most TIME in all. They learn what runs here.",
             .group = "Stacks",
             .set = [&common](std::string_view value) -> Status {
               common.debuginfod_ns = SL_TRY(parse_duration(value));
               return {};
             }});
}

}  // namespace sightline::cli
