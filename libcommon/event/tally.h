// SPDX-License-Identifier: Apache-2.0
// Totals by key instead of a row for each event: how many, how many of them
// failed, how long they took.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/histogram.h"

namespace sightline::event {

struct Total {
  std::uint64_t count = 0;
  std::uint64_t failed = 0;
  Histogram durations_ns = {};  // of those that have one
};

// Not thread-safe. A key may be anything; once `most_keys` are known, further
// ones are counted together.
class Tally {
 public:
  explicit Tally(std::size_t most_keys = 4096) : most_keys_(most_keys) {}

  // The total of a key, made with its first use.
  Total& at(std::string_view key);

  // Most first, equal ones by name; the pointers hold until the next at() or
  // clear().
  using Entry = std::pair<std::string_view, const Total*>;
  [[nodiscard]] std::vector<Entry> ranked() const;

  void clear() { totals_.clear(); }

  // What further keys are counted under.
  static constexpr std::string_view others = "[others]";

 private:
  std::size_t most_keys_;
  std::unordered_map<std::string, Total> totals_;
};

}  // namespace sightline::event
