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

// What was used between the two that the runtime has not yet, or had not yet
// then. More than a tick (at 100 Hz) is none, but clocks that have drifted
// apart, or a kernel that does without ticks.
std::int64_t uncounted_ns(const Times& from, const Times& to) {
  constexpr std::int64_t most = 10'000'000;
  if (from.uncounted_ns == 0 || to.uncounted_ns == 0) return 0;
  auto ns = static_cast<std::int64_t>(to.uncounted_ns - from.uncounted_ns);
  return ns >= -most && ns <= most ? ns : 0;
}

std::uint64_t runtime_ns(const Times& from, const Times& to) {
  auto uncounted = uncounted_ns(from, to);
  auto more = static_cast<std::uint64_t>(std::max<std::int64_t>(uncounted, 0));
  auto less_by =
      static_cast<std::uint64_t>(std::max<std::int64_t>(-uncounted, 0));
  return less(to.runtime_ns + more, from.runtime_ns + less_by);
}

}  // namespace

CpuTime cpu_time(const Times& from, const Times& to) {
  return split({.runtime_ns = runtime_ns(from, to),
                .user = less(to.user, from.user),
                .system = less(to.system, from.system)});
}

}  // namespace sightline::execsnoop
