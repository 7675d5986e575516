// SPDX-License-Identifier: Apache-2.0
#include "perf/event.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "base/units.h"
#include "perf/event_pmu.h"
#include "perf/event_tables.h"

namespace sightline::perf {
namespace {

constexpr std::string_view modifier_letters = "ukhGHIp";

// A comma inside /…/ parts terms, not events.
std::vector<std::string_view> split_list(std::string_view list) {
  std::vector<std::string_view> items;
  bool inside = false;
  std::size_t start = 0;
  for (std::size_t at = 0; at < list.size(); ++at) {
    if (list[at] == '/') inside = !inside;
    if (list[at] != ',' || inside) continue;
    items.push_back(list.substr(start, at - start));
    start = at + 1;
  }
  items.push_back(list.substr(start));
  return items;
}

bool are_modifiers(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of(modifier_letters) == std::string_view::npos;
}

bool has(std::string_view letters, char letter) {
  return letters.find(letter) != std::string_view::npos;
}

// The first of u, k and h shuts out the others; each names what stays in. The
// same for G and H (tools/perf/util/parse-events.c, Linux 6.1). A precise
// event has to leave guests out: their records would land in the host's buffer
// (intel_pmu_hw_config and its kin refuse or misplace them).
Status apply_modifiers(std::string_view letters, Event& event) {
  auto precise = std::ranges::count(letters, 'p');
  if (letters.find_first_not_of(modifier_letters) != std::string_view::npos ||
      precise > 3) {
    return fail(ErrorKind::usage,
                fmt::format("unknown modifier '{}' of event '{}'",
                            printable(letters), printable(event.name)),
                "modifiers are u, k, h, G, H, I and up to three p");
  }
  auto& base = event.base;
  if (letters.find_first_of("ukh") != std::string_view::npos) {
    base.exclude_user = !has(letters, 'u');
    base.exclude_kernel = !has(letters, 'k');
    base.exclude_hv = !has(letters, 'h');
  }
  bool sides = letters.find_first_of("GH") != std::string_view::npos;
  if (sides) {
    base.exclude_guest = !has(letters, 'G');
    base.exclude_host = !has(letters, 'H');
  } else if (precise > 0) {
    base.exclude_guest = 1;
  }
  if (has(letters, 'I')) base.exclude_idle = 1;
  base.precise_ip = static_cast<unsigned>(precise) & 3U;
  return {};
}

std::unexpected<Error> unknown_event(std::string_view name,
                                     const std::string& sysfs) {
  auto names = listed_event_names();
  std::ranges::move(sysfs_event_names(sysfs), std::back_inserter(names));
  auto what = fmt::format("unknown event '{}'", printable(name));
  auto closest = closest_name(name, names);
  if (!closest.empty()) what += fmt::format("; did you mean '{}'?", closest);
  return fail(ErrorKind::usage, what,
              "names are perf's: cpu-clock, cycles, LLC-load-misses, r1a8, "
              "PMU/event=0x3c/");
}

// tracefs is mounted at kernel/tracing, and inside debugfs on older systems.
Result<std::string> read_tracepoint_id(const std::string& place,
                                       const std::string& sysfs) {
  auto id = read_file(sysfs + "/kernel/tracing/events/" + place + "/id");
  if (id || id.error().err == EACCES) return id;
  auto old = read_file(sysfs + "/kernel/debug/tracing/events/" + place + "/id");
  return old ? old : id;
}

std::unexpected<Error> no_tracepoint(const Error& error, std::string_view name,
                                     const std::string& sysfs) {
  if (error.kind == ErrorKind::permission) {
    return fail_errno(
        fmt::format("cannot look up tracepoint '{}'", printable(name)),
        error.err, "run as root, or make /sys/kernel/tracing readable");
  }
  if (!read_file(sysfs + "/kernel/tracing/events/header_page") &&
      !read_file(sysfs + "/kernel/debug/tracing/events/header_page")) {
    return fail(ErrorKind::unsupported,
                fmt::format("cannot look up tracepoint '{}': tracefs is not "
                            "mounted",
                            printable(name)),
                "mount -t tracefs nodev /sys/kernel/tracing");
  }
  return fail(ErrorKind::usage,
              fmt::format("unknown tracepoint '{}'", printable(name)),
              "see /sys/kernel/tracing/available_events");
}

Result<Event> parse_tracepoint(std::string_view system, std::string_view name,
                               const std::string& sysfs) {
  auto full = fmt::format("{}:{}", system, name);
  if (!is_plain_name(system) || !is_plain_name(name)) {
    return unknown_event(full, sysfs);
  }
  auto id = read_tracepoint_id(fmt::format("{}/{}", system, name), sysfs);
  if (!id) return no_tracepoint(id.error(), full, sysfs);
  Event event;
  event.base.type = PERF_TYPE_TRACEPOINT;
  event.base.config = SL_TRY(parse_number(trim(*id), 0, UINT32_MAX));
  return event;
}

// A name without colon or slash.
Result<std::optional<Event>> parse_name(std::string_view name,
                                        const std::string& sysfs) {
  auto code = find_event_code(name);
  if (!code) return find_sysfs_event(name, sysfs);
  Event event;
  event.base.type = code->type;
  event.base.config = code->config;
  return event;
}

// perf_event programs run on all events but these, which run programs of
// another type (perf_event_set_bpf_prog, kernel/events/core.c, Linux 6.12).
Result<Event> refuse_tracepoint(std::string_view system, std::string_view name,
                                const std::string& sysfs) {
  auto full = fmt::format("{}:{}", system, name);
  if (!is_plain_name(system) || !is_plain_name(name)) {
    return unknown_event(full, sysfs);
  }
  return fail(ErrorKind::usage,
              fmt::format("tracepoint '{}' cannot be sampled", full),
              "use a software or hardware event, such as -e cpu-clock");
}

using TracepointParser = Result<Event>(std::string_view, std::string_view,
                                       const std::string&);

// NAME, NAME:MODIFIERS, SYSTEM:NAME or SYSTEM:NAME:MODIFIERS.
Result<Event> parse_named(std::string_view text, const std::string& sysfs,
                          TracepointParser& tracepoint,
                          std::string_view& modifiers) {
  auto parts = split(text, ':');
  if (parts.size() > 3 || parts.back().empty())
    return unknown_event(text, sysfs);
  if (parts.size() > 1) modifiers = parts.back();
  if (parts.size() < 3) {
    auto event = SL_TRY(parse_name(parts[0], sysfs));
    if (event) return *std::move(event);
  }
  // A misspelt `cylces:u` is told from a tracepoint by what follows the colon.
  if (parts.size() == 1 || (parts.size() == 2 && are_modifiers(parts[1]))) {
    return unknown_event(parts[0], sysfs);
  }
  if (parts.size() == 2) modifiers = {};
  return tracepoint(parts[0], parts[1], sysfs);
}

Result<Event> parse_event(std::string_view text, const std::string& sysfs,
                          TracepointParser& tracepoint) {
  std::string_view modifiers;
  Event event;
  if (text.find('/') != std::string_view::npos) {
    auto found = SL_TRY(parse_pmu_event(text, sysfs));
    event = std::move(found.event);
    modifiers = found.modifiers;
  } else {
    event = SL_TRY(parse_named(text, sysfs, tracepoint, modifiers));
  }
  if (event.name.empty()) event.name = text;
  SL_CHECK(apply_modifiers(modifiers, event));
  event.base.size = sizeof(event.base);
  event.time_based = event.base.type == PERF_TYPE_SOFTWARE &&
                     event.base.config <= PERF_COUNT_SW_TASK_CLOCK;
  return event;
}

Result<std::vector<Event>> parse_list(std::string_view list,
                                      const std::string& sysfs,
                                      TracepointParser& tracepoint) {
  std::vector<Event> events;
  for (auto item : split_list(list)) {
    if (item.empty()) {
      return fail(ErrorKind::usage,
                  fmt::format("empty event name in '{}'", printable(list)),
                  "name events as in cpu-clock,page-faults");
    }
    events.push_back(SL_TRY(parse_event(item, sysfs, tracepoint)));
  }
  return events;
}

}  // namespace

Result<std::vector<Event>> parse_events(std::string_view list,
                                        const std::string& sysfs) {
  return parse_list(list, sysfs, parse_tracepoint);
}

Status check_sampled_event(std::string_view text) {
  SL_TRY(parse_list(text, "/sys", refuse_tracepoint));
  return {};
}

}  // namespace sightline::perf
