// SPDX-License-Identifier: Apache-2.0
// What /proc tells of one process: for processes that ran before the tool did.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "process/objects.h"

namespace sightline::process {

// One executable line of /proc/PID/maps (Documentation/filesystems/proc.rst).
struct MapsLine {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::uint64_t file_offset = 0;
  MappedFile file;
};

// The executable mappings in the text of a maps file. Lines that do not have
// the kernel's form are passed over; the path may hold any byte but a newline,
// which the kernel writes as \012.
std::vector<MapsLine> parse_maps(std::string_view text);

// Executable mappings of a living process. Fails with errno: ENOENT or ESRCH
// when it is gone, EACCES without CAP_SYS_PTRACE for another user's.
Result<std::vector<MapsLine>> read_maps(std::uint32_t pid);

// /proc/PID/stat counts time in ticks of USER_HZ, 100 a second on every
// architecture we run on (include/asm-generic/param.h).
inline constexpr std::uint64_t ns_per_tick = 10'000'000;

// What start_ticks is of a process that started at that moment, which the
// kernel keeps as task_struct.start_boottime.
std::uint64_t start_ticks_of(std::uint64_t start_boottime_ns);

struct ProcessStat {
  std::string comm;  // raw bytes
  char state = '?';  // as in ps: R, S, D, Z, ...
  std::uint32_t parent = 0;
  std::uint64_t start_ticks = 0;  // since boot, USER_HZ (100 a second)
  bool kernel_thread = false;
  std::uint64_t cpu_ticks = 0;  // user and system time of all its threads
};

// The text of /proc/PID/stat; the name may hold blanks and parentheses.
Result<ProcessStat> parse_stat(std::string_view text);
Result<ProcessStat> read_stat(std::uint32_t pid);

// What a process calls itself: its PID in the innermost PID namespace that it
// is in, the last number of "NSpid:" in /proc/PID/status (since Linux 4.1).
Result<std::uint32_t> parse_namespace_pid(std::string_view status);
Result<std::uint32_t> read_namespace_pid(std::uint32_t pid);

// The process that a thread belongs to (Tgid: of /proc/TID/status).
Result<std::uint32_t> read_process_of(int tid);

// The number of our own network namespace, as lsns(8) shows it: the inode of
// /proc/self/ns/net. 0 when there is no /proc.
std::uint32_t own_network_namespace();

// Whether a process has ended and was waited for. Number 0 stands for every
// process outside our PID namespace, and is.
bool is_gone(std::uint32_t pid);

// Every process there is now, ascending. Fails with errno (no /proc).
Result<std::vector<std::uint32_t>> list_processes();
// Every thread of a process, ascending. Fails with errno: ENOENT when it is
// gone.
Result<std::vector<std::uint32_t>> list_threads(std::uint32_t pid);

}  // namespace sightline::process
