// SPDX-License-Identifier: Apache-2.0
// Generated code by address, where what comes later replaces what it overlaps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace sightline::symbol {

// Code that a runtime generated. The name points into the reader that gave it
// and holds until that reader's next refresh.
struct CodeSymbol {
  std::string_view name;
  std::uint64_t start = 0;
  std::uint64_t size = 0;
};

// How much a reader keeps. Where that is not enough, it forgets the older half;
// the newest function is always kept.
struct CodeLimits {
  std::size_t functions;
  std::size_t name_bytes;
};

// Numbered ranges, of which the one with the highest number is seen. Const
// members may be called from many threads.
class CodeRanges {
 public:
  struct Range {
    std::uint64_t start;
    std::uint32_t size;
    std::uint32_t number;
  };

  // [start, start + size) must not be empty and not reach over 2^64. Numbers
  // ascend. Amortized O(log n).
  void add(Range range);

  // Makes what was added visible to find(). Linear in what was added lately,
  // and now and then in all; free if nothing was added.
  void settle();

  // Brings all into pieces(). Linear in the number of ranges.
  void unite();

  // The number of the range that is seen at `address`. O(log n).
  [[nodiscard]] std::optional<std::uint32_t> find(std::uint64_t address) const;

  // What is seen, ascending and disjoint, as of the last unite(): at most two
  // pieces for each range.
  [[nodiscard]] const std::vector<Range>& pieces() const { return pieces_; }

  // Forgets numbers under `first` and counts the others from their place in
  // `kept`, which is ascending and has all numbers from `first` on that are
  // seen. Unites.
  void renumber(const std::vector<std::uint32_t>& kept);

  void clear();
  [[nodiscard]] std::size_t memory() const;

 private:
  std::vector<Range> pieces_;
  std::vector<Range> recent_;  // the same, later than all of pieces_
  std::vector<Range> added_;
};

}  // namespace sightline::symbol
