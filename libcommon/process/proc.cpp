// SPDX-License-Identifier: Apache-2.0
#include "process/proc.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "base/units.h"

namespace sightline::process {
namespace {

// 65,530 mappings (vm.max_map_count) of a hundred bytes, and then some.
constexpr std::size_t most_maps_bytes = 64U << 20;

template <typename T>
std::optional<T> take_number(std::string_view& text, int base, char until) {
  T value{};
  auto [end, code] =
      std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (code != std::errc{} || end == text.data() + text.size() ||
      *end != until) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return value;
}

std::string unescape_newlines(std::string_view path) {
  std::string out(path);
  for (auto at = out.find("\\012"); at != std::string::npos;
       at = out.find("\\012", at + 1)) {
    out.replace(at, 4, "\n");
  }
  return out;
}

// start-end perms offset major:minor inode      path
std::optional<MapsLine> parse_maps_line(std::string_view line) {
  auto start = take_number<std::uint64_t>(line, 16, '-');
  auto end = start ? take_number<std::uint64_t>(line, 16, ' ') : start;
  if (!end || line.size() < 5 || line[2] != 'x' || line[4] != ' ') return {};
  line.remove_prefix(5);
  auto offset = take_number<std::uint64_t>(line, 16, ' ');
  auto major =
      offset ? take_number<std::uint32_t>(line, 16, ':') : std::nullopt;
  auto minor = major ? take_number<std::uint32_t>(line, 16, ' ') : std::nullopt;
  auto inode = minor ? take_number<std::uint64_t>(line, 10, ' ') : std::nullopt;
  if (!inode) return {};
  auto path = line.find_first_not_of(' ');
  auto text = path == std::string_view::npos ? "" : line.substr(path);
  return MapsLine{
      *start, *end, *offset, {*major, *minor, *inode, unescape_newlines(text)}};
}

constexpr unsigned long kernel_thread_flag = 0x00200000;  // PF_KTHREAD

// Of a line of /proc/PID/status, the last of its numbers.
Result<std::uint32_t> last_number_of(std::string_view status,
                                     std::string_view key) {
  for (auto line : split(status, '\n')) {
    if (!line.starts_with(key)) continue;
    auto numbers = trim(line.substr(key.size()));
    auto last = numbers.find_last_of(" \t");
    auto text =
        last == std::string_view::npos ? numbers : numbers.substr(last + 1);
    auto pid = parse_number(text, 1, UINT32_MAX);
    if (pid) return static_cast<std::uint32_t>(*pid);
  }
  return fail(ErrorKind::runtime, "malformed /proc/PID/status");
}

// The directories of /proc that have numbers for names.
Result<std::vector<std::uint32_t>> list_numbers(const std::string& path) {
  std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), ::closedir);
  if (!dir) return fail_errno(fmt::format("cannot list {}", path));
  std::vector<std::uint32_t> pids;
  while (const auto* entry = ::readdir(dir.get())) {
    auto pid = parse_number(entry->d_name, 1, UINT32_MAX);
    if (pid) pids.push_back(static_cast<std::uint32_t>(*pid));
  }
  std::ranges::sort(pids);
  return pids;
}

}  // namespace

std::vector<MapsLine> parse_maps(std::string_view text) {
  std::vector<MapsLine> lines;
  for (auto line : split(text, '\n')) {
    if (auto parsed = parse_maps_line(line))
      lines.push_back(*std::move(parsed));
  }
  return lines;
}

Result<std::vector<MapsLine>> read_maps(std::uint32_t pid) {
  auto path = fmt::format("/proc/{}/maps", pid);
  return parse_maps(SL_TRY(read_file(path, most_maps_bytes)));
}

std::uint64_t start_ticks_of(std::uint64_t start_boottime_ns) {
  return boottime_in_namespace(start_boottime_ns) / ns_per_tick;
}

Result<ProcessStat> parse_stat(std::string_view text) {
  auto open = text.find('(');
  auto close = text.rfind(')');
  auto malformed = fail(ErrorKind::runtime, "malformed /proc/PID/stat");
  if (open == std::string_view::npos || close == std::string_view::npos ||
      close < open) {
    return malformed;
  }
  // Fields from the third on: state ppid pgrp session tty tpgid flags ...
  auto fields = split(trim(text.substr(close + 1)), ' ');
  if (fields.size() < 20 || fields[0].size() != 1) return malformed;
  auto parent = parse_number(fields[1], 0, UINT32_MAX);
  auto flags = parse_number(fields[6], 0, UINT64_MAX);
  auto user = parse_number(fields[11], 0, INT64_MAX);
  auto system = parse_number(fields[12], 0, INT64_MAX);
  auto start = parse_number(fields[19], 0, UINT64_MAX);
  if (!parent || !flags || !user || !system || !start) return malformed;
  return ProcessStat{std::string(text.substr(open + 1, close - open - 1)),
                     fields[0][0],
                     static_cast<std::uint32_t>(*parent),
                     *start,
                     (*flags & kernel_thread_flag) != 0,
                     *user + *system};
}

Result<ProcessStat> read_stat(std::uint32_t pid) {
  auto text = SL_TRY(read_file(fmt::format("/proc/{}/stat", pid)));
  return parse_stat(text);
}

Result<std::uint32_t> parse_namespace_pid(std::string_view status) {
  return last_number_of(status, "NSpid:");
}

Result<std::uint32_t> read_namespace_pid(std::uint32_t pid) {
  auto text = SL_TRY(read_file(fmt::format("/proc/{}/status", pid)));
  return parse_namespace_pid(text);
}

Result<std::uint32_t> read_process_of(int tid) {
  auto text = SL_TRY(read_file(fmt::format("/proc/{}/status", tid)));
  return last_number_of(text, "Tgid:");
}

std::uint32_t own_network_namespace() {
  struct stat info{};
  if (::stat("/proc/self/ns/net", &info) != 0) return 0;
  return static_cast<std::uint32_t>(info.st_ino);
}

bool is_gone(std::uint32_t pid) {
  if (pid == 0) return true;
  return ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH;
}

Result<std::vector<std::uint32_t>> list_processes() {
  return list_numbers("/proc");
}

Result<std::vector<std::uint32_t>> list_threads(std::uint32_t pid) {
  return list_numbers(fmt::format("/proc/{}/task", pid));
}

}  // namespace sightline::process
