// SPDX-License-Identifier: Apache-2.0
#include "ancestry.h"

#include <fmt/format.h>

#include "base/error.h"
#include "output/folded.h"

namespace sightline::execsnoop {

void FoldedExecs::add(const Exec& exec) {
  std::uint64_t weight = 1;
  if (cpu_time_) {
    if (!exec.life) return;
    weight = (exec.life->user_ns + exec.life->system_ns) / 1000;
  }
  if (weight == 0) return;
  output::FoldedLine line;
  event::put_ancestry(line, exec.ancestors);
  auto name = std::string(command_name(exec));
  if (exec.error != 0) {
    line.frame(exec.comm);
    name += fmt::format(" [{}]", error_name(exec.error));
  }
  line.frame(name);
  counts_.add(line, weight);
}

std::size_t Depths::add(const Exec& exec) {
  std::size_t depth = 0;
  for (const auto& ancestor : exec.ancestors) {
    auto known = depths_.find(ancestor.pid);
    if (known == depths_.end()) continue;
    depth = known->second + 1;
    break;
  }
  // Outside our PID namespace: nobody knows who it is.
  if (exec.pid == 0) return depth;
  if (exec.error != 0) {
    auto own = depths_.find(exec.pid);
    return own != depths_.end() ? own->second + 1 : depth;
  }
  if (depths_.insert_or_assign(exec.pid, depth).second) {
    order_.push_back(exec.pid);
  }
  if (order_.size() > most_) {
    depths_.erase(order_.front());
    order_.pop_front();
  }
  return depth;
}

}  // namespace sightline::execsnoop
