// SPDX-License-Identifier: Apache-2.0
#include "stack/frames.h"

namespace sightline::stack {

std::size_t FrameHash::operator()(const Frame& frame) const {
  auto kind = std::uint64_t{frame.object} << 8 |
              static_cast<std::uint64_t>(frame.reason);
  auto hash = (frame.offset ^ (kind << 24)) * 0x9e3779b97f4a7c15ULL;
  return hash ^ (hash >> 32);
}

FrameId FrameTable::intern(const Frame& frame) {
  auto [at, added] =
      ids_.try_emplace(frame, static_cast<FrameId>(frames_.size()));
  if (added) frames_.push_back(frame);
  return at->second;
}

}  // namespace sightline::stack
