// SPDX-License-Identifier: Apache-2.0
// Many values in little memory, for percentiles.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sightline {

// Counts of values in buckets that are an eighth of their power of two wide, so
// that a percentile is at most 12.5 % too high. A plain value; pure; not
// thread-safe.
class Histogram {
 public:
  void add(std::uint64_t value);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  // The largest value in the bucket where that share (0 to 100) of all values
  // is reached, never above the largest value added; 0 of nothing.
  [[nodiscard]] std::uint64_t percentile(double share) const;

 private:
  static constexpr std::size_t steps = 8;  // a power of two
  std::array<std::uint64_t, 64 * steps> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t largest_ = 0;
};

}  // namespace sightline
