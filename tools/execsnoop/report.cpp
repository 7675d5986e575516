// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <fmt/format.h>

namespace sightline::execsnoop {
namespace {

std::string parent_key(const Exec& exec) {
  return fmt::format("{} ({})", exec.parent_comm, exec.parent);
}

void count(event::Total& total, bool failed) {
  ++total.count;
  if (failed) ++total.failed;
}

}  // namespace

void Summary::add(const Exec& exec, const std::string& cgroup) {
  bool failed = exec.error != 0;
  count(all, failed);
  count(by_command.at(command_name(exec)), failed);
  count(by_parent.at(parent_key(exec)), failed);
  count(by_cgroup.at(cgroup), failed);
}

// A program that still runs has no lifetime yet.
void Summary::add_life(const Exec& exec, const std::string& cgroup) {
  if (!exec.life || exec.life->outcome == Outcome::running ||
      exec.life->outcome == Outcome::unknown) {
    return;
  }
  auto wall = exec.life->wall_ns;
  all.durations_ns.add(wall);
  by_command.at_known(command_name(exec)).durations_ns.add(wall);
  by_parent.at_known(parent_key(exec)).durations_ns.add(wall);
  by_cgroup.at_known(cgroup).durations_ns.add(wall);
}

}  // namespace sightline::execsnoop
