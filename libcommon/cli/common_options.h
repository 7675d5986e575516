// SPDX-License-Identifier: Apache-2.0
// The options that tools have in common, so that a flag means one thing in
// the whole suite. Each function adds one family to a tool's table; the
// setters check what was typed and store it parsed in CommonOptions, which
// must outlive the table and stay where it is.
//
// What needs the machine is left to the tool: whether a PID lives, where a
// cgroup is, whether a file opens.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/name_pattern.h"
#include "cli/option.h"
#include "output/sink.h"
#include "output/style.h"

namespace sightline::cli {

// "table", "folded", "json", "pprof", "svg".
std::string_view format_name(output::Format format);

inline constexpr std::uint64_t default_frequency_hz = 99;

// How user stacks are walked.
enum class Unwind {
  automatic,  // by call frame information, by frame pointers without
  frame_pointers,
  dwarf,  // by call frame information only
  copy,   // by the same, in user space, from copies of the stacks
};

inline constexpr std::uint64_t default_unwind_bytes = 64U << 20;

struct CommonOptions {
  // General
  int verbosity = 0;
  bool quiet = false;
  std::string btf;  // file; empty: the kernel's own

  // Filtering; an empty list or text filters nothing
  std::vector<int> pids;  // in the caller's PID namespace, unique
  std::vector<int> tids;
  std::optional<NamePattern> name;
  std::optional<uid_t> uid;
  std::string user;    // what was typed for uid
  std::string from;    // a recording that is shown again; empty: none
  std::string before;  // two that are compared
  std::string after;
  std::string cgroup;  // absolute, or relative to the cgroup mount
  std::vector<int> cpus;

  // Events
  bool failed_only = false;
  bool wall_clock = false;  // a column each
  bool since_start = false;
  bool utc = false;
  bool summary = false;
  bool histogram = false;
  std::optional<std::uint64_t> min_ns;  // how long, at least and at most
  std::optional<std::uint64_t> max_ns;

  // Timing
  std::optional<std::uint64_t> duration_ns;
  std::optional<std::uint64_t> interval_ns;
  std::optional<int> ready_fd;  // is open

  // Sampling; at most one of frequency and period
  std::optional<std::uint64_t> frequency_hz;  // else default_frequency_hz
  std::optional<std::uint64_t> period;        // in the event's own unit
  std::vector<std::string> events;

  // Stacks; at most one is set
  bool user_only = false;
  bool kernel_only = false;
  Unwind unwind = Unwind::automatic;
  std::uint64_t unwind_bytes = default_unwind_bytes;  // of kernel memory

  // Names of frames
  bool inlines = false;
  bool lines = false;
  bool demangle = true;
  bool raw = false;  // frames in files are left unnamed
  std::optional<std::uint64_t> debuginfod_ns;  // asked of servers, at most

  // Output
  std::vector<std::string> by;
  std::string sort;
  std::optional<std::size_t> rows;
  std::optional<output::Format> format;  // see output_targets()
  std::vector<std::string> outputs;      // files, "-" is stdout
  bool icicle = false;
  bool wide = false;
  std::optional<std::size_t> width;  // columns
  output::ColorMode color = output::ColorMode::automatic;
  std::optional<double> max_loss_percent;
};

// Where the result goes.
struct OutputTarget {
  std::string path;  // "-" is stdout
  output::Format format;
  // Its ending names none, and nothing else was asked for: worth a word.
  bool is_guessed = false;
};

// The -o files with their formats, or stdout alone: the ending names the
// format, an unknown one (and stdout) takes --format, or the table.
std::vector<OutputTarget> output_targets(const CommonOptions& common);

// Says so of files whose ending names no format, unless --quiet: whoever writes
// out.pb or out.html will look for something else in it.
void say_guessed_formats(std::string_view tool, const CommonOptions& common);

// Whether each target can take what it is to get: a format that is one document
// wants no terminal, and with intervals a file of its own for each.
Status check_outputs(const CommonOptions& common);

// process::find_user, or a stand-in: the number of a user given by name or
// number; its failure reads "expected ..., got ...".
using UserLookup = std::function<Result<uid_t>(std::string_view)>;

// Whether an event can be sampled; its failure reads "expected ..., got ...".
using EventCheck = std::function<Status(std::string_view)>;

// -v -q -h -V --man, and --generate, which is shown nowhere. All tools.
void add_general_options(OptionTable& table, CommonOptions& common);

// --btf, under General: add it before the general options, so that help and
// version stay last. All tools.
void add_kernel_options(OptionTable& table, CommonOptions& common);

// -p -u: all tools but podtop.
void add_process_options(OptionTable& table, CommonOptions& common,
                         UserLookup find_user);

// -n -c: all tools.
void add_name_options(OptionTable& table, CommonOptions& common);

// -L: stack tools.
void add_thread_option(OptionTable& table, CommonOptions& common);

// -C: cpuprof, cachemiss.
void add_cpu_option(OptionTable& table, CommonOptions& common);

// -d --ready-fd: all tools.
void add_timing_options(OptionTable& table, CommonOptions& common);

// The positional [DURATION], the same as -d: cpuprof, offcpu.
void add_duration_argument(OptionTable& table, CommonOptions& common);

// -i: cpuprof, offcpu, and the event tools' --summary.
void add_interval_option(OptionTable& table, CommonOptions& common);

// -F --period -e: cpuprof, cachemiss. Without a check an event must be one of
// `events`, which are also what the shell offers.
void add_sampling_options(OptionTable& table, CommonOptions& common,
                          std::vector<std::string> events,
                          EventCheck check_event = {});

// -U -K: stack tools.
void add_stack_options(OptionTable& table, CommonOptions& common);

// --from --diff: stack tools.
void add_from_option(OptionTable& table, CommonOptions& common);
// --unwind --unwind-memory: stack tools.
void add_unwind_options(OptionTable& table, CommonOptions& common);

// --inline --line --no-demangle --raw --debuginfod: stack tools.
void add_symbol_options(OptionTable& table, CommonOptions& common);

// -x: execsnoop, tcpconnect.
void add_failed_option(OptionTable& table, CommonOptions& common);

// -T -t --utc: event tools.
void add_time_columns(OptionTable& table, CommonOptions& common);

// --summary, and -i for it: event tools.
void add_summary_options(OptionTable& table, CommonOptions& common);

// --hist: tools of what takes time.
void add_histogram_option(OptionTable& table, CommonOptions& common);

// -m -M: offcpu, gpustall, tcpconnect. A unit is required, as a bare number of
// ours is in seconds, and of bcc's tool in `bare_unit`.
void add_length_options(OptionTable& table, CommonOptions& common,
                        std::string_view bare_unit = "us");

// What these cannot tell one by one.
Status check_event_options(const CommonOptions& common);

// Fails as usage when there will be no table with a row for each event, for
// which alone `option` is.
Status check_for_rows(const CommonOptions& common, std::string_view option);
// ... when there will be no table at all.
Status check_for_table(const CommonOptions& common, std::string_view option);

// --by, with the tool's keys.
void add_grouping_option(OptionTable& table, CommonOptions& common,
                         std::vector<std::string> keys);

// -s -r, with the tool's columns: table views.
void add_table_options(OptionTable& table, CommonOptions& common,
                       std::vector<std::string> sort_keys);

// --icicle: stack tools.
void add_flame_option(OptionTable& table, CommonOptions& common);

// -f -j --format -o -w --width --color --max-loss: all tools; documents (pprof,
// svg) are of the stack tools.
enum class Formats { all, lines };
void add_output_options(OptionTable& table, CommonOptions& common,
                        Formats formats = Formats::all);

}  // namespace sightline::cli
