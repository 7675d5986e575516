// SPDX-License-Identifier: Apache-2.0
#include "event/backlog.h"

#include <algorithm>
#include <cstring>

namespace sightline::event {
namespace {

// In front of each record.
struct Prefix {
  std::size_t size;
  std::uint64_t read_ns;
};

}  // namespace

Backlog::Block& Backlog::block_for(std::size_t bytes) {
  if (blocks_.empty() || blocks_.back().capacity - blocks_.back().end < bytes) {
    auto capacity = std::max(bytes, block_bytes);
    blocks_.push_back(
        {std::make_unique_for_overwrite<std::byte[]>(capacity), capacity});
  }
  return blocks_.back();
}

void Backlog::add(std::span<const std::byte> record, std::uint64_t read_ns) {
  Prefix prefix{.size = record.size(), .read_ns = read_ns};
  auto bytes = sizeof(prefix) + record.size();
  auto& block = block_for(bytes);
  auto* to = block.memory.get() + block.end;
  std::memcpy(to, &prefix, sizeof(prefix));
  std::ranges::copy(record, to + sizeof(prefix));
  block.end += bytes;
  bytes_ += bytes;
}

// The last one stays for what comes next.
void Backlog::drop_read_block() {
  auto& block = blocks_.front();
  if (block.begin < block.end) return;
  if (blocks_.size() > 1 || block.capacity > block_bytes) {
    blocks_.pop_front();
  } else {
    block.begin = block.end = 0;
  }
}

void Backlog::hand_over(std::size_t bytes, const Handler& handler) {
  auto until = bytes_ - std::min(bytes, bytes_);
  while (bytes_ > until) {
    auto& block = blocks_.front();
    const auto* from = block.memory.get() + block.begin;
    Prefix prefix{};
    std::memcpy(&prefix, from, sizeof(prefix));
    handler({from + sizeof(prefix), prefix.size}, prefix.read_ns);
    block.begin += sizeof(prefix) + prefix.size;
    bytes_ -= sizeof(prefix) + prefix.size;
    drop_read_block();
  }
}

}  // namespace sightline::event
