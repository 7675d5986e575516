// SPDX-License-Identifier: Apache-2.0
#include "event/backlog.h"

#include <cstring>

namespace sightline::event {
namespace {

// What a storm took beyond this is given back.
constexpr std::size_t kept_bytes = 4U << 20;

}  // namespace

void Backlog::add(std::span<const std::byte> record) {
  auto size = record.size();
  const auto* bytes = reinterpret_cast<const std::byte*>(&size);
  records_.insert(records_.end(), bytes, bytes + sizeof(size));
  records_.insert(records_.end(), record.begin(), record.end());
}

void Backlog::hand_over(std::size_t bytes, const Handler& handler) {
  auto until = at_ + bytes;
  while (!empty() && at_ < until) {
    std::size_t size = 0;
    std::memcpy(&size, records_.data() + at_, sizeof(size));
    std::span record(records_.data() + at_ + sizeof(size), size);
    at_ += sizeof(size) + size;
    handler(record);
  }
  if (!empty()) return;
  at_ = 0;
  records_.clear();
  if (records_.capacity() > kept_bytes) records_.shrink_to_fit();
}

}  // namespace sightline::event
