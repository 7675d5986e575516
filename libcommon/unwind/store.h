// SPDX-License-Identifier: Apache-2.0
// The kernel half's store of rows, page tables and spaces
// (bpf/include/unwind_rows.h), written from user space while programs search
// it. What is given back is used again only after a grace period.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/handle.h"
#include "unwind/arena.h"
#include "unwind/rows.h"
#include "unwind_rows.h"

namespace sightline::unwind {

// Descriptors of the kernel half's maps, and its era; not owned.
struct StoreMaps {
  int store = -1;                // array of shards
  int objects = -1;              // unwind_object, by id
  int rules = -1;                // unwind_rule, by index
  int spaces = -1;               // unwind_space, by PID
  std::uint32_t* era = nullptr;  // unwind_era
};

// Not thread-safe; move-only.
class Store {
 public:
  // `most_bytes`: of shards, which are added when they are needed, and at least
  // one. Fails when the kernel refuses the fixed rules.
  static Result<Store> open(const StoreMaps& maps, std::uint64_t most_bytes);

  // A new object without rows; nullopt when there are too many.
  std::optional<std::uint32_t> add_object(unwind_object_state state);

  // Publishes rows for an object that has none, in an order in which a program
  // never meets half of them. False, with the object left out, when there is no
  // room. Fails only when the kernel refuses.
  Result<bool> publish(std::uint32_t object, const Rows& rows);

  // Words that rows can be given, if they lie together: what can be had at
  // most.
  [[nodiscard]] std::uint64_t free_words() const;
  // Words that these rows take, about.
  static std::uint64_t words_of(const Rows& rows) {
    return rows.rows.size() + 2 * rows.pages.size();
  }

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

  // Which mappings the process `pid` has. Replacing is atomic. No error when
  // the table of processes is full: then this one has none.
  Status put_space(std::uint32_t pid, unwind_space space);
  // No error when there is none.
  void erase_space(std::uint32_t pid);

  // Whatever was put until now is not believed any more.
  void forget_spaces() { ++*maps_.era; }

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
    std::uint64_t spaces_refused = 0;  // the table of processes was full
  };
  [[nodiscard]] Use use() const;

  // For StoreView: the maps, and a shard's descriptor (-1: there is none).
  [[nodiscard]] const StoreMaps& maps() const { return maps_; }
  [[nodiscard]] int shard(std::uint64_t index) const {
    return index < shards_.size() ? shards_[index].get() : -1;
  }

 private:
  using RuleBytes = std::array<std::uint8_t, sizeof(unwind_rule)>;
  struct Object {
    std::vector<Extent> extents = {};
    std::uint64_t rows = 0;
  };
  struct Given {  // back, and not to be used yet
    std::vector<Extent> extents = {};
    std::vector<std::uint32_t> objects = {};
  };

  explicit Store(const StoreMaps& maps, std::uint64_t most_shards)
      : maps_(maps), most_shards_(most_shards) {}
  Status put_fixed_rules();
  Result<std::uint32_t> number_of(const unwind_rule& rule);
  Result<std::vector<std::uint32_t>> numbers_of(
      std::span<const unwind_rule> rules);
  bool grow();
  std::optional<Extent> room(std::uint32_t words, bool in_one_block);
  Result<bool> write_rows(const Rows& rows, Object& object,
                          std::vector<unwind_page>& pages);
  Result<bool> write_group(const Rows& rows, std::span<const Page> group,
                           std::span<const std::uint32_t> numbers,
                           Object& object, std::vector<unwind_page>& pages);
  Result<bool> write(std::uint32_t word, const void* from, std::size_t bytes);
  Result<bool> open_window(std::size_t number);
  void close_window();
  Status put_object(std::uint32_t id, const unwind_object& object);
  void give_back(Object& object);

  StoreMaps maps_;
  std::uint64_t most_shards_;
  std::vector<UniqueFd> shards_;
  UniqueMapping window_;  // of what was written last
  std::size_t window_number_ = SIZE_MAX;
  Arena arena_;
  std::unordered_map<std::uint32_t, Object> objects_;
  std::vector<std::uint32_t> free_ids_;
  std::uint32_t next_id_ = 0;
  std::uint32_t last_serial_ = 0;
  std::map<RuleBytes, std::uint32_t> rules_;
  std::uint64_t rows_ = 0;
  std::uint64_t spaces_refused_ = 0;
  Given fresh_;     // since the last grace period
  Given settling_;  // since the one before
};

}  // namespace sightline::unwind
