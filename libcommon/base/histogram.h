// SPDX-License-Identifier: Apache-2.0
// Many values in little memory, for percentiles.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace sightline {

// Counts of values in buckets that are an eighth of their power of two wide, so
// that a percentile is at most 12.5 % too high. Only buckets that have a value
// take memory, 16 bytes each, and there are at most 496. A plain value; pure;
// not thread-safe.
class Histogram {
 public:
  void add(std::uint64_t value) { add(bucket_of(value), 1, value); }
  // All that `other` has.
  void add(const Histogram& other);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  // The largest value in the bucket where that share (0 to 100) of all values
  // is reached, never above the largest value added; 0 of nothing.
  [[nodiscard]] std::uint64_t percentile(double share) const;

  // How many values are from `from` to below the next power of two; `from` is
  // one itself, or 0 for 0 and 1. Without gaps from the smallest value to the
  // largest; nothing of nothing.
  struct Power {
    std::uint64_t from = 0;
    std::uint64_t count = 0;
  };
  [[nodiscard]] std::vector<Power> by_power() const;

 private:
  using Bucket = std::pair<std::uint32_t, std::uint64_t>;  // which, how many
  static std::uint32_t bucket_of(std::uint64_t value);
  static std::uint64_t last_of(std::uint32_t bucket);
  void add(std::uint32_t bucket, std::uint64_t count, std::uint64_t largest);

  std::vector<Bucket> buckets_ = {};  // in order
  std::uint64_t count_ = 0;
  std::uint64_t largest_ = 0;
};

}  // namespace sightline
