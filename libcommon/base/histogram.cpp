// SPDX-License-Identifier: Apache-2.0
#include "base/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace sightline {
namespace {

constexpr unsigned step_bits = 3;

}  // namespace

// Values below 16 have a bucket each; from there on the power of two and the
// three bits behind the first say which.
std::uint32_t Histogram::bucket_of(std::uint64_t value) {
  if (value < 2U << step_bits) return static_cast<std::uint32_t>(value);
  auto shift = static_cast<unsigned>(std::bit_width(value)) - step_bits - 1;
  return (shift << step_bits) + static_cast<std::uint32_t>(value >> shift);
}

std::uint64_t Histogram::last_of(std::uint32_t bucket) {
  if (bucket < 2U << step_bits) return bucket;
  auto shift = (bucket >> step_bits) - 1;
  std::uint64_t top = (bucket & ((1U << step_bits) - 1)) + (1U << step_bits);
  return ((top + 1) << shift) - 1;
}

void Histogram::add(std::uint32_t bucket, std::uint64_t count,
                    std::uint64_t largest) {
  auto at = std::ranges::lower_bound(buckets_, bucket, {}, &Bucket::first);
  if (at == buckets_.end() || at->first != bucket) {
    at = buckets_.insert(at, {bucket, 0});
  }
  at->second += count;
  count_ += count;
  largest_ = std::max(largest_, largest);
}

void Histogram::add(const Histogram& other) {
  for (const auto& [bucket, count] : other.buckets_) {
    add(bucket, count, other.largest_);
  }
}

std::uint64_t Histogram::percentile(double share) const {
  auto wanted = static_cast<std::uint64_t>(
      std::ceil(static_cast<double>(count_) * share / 100));
  std::uint64_t seen = 0;
  for (const auto& [bucket, count] : buckets_) {
    seen += count;
    if (seen >= std::max<std::uint64_t>(wanted, 1)) {
      return std::min(last_of(bucket), largest_);
    }
  }
  return 0;
}

std::vector<Histogram::Power> Histogram::by_power() const {
  std::vector<Power> powers;
  for (const auto& [bucket, count] : buckets_) {
    auto from = std::bit_floor(last_of(bucket));
    if (from == 1) from = 0;
    if (powers.empty()) powers.push_back({from, 0});
    while (powers.back().from != from) {
      powers.push_back({std::max<std::uint64_t>(powers.back().from * 2, 2), 0});
    }
    powers.back().count += count;
  }
  return powers;
}

}  // namespace sightline
