// SPDX-License-Identifier: Apache-2.0
#include "probes.h"

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

namespace sightline::execsnoop {
namespace {

bool is_next(const Exec& before, const Exec& next) {
  if (base_name(before.file) != base_name(next.file)) return false;
  // Those of a script that was found have the interpreter in front.
  return next.error == 0 || before.args == next.args;
}

}  // namespace

bool search_goes_on(int error) {
  switch (error) {
    case EACCES:
    case ENOENT:
    case ENOTDIR:
    case ENODEV:
    case ESTALE:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

void Probes::continue_search(const Exec& before, Exec& next) {
  next.probes = before.probes;
  next.probes.push_back({before.file, before.error});
  if (next.error != 0) next.time_ns = before.time_ns;
}

void Probes::take(Exec&& exec) {
  auto search = searches_.find(exec.thread);
  if (search != searches_.end()) {
    auto before = std::move(search->second.last);
    searches_.erase(search);
    if (is_next(before, exec)) {
      continue_search(before, exec);
    } else {
      handler_(std::move(before));
    }
  }
  if (search_goes_on(exec.error)) {
    auto thread = exec.thread;
    searches_[thread].last = std::move(exec);
  } else {
    handler_(std::move(exec));
  }
}

void Probes::settle() {
  std::vector<Exec> ended;
  for (auto at = searches_.begin(); at != searches_.end();) {
    if (std::exchange(at->second.seen, true)) {
      ended.push_back(std::move(at->second.last));
      at = searches_.erase(at);
    } else {
      ++at;
    }
  }
  std::ranges::sort(ended, {}, &Exec::time_ns);
  for (auto& exec : ended) handler_(std::move(exec));
}

}  // namespace sightline::execsnoop
