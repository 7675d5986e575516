// SPDX-License-Identifier: Apache-2.0
// One exec, as it was measured: plain data, and what can be told from it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/ancestry.h"

namespace sightline::execsnoop {

using event::Ancestor;

// CPU time of a process, all its threads together. User and system time are
// counted at ticks; the kernel, too, uses them only to divide the runtime.
struct Times {
  std::uint64_t runtime_ns = 0;
  std::uint64_t uncounted_ns = 0;  // see exec_times in bpf/execsnoop.h
  std::uint64_t user = 0;
  std::uint64_t system = 0;
};

// What was tried before, of a search along PATH.
struct Probe {
  std::string file = {};
  int error = 0;
};

enum class Outcome {
  exited,
  killed,
  replaced,  // by the next exec of the same process
  running,   // still, at the end of the measurement
  unknown,   // it ended, but nothing told how
};

struct Life {
  Outcome outcome = Outcome::unknown;
  int exit_code = 0;
  int signal = 0;
  bool core_dumped = false;
  std::uint64_t wall_ns = 0;
  // Not of a process that still runs.
  std::uint64_t user_ns = 0;
  std::uint64_t system_ns = 0;
  // The largest since the process was forked, of one that has ended.
  std::optional<std::uint64_t> max_rss_bytes = {};
};

// All bytes as the kernel has them; nothing is escaped.
struct Exec {
  std::uint64_t time_ns = 0;   // CLOCK_MONOTONIC
  std::uint64_t start_ns = 0;  // of the process, the same clock
  // In the initial PID namespace, as they are unique there: the thread that
  // called; of a new program its process, else 0.
  std::uint32_t thread = 0;
  std::uint32_t process = 0;
  std::uint32_t pid =
      0;  // as the tool's own PID namespace has it, 0: not at all
  bool from_other_thread = false;  // than the first of its process
  std::uint32_t parent = 0;
  uid_t uid = 0;
  std::uint64_t cgroup = 0;
  int error = 0;          // errno of a failed exec, else 0
  std::string comm = {};  // of the new program, or of who failed
  std::string parent_comm = {};
  std::string tty = {};          // empty: none
  std::string file = {};         // as the call had it
  std::string interpreter = {};  // of a script, or by binfmt_misc; else empty
  std::string exe = {};          // real path; empty when it failed
  bool exe_deleted = false;
  std::string cwd = {};
  std::vector<std::string> args = {};
  std::uint32_t args_count = 0;  // all there are, as far as they were counted
  std::uint64_t args_bytes = 0;  // with a NUL each
  std::uint64_t args_read = 0;   // bytes of them that `args` has
  // A failed one: there is more than what is ever read, and nobody knows how
  // much.
  bool args_cut = false;
  bool args_unreadable = false;
  bool compat = false;  // a failed call by a program of 32 bits
  std::vector<std::string> env = {};
  bool env_cut = false;    // there is more of it that was not read
  bool text_lost = false;  // a record of one of them never came
  std::vector<Ancestor> ancestors = {};  // parent first
  std::vector<Probe> probes = {};
  Times times = {};  // before this program
  std::optional<Life> life = {};
};

// How a process ended, as the kernel half tells.
struct Exit {
  std::uint64_t time_ns = 0;
  std::uint64_t start_ns = 0;
  std::uint32_t process = 0;  // in the initial PID namespace
  Times times = {};
  std::uint64_t max_rss_bytes = 0;
  std::uint32_t code = 0;  // as wait(2) has it
};

// The last component of a path, or all of it without a slash.
std::string_view base_name(std::string_view path);

// What to call it: the name of the new program, or of the file that could not
// be one.
std::string_view command_name(const Exec& exec);

// Arguments that are not in `args`, and their bytes.
struct Omitted {
  std::uint64_t args = 0;
  std::uint64_t bytes = 0;
};
Omitted omitted(const Exec& exec);

// Not all bytes of the arguments are in `args`.
bool lacks_args(const Exec& exec);

// CPU time between two readings, divided as the kernel divides it
// (cputime_adjust, kernel/sched/cputime.c, 6.18).
struct CpuTime {
  std::uint64_t user_ns = 0;
  std::uint64_t system_ns = 0;
};
CpuTime cpu_time(const Times& from, const Times& to);

}  // namespace sightline::execsnoop
