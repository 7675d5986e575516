// SPDX-License-Identifier: Apache-2.0
// Totals by key instead of a row for each event.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/histogram.h"

namespace sightline::event {

// What keys without a place of their own are counted under.
inline constexpr std::string_view others = "[others]";

// How many, how many of them failed, how long they took.
struct Total {
  std::uint64_t count = 0;
  std::uint64_t failed = 0;
  Histogram durations_ns = {};  // of those that have one

  void add(const Total& other) {
    count += other.count;
    failed += other.failed;
    durations_ns.add(other.durations_ns);
  }
};

// Totals of a type that has `count` and add(). A key may be anything a stranger
// chose, as many as he likes: when there are `most_keys`, those with the
// smallest counts are added to `others`, so that all sums stay exact, and what
// there is much of has a place whenever it comes. Not thread-safe.
template <typename T = Total>
class Tally {
 public:
  explicit Tally(std::size_t most_keys = 4096) : most_keys_(most_keys) {}

  // The total of a key, made with its first use. Holds until the next at().
  T& at(std::string_view key) {
    auto known = totals_.find(std::string(key));
    if (known != totals_.end()) return known->second;
    if (totals_.size() >= most_keys_ && key != others) make_room();
    return totals_[std::string(key)];
  }

  // The same for what belongs to an earlier at(): not made again when its key
  // has become one of the others.
  T& at_known(std::string_view key) {
    auto known = totals_.find(std::string(key));
    return known != totals_.end() ? known->second : at(others);
  }

  // Most first, equal ones by name; the pointers hold until the next at() or
  // clear().
  using Entry = std::pair<std::string_view, const T*>;
  [[nodiscard]] std::vector<Entry> ranked() const {
    std::vector<Entry> entries;
    for (const auto& [key, total] : totals_) entries.emplace_back(key, &total);
    std::ranges::sort(entries, [](const Entry& a, const Entry& b) {
      return std::tuple(b.second->count, a.first) <
             std::tuple(a.second->count, b.first);
    });
    return entries;
  }

  void clear() { totals_.clear(); }

 private:
  // A quarter of them at once, so that it happens seldom.
  void make_room() {
    auto ranked = this->ranked();
    std::erase_if(ranked, [](const Entry& e) { return e.first == others; });
    auto keep = std::min(ranked.size() - 1, most_keys_ - most_keys_ / 4);
    T sum;
    for (const auto& [key, total] : std::span(ranked).subspan(keep)) {
      sum.add(*total);
      totals_.erase(std::string(key));
    }
    totals_[std::string(others)].add(sum);
  }

  std::size_t most_keys_;
  std::unordered_map<std::string, T> totals_;
};

}  // namespace sightline::event
