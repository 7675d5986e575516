// SPDX-License-Identifier: Apache-2.0
#include "process/selection.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "base/units.h"
#include "process/proc.h"

namespace sightline::process {
namespace {

Result<std::string> read_of(std::uint32_t pid, std::string_view file) {
  return read_file(fmt::format("/proc/{}/{}", pid, file));
}

bool has_user(std::uint32_t pid, std::uint32_t uid) {
  auto status = read_of(pid, "status");
  if (!status) return false;
  auto found = parse_uid(*status);
  return found && *found == uid;
}

bool is_within(std::uint32_t pid, std::string_view cgroup) {
  auto text = read_of(pid, "cgroup");
  if (!text) return false;
  auto found = parse_cgroup(*text);
  if (!found || !found->starts_with(cgroup)) return false;
  return cgroup == "/" || found->size() == cgroup.size() ||
         (*found)[cgroup.size()] == '/';
}

bool has_thread(std::uint32_t pid,
                const std::function<bool(std::string_view)>& comm) {
  auto threads = list_threads(pid);
  return threads && std::ranges::any_of(*threads, [&](std::uint32_t tid) {
           auto text = read_of(pid, fmt::format("task/{}/comm", tid));
           return text && comm(trim(*text));
         });
}

bool is_meant(std::uint32_t pid, const Selection& selection) {
  auto stat = read_stat(pid);
  return stat && !stat->kernel_thread &&
         (!selection.uid || has_user(pid, *selection.uid)) &&
         (!selection.cgroup || is_within(pid, *selection.cgroup)) &&
         (selection.comm == nullptr || has_thread(pid, selection.comm));
}

}  // namespace

Result<std::uint32_t> parse_uid(std::string_view status) {
  constexpr std::string_view key = "\nUid:\t";
  auto at = status.find(key);
  auto end = status.find('\t', at + key.size());
  if (at != std::string_view::npos && end != std::string_view::npos) {
    at += key.size();
    auto uid = parse_number(status.substr(at, end - at), 0, UINT32_MAX);
    if (uid) return static_cast<std::uint32_t>(*uid);
  }
  return fail(ErrorKind::runtime, "malformed /proc/PID/status");
}

Result<std::string> parse_cgroup(std::string_view cgroup) {
  constexpr std::string_view key = "0::";
  for (auto line : split(cgroup, '\n')) {
    if (line.starts_with(key)) return std::string(line.substr(key.size()));
  }
  return fail(ErrorKind::runtime, "no cgroup of version 2");
}

Result<std::vector<std::uint32_t>> select_processes(
    const Selection& selection) {
  auto pids = SL_TRY(list_processes());
  std::erase_if(pids, [&](auto pid) { return !is_meant(pid, selection); });
  return pids;
}

}  // namespace sightline::process
