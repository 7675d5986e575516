// SPDX-License-Identifier: Apache-2.0
#include "probes.h"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

namespace sightline::execsnoop {
namespace {

bool has_tried(const Exec& search, std::string_view file) {
  return search.file == file ||
         std::ranges::find(search.probes, file, &Probe::file) !=
             search.probes.end();
}

// A directory may be in PATH twice; who searches there was given a name only.
bool is_named(const Exec& exec) {
  return !exec.args.empty() && exec.args.front() == base_name(exec.file);
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

bool Probes::is_next(const Exec& before, const Exec& next) {
  if (base_name(before.file) != base_name(next.file) ||
      before.probes.size() == most_probes ||
      next.time_ns > before.time_ns + most_ns) {
    return false;
  }
  if (has_tried(before, next.file) && !is_named(before)) return false;
  // Those of a script that was found have the interpreter in front.
  return next.error == 0 || before.args == next.args;
}

void Probes::continue_search(Exec&& before, Exec& next) {
  next.probes = std::move(before.probes);
  next.probes.push_back({std::move(before.file), before.error});
  if (next.error != 0) next.time_ns = before.time_ns;
}

Exec Probes::take_out(std::uint32_t thread) {
  auto search = searches_.extract(thread);
  held_ -= search.mapped().last.probes.size() + 1;
  return std::move(search.mapped().last);
}

void Probes::take(Exec&& exec) {
  if (searches_.contains(exec.thread)) {
    auto before = take_out(exec.thread);
    if (is_next(before, exec)) {
      continue_search(std::move(before), exec);
    } else {
      handler_(std::move(before));
    }
  }
  if (search_goes_on(exec.error)) {
    auto thread = exec.thread;
    held_ += exec.probes.size() + 1;
    searches_[thread].last = std::move(exec);
  } else {
    handler_(std::move(exec));
  }
}

void Probes::settle() {
  std::vector<std::uint32_t> threads;
  for (auto& [thread, search] : searches_) {
    if (std::exchange(search.seen, true)) threads.push_back(thread);
  }
  std::vector<Exec> ended;
  for (auto thread : threads) ended.push_back(take_out(thread));
  std::ranges::sort(ended, {}, &Exec::time_ns);
  for (auto& exec : ended) handler_(std::move(exec));
}

}  // namespace sightline::execsnoop
