// SPDX-License-Identifier: Apache-2.0
#include "event/tally.h"

#include <algorithm>
#include <tuple>

namespace sightline::event {

Total& Tally::at(std::string_view key) {
  auto known = totals_.find(std::string(key));
  if (known != totals_.end()) return known->second;
  bool full = totals_.size() >= most_keys_;
  return totals_[std::string(full ? others : key)];
}

std::vector<Tally::Entry> Tally::ranked() const {
  std::vector<Entry> entries;
  for (const auto& [key, total] : totals_) entries.emplace_back(key, &total);
  std::ranges::sort(entries, [](const Entry& a, const Entry& b) {
    return std::tuple(b.second->count, a.first) <
           std::tuple(a.second->count, b.first);
  });
  return entries;
}

}  // namespace sightline::event
