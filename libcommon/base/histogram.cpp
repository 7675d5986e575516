// SPDX-License-Identifier: Apache-2.0
#include "base/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

namespace sightline {
namespace {

constexpr unsigned step_bits = 3;

// Values below 16 have a bucket each; from there on the power of two and the
// three bits behind the first say which.
std::size_t bucket_of(std::uint64_t value) {
  if (value < 2U << step_bits) return static_cast<std::size_t>(value);
  auto shift = static_cast<unsigned>(std::bit_width(value)) - step_bits - 1;
  return (static_cast<std::size_t>(shift) << step_bits) +
         static_cast<std::size_t>(value >> shift);
}

std::uint64_t last_of(std::size_t bucket) {
  if (bucket < 2U << step_bits) return bucket;
  auto shift = (bucket >> step_bits) - 1;
  auto top = (bucket & ((1U << step_bits) - 1)) + (1U << step_bits);
  return ((top + 1) << shift) - 1;
}

}  // namespace

void Histogram::add(std::uint64_t value) {
  ++buckets_[bucket_of(value)];
  ++count_;
  largest_ = std::max(largest_, value);
}

std::uint64_t Histogram::percentile(double share) const {
  auto wanted = static_cast<std::uint64_t>(
      std::ceil(static_cast<double>(count_) * share / 100));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= std::max<std::uint64_t>(wanted, 1)) {
      return std::min(last_of(i), largest_);
    }
  }
  return 0;
}

}  // namespace sightline
