// SPDX-License-Identifier: Apache-2.0
#include "dns/name_cache.h"

#include <algorithm>
#include <utility>

namespace sightline::dns {

std::string_view to_string(Source source) {
  switch (source) {
    case Source::lookup:
      return "getaddrinfo";
    case Source::other_lookup:
      return "getaddrinfo_other";
    case Source::answer:
      break;
  }
  return "answer";
}

std::size_t NameCache::KeyHash::operator()(const Key& key) const {
  return AddressHash{}(key.address) ^ (key.pid * 0x9e3779b97f4a7c15ULL);
}

NameCache::Names* NameCache::Table::find(const Key& key) {
  auto place = places_.find(key);
  if (place == places_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, place->second);
  return &place->second->names;
}

NameCache::Names& NameCache::Table::at(const Key& key) {
  if (auto* names = find(key)) return *names;
  if (places_.size() >= most_) {
    places_.erase(entries_.back().key);
    entries_.pop_back();
  }
  entries_.push_front({.key = key, .names = {}});
  places_[key] = entries_.begin();
  return entries_.front().names;
}

// A name that comes again, with no other between, was known all the time.
void NameCache::add(Names& names, std::string_view text, Source source,
                    std::uint64_t time_ns) {
  auto newest = std::ranges::max_element(names, {}, &Known::last_ns);
  if (newest != names.end() && newest->last_ns <= time_ns &&
      newest->name.text == text && newest->name.source == source) {
    newest->last_ns = time_ns;
    return;
  }
  if (names.size() == most_names) {
    names.erase(std::ranges::min_element(names, {}, &Known::last_ns));
  }
  names.push_back({.name = {.text = std::string(text), .source = source},
                   .first_ns = time_ns,
                   .last_ns = time_ns});
}

void NameCache::add_lookup(std::uint32_t pid, const Address& address,
                           std::string_view name, std::uint64_t time_ns) {
  if (pid != 0) {
    add(own_.at({.pid = pid, .address = address}), name, Source::lookup,
        time_ns);
  }
  add(any_.at({.address = address}), name, Source::other_lookup, time_ns);
}

void NameCache::add_answer(const Address& address, std::string_view name,
                           std::uint64_t time_ns) {
  add(any_.at({.address = address}), name, Source::answer, time_ns);
}

// Events are read a while after they happened: what was found by then may have
// come after the time that is asked about.
const NameCache::Known* NameCache::newest_before(const Names& names,
                                                 std::uint64_t time_ns) {
  const Known* newest = nullptr;
  std::pair<std::uint64_t, std::uint64_t> newest_times;
  for (const auto& known : names) {
    if (known.first_ns > time_ns) continue;
    std::pair times(std::min(known.last_ns, time_ns), known.first_ns);
    if (time_ns - times.first > most_age_ns) continue;
    if (newest == nullptr || times > newest_times) {
      newest = &known;
      newest_times = times;
    }
  }
  return newest;
}

std::optional<Name> NameCache::find(std::uint32_t pid, const Address& address,
                                    std::uint64_t time_ns) {
  for (auto* names :
       {pid != 0 ? own_.find({.pid = pid, .address = address}) : nullptr,
        any_.find({.address = address})}) {
    const auto* known =
        names == nullptr ? nullptr : newest_before(*names, time_ns);
    if (known != nullptr) return known->name;
  }
  return std::nullopt;
}

}  // namespace sightline::dns
