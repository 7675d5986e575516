// SPDX-License-Identifier: Apache-2.0
#include "stack/profile.h"

namespace sightline::stack {

std::size_t RowKeyHash::operator()(const RowKey& key) const {
  std::uint64_t hash = 0;
  auto mix = [&](std::uint64_t word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 29;
  };
  mix(std::uint64_t{key.process} << 32 | key.tid);
  mix(static_cast<std::uint64_t>(key.cpu) << 32 | key.event);
  mix(key.cgroup);
  mix(key.word);
  mix(std::uint64_t{key.comm} << 32 | key.stack);
  return hash;
}

Counts& Counts::operator+=(const Counts& more) {
  count += more.count;
  sum += more.sum;
  return *this;
}

ProcessId Profile::process(std::uint32_t pid, std::uint64_t start_ns) {
  auto [at, added] = process_ids_.try_emplace(
      {pid, start_ns}, static_cast<ProcessId>(processes_.size()));
  if (added) processes_.push_back({.pid = pid, .start_ns = start_ns});
  return at->second;
}

std::uint32_t Profile::name(const std::string& comm) {
  auto [at, added] =
      name_ids_.try_emplace(comm, static_cast<std::uint32_t>(names_.size()));
  if (added) names_.push_back(comm);
  return at->second;
}

void Profile::add(const RowKey& key, const Counts& counts) {
  rows_[key] += counts;
  total_ += counts;
}

void Profile::clear_rows() {
  rows_.clear();
  total_ = {};
}

std::vector<FrameId> Profile::stack(CallTree::Node node) const {
  std::vector<FrameId> frames;
  for (auto value : stacks_.path(node)) {
    frames.push_back(static_cast<FrameId>(value));
  }
  return frames;
}

}  // namespace sightline::stack
