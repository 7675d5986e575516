// SPDX-License-Identifier: Apache-2.0
#include "exec.h"

#include <algorithm>

namespace sightline::execsnoop {

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

std::string_view command_name(const Exec& exec) {
  if (exec.error == 0) return exec.comm;
  auto name = base_name(exec.file);
  return name.empty() ? std::string_view(exec.file) : name;
}

Omitted omitted(const Exec& exec) {
  auto shown = exec.args.size();
  return {.args = exec.args_count > shown ? exec.args_count - shown : 0,
          .bytes = exec.args_bytes - std::min(exec.args_bytes, exec.args_read)};
}

bool lacks_args(const Exec& exec) {
  auto [args, bytes] = omitted(exec);
  return exec.args_cut || args > 0 || bytes > 0;
}

namespace {

// In floating point, as the products overflow 64 bits.
CpuTime split(const Times& times) {
  if (times.system == 0) return {times.runtime_ns, 0};
  auto share = static_cast<double>(times.system) /
               static_cast<double>(times.system + times.user);
  auto system =
      static_cast<std::uint64_t>(share * static_cast<double>(times.runtime_ns));
  system = std::min(system, times.runtime_ns);
  return {times.runtime_ns - system, system};
}

std::uint64_t less(std::uint64_t a, std::uint64_t b) {
  return a > b ? a - b : 0;
}

}  // namespace

CpuTime cpu_time(const Times& from, const Times& to) {
  return split({.runtime_ns = less(to.runtime_ns, from.runtime_ns),
                .user = less(to.user, from.user),
                .system = less(to.system, from.system)});
}

}  // namespace sightline::execsnoop
