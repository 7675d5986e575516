// SPDX-License-Identifier: Apache-2.0
// What lies in the store, read as the kernel half reads it. What was read is
// kept: a view is for one batch of walks, and sees nothing that comes later.
// Its windows count as memory of the tool, so they are small, and few.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "base/handle.h"
#include "unwind/store.h"
#include "unwind_rows.h"

namespace sightline::unwind {

// Not thread-safe. `store` must outlive it.
class StoreView {
 public:
  explicit StoreView(const Store& store) : store_(store) {}

  // The block that a word lies in; null where there is none, or it cannot be
  // mapped. Valid until the next call.
  const std::uint32_t* block_of(std::uint64_t word);

  std::optional<unwind_object> object(std::uint32_t id);
  std::optional<unwind_rule> rule(std::uint32_t number);

  // Bytes of the store that are mapped now.
  [[nodiscard]] std::size_t mapped_bytes() const {
    return windows_.size() * window_bytes;
  }

  // Two blocks: the pages of arm64 may have 64 KiB.
  static constexpr std::size_t window_bytes =
      std::size_t{2} * UNWIND_BLOCK_WORDS * sizeof(std::uint32_t);
  static constexpr std::size_t most_bytes = 2U << 20;

 private:
  const Store& store_;
  std::unordered_map<std::uint64_t, UniqueMapping> windows_;  // by place
  std::unordered_map<std::uint32_t, unwind_object> objects_;
  std::unordered_map<std::uint32_t, unwind_rule> rules_;
};

}  // namespace sightline::unwind
