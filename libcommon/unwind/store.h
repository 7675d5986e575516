// SPDX-License-Identifier: Apache-2.0
// The kernel half's store of rows, page tables and spaces
// (bpf/include/unwind_rows.h), written from user space while programs search
// it. What is given back is used again only after a grace period.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "unwind/arena.h"
#include "unwind/rows.h"
#include "unwind_rows.h"

namespace sightline::unwind {

// Descriptors of the kernel half's maps; not owned.
struct StoreMaps {
  int store = -1;    // array of shards
  int objects = -1;  // unwind_object, by id
  int rules = -1;    // unwind_rule, by index
  int spaces = -1;   // unwind_space, by PID
};

// Not thread-safe; move-only.
class Store {
 public:
  // `most_bytes`: of shards, which are added when they are needed.
  static Result<Store> open(const StoreMaps& maps, std::uint64_t most_bytes);

  // A new object without rows; nullopt when there are too many.
  std::optional<std::uint32_t> add_object(unwind_object_state state);

  // Publishes rows for an object that has none, in an order in which a program
  // never meets half of them. False, with the object left out, when there is no
  // room. Fails only when the kernel refuses.
  Result<bool> publish(std::uint32_t object, const Rows& rows);

  // For objects without rows (pending, frame pointers, left out).
  Status set_state(std::uint32_t object, unwind_object_state state);

  // Takes an object and its rows away. Its number comes back after a grace
  // period. Nothing may map it any more.
  Status remove_object(std::uint32_t object);

  // The mappings of one process or of several that share them, sorted by
  // address, at most UNWIND_MAX_MAPPINGS. nullopt: no room.
  Result<std::optional<Extent>> add_mappings(
      std::span<const unwind_mapping> mappings);
  void release(const Extent& mappings);

  // Which mappings the process `pid` has. Replacing is atomic.
  Status put_space(std::uint32_t pid, const unwind_space& space);
  // No error when there is none.
  void erase_space(std::uint32_t pid);

  // Every program that ran when this was called last has ended since, so what
  // was given back before that call may be used again. To be called after each
  // wait for programs (the collector's swap of counts).
  void grace_period_passed();

  struct Use {
    std::uint64_t shard_bytes = 0;  // kernel memory taken
    std::uint64_t used_bytes = 0;   // of it in use, or in quarantine
    std::uint64_t objects = 0;
    std::uint64_t rows = 0;
    std::uint64_t rules = 0;
  };
  [[nodiscard]] Use use() const;
};

}  // namespace sightline::unwind
