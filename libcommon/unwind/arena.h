// SPDX-License-Identifier: Apache-2.0
// Which words of the store are in use. Pure arithmetic.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "unwind_rows.h"

namespace sightline::unwind {

// A run of words in the store.
struct Extent {
  std::uint32_t word = 0;
  std::uint32_t words = 0;

  bool operator==(const Extent&) const = default;
};

// Begins with no words; grows at its end. All extents begin at an even word, so
// that two words can be read as one number.
class Arena {
 public:
  void add_words(std::uint32_t words);

  // A run within one block of UNWIND_BLOCK_WORDS; nothing when there is none.
  std::optional<Extent> allocate(std::uint32_t words);

  // A run that may go over several blocks.
  std::optional<Extent> allocate_run(std::uint32_t words);

  // Takes back what one of the above gave, whole.
  void free(const Extent& extent);

  [[nodiscard]] std::uint64_t words() const { return end_; }
  [[nodiscard]] std::uint64_t used() const { return used_; }

 private:
  using Free = std::map<std::uint32_t, std::uint32_t>;  // words, by place
  std::optional<Extent> allocate(std::uint32_t words, bool in_one_block);
  Extent take(std::uint32_t start, std::uint32_t at, std::uint32_t words);
  void add(std::uint32_t word, std::uint32_t words);
  void remove(Free::iterator at);

  Free free_;  // neighbours are one
  std::set<std::pair<std::uint32_t, std::uint32_t>> by_size_;
  std::uint64_t end_ = 0;
  std::uint64_t used_ = 0;
};

}  // namespace sightline::unwind
