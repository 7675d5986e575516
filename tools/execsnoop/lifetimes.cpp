// SPDX-License-Identifier: Apache-2.0
#include "lifetimes.h"

#include <sys/wait.h>

#include <algorithm>
#include <utility>

namespace sightline::execsnoop {
namespace {

Life ended(const Exec& exec, const Exit& exit) {
  auto code = static_cast<int>(exit.code);
  auto cpu = cpu_time(exec.times, exit.times);
  return {.outcome = WIFSIGNALED(code) ? Outcome::killed : Outcome::exited,
          .exit_code = WIFEXITED(code) ? WEXITSTATUS(code) : 0,
          .signal = WIFSIGNALED(code) ? WTERMSIG(code) : 0,
          .core_dumped = WIFSIGNALED(code) && WCOREDUMP(code),
          .wall_ns = exit.time_ns - exec.time_ns,
          .user_ns = cpu.user_ns,
          .system_ns = cpu.system_ns,
          .max_rss_bytes = exit.max_rss_bytes};
}

Life replaced(const Exec& exec, const Exec& next) {
  auto cpu = cpu_time(exec.times, next.times);
  return {.outcome = Outcome::replaced,
          .wall_ns = next.time_ns - exec.time_ns,
          .user_ns = cpu.user_ns,
          .system_ns = cpu.system_ns};
}

}  // namespace

void Lifetimes::end(std::uint32_t process, const Life& life) {
  auto node = running_.extract(process);
  node.mapped().life = life;
  handler_(std::move(node.mapped()));
}

void Lifetimes::take(Exec&& exec) {
  if (exec.error != 0) {
    handler_(std::move(exec));
    return;
  }
  auto before = running_.find(exec.process);
  if (before != running_.end()) {
    bool same = before->second.start_ns == exec.start_ns;
    end(exec.process, same ? replaced(before->second, exec) : Life{});
  }
  auto process = exec.process;
  running_.emplace(process, std::move(exec));
}

void Lifetimes::take(const Exit& exit) {
  auto exec = running_.find(exit.process);
  if (exec == running_.end() || exec->second.start_ns != exit.start_ns) return;
  end(exit.process, ended(exec->second, exit));
}

std::vector<Exec> Lifetimes::running(std::uint64_t now_ns) const {
  std::vector<Exec> all;
  for (const auto& [process, exec] : running_) {
    all.push_back(exec);
    all.back().life = {.outcome = Outcome::running,
                       .wall_ns = now_ns - std::min(now_ns, exec.time_ns)};
  }
  std::ranges::sort(all, {}, &Exec::time_ns);
  return all;
}

void Lifetimes::end_all(std::uint64_t now_ns) {
  auto all = running(now_ns);
  running_.clear();
  for (auto& exec : all) handler_(std::move(exec));
}

}  // namespace sightline::execsnoop
