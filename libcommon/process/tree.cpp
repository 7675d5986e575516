// SPDX-License-Identifier: Apache-2.0
#include "process/tree.h"

#include <algorithm>
#include <map>
#include <set>

#include "process/proc.h"

namespace sightline::process {

std::vector<std::uint32_t> descendants(std::span<const std::uint32_t> roots,
                                       std::span<const Parentage> processes) {
  std::multimap<std::uint32_t, std::uint32_t> children;
  for (const auto& process : processes) {
    children.emplace(process.parent, process.pid);
  }
  std::set<std::uint32_t> found(roots.begin(), roots.end());
  std::vector<std::uint32_t> todo(roots.begin(), roots.end());
  while (!todo.empty()) {
    auto [at, end] = children.equal_range(todo.back());
    todo.pop_back();
    for (; at != end; ++at) {
      if (found.insert(at->second).second) todo.push_back(at->second);
    }
  }
  for (auto root : roots) found.erase(root);
  return {found.begin(), found.end()};
}

Result<std::vector<std::uint32_t>> read_descendants(
    std::span<const std::uint32_t> roots) {
  std::vector<Parentage> processes;
  for (auto pid : SL_TRY(list_processes())) {
    if (auto stat = read_stat(pid)) processes.push_back({pid, stat->parent});
  }
  return descendants(roots, processes);
}

}  // namespace sightline::process
