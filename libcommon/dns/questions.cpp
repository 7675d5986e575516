// SPDX-License-Identifier: Apache-2.0
#include "dns/questions.h"

#include <functional>
#include <string>
#include <utility>

namespace sightline::dns {

std::size_t Questions::Hash::operator()(const Asked& asked) const {
  std::size_t ends = AddressHash{}(asked.client) * 31 ^
                     AddressHash {}(asked.server) ^ asked.client_port;
  return std::hash<std::string>{}(asked.question.name) ^ ends * 31 ^
         (std::size_t{asked.question.id} << 16) ^ asked.question.type;
}

void Questions::forget_oldest() {
  places_.erase(open_.back().asked);
  open_.pop_back();
}

void Questions::add(const Asked& asked, std::uint64_t time_ns) {
  auto known = places_.find(asked);
  if (known != places_.end()) {
    open_.splice(open_.begin(), open_, known->second);
    known->second->time_ns = time_ns;
    known->second->answered = false;
    return;
  }
  while (!open_.empty() && open_.back().time_ns + most_age_ns < time_ns) {
    forget_oldest();
  }
  if (open_.size() >= most_) forget_oldest();
  open_.push_front({.asked = asked, .time_ns = time_ns});
  places_[asked] = open_.begin();
}

// Packets come in the order in which they passed; what their clocks say may
// differ by a little.
Match Questions::match(const Asked& asked, std::uint64_t time_ns) {
  auto known = places_.find(asked);
  if (known == places_.end()) return Match::none;
  auto& open = *known->second;
  if (open.time_ns + most_age_ns < time_ns) return Match::none;
  return std::exchange(open.answered, true) ? Match::again : Match::first;
}

}  // namespace sightline::dns
