// SPDX-License-Identifier: Apache-2.0
// Frames by where their code lies: object and offset, independent of process
// and load address, so that each is named once. Not thread-safe.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "process/objects.h"
#include "symbol/reason.h"

namespace sightline::stack {

using FrameId = std::uint32_t;

// `offset` is what is looked up: the instruction of a leaf, one byte before the
// return address of a caller. Without an object it is the address itself.
struct Frame {
  process::ObjectId object = process::no_object;
  symbol::Reason reason = symbol::Reason::none;
  std::uint64_t offset = 0;

  bool operator==(const Frame&) const = default;
};

struct FrameHash {
  std::size_t operator()(const Frame& frame) const;
};

class FrameTable {
 public:
  FrameId intern(const Frame& frame);
  [[nodiscard]] const Frame& at(FrameId id) const { return frames_[id]; }
  [[nodiscard]] std::size_t size() const { return frames_.size(); }

 private:
  std::vector<Frame> frames_;
  std::unordered_map<Frame, FrameId, FrameHash> ids_;
};

}  // namespace sightline::stack
