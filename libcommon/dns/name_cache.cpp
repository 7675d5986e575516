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

void NameCache::add_lookup(const Process& who, const Address& address,
                           std::string_view name, std::uint64_t time_ns) {
  Key key{.uid = who.uid, .pid = 0, .cgroup = who.cgroup, .address = address};
  add(others_.at(key), name, Source::other_lookup, time_ns);
  if (who.pid == 0) return;
  key.pid = who.pid;
  add(own_.at(key), name, Source::lookup, time_ns);
}

void NameCache::add_answer(const Address& address, std::string_view name,
                           std::uint64_t time_ns) {
  Key key{.uid = 0, .pid = 0, .cgroup = 0, .address = address};
  add(answers_.at(key), name, Source::answer, time_ns);
}

// Events are read a while after they happened: what was found by then may have
// come after the time that is asked about.
const NameCache::Known* NameCache::newest_before(
    std::initializer_list<const Names*> all, std::uint64_t time_ns) {
  const Known* newest = nullptr;
  std::pair<std::uint64_t, std::uint64_t> newest_times;
  for (const auto* names : all) {
    if (names == nullptr) continue;
    for (const auto& known : *names) {
      if (known.first_ns > time_ns) continue;
      std::pair times(std::min(known.last_ns, time_ns), known.first_ns);
      if (time_ns - times.first > most_age_ns) continue;
      if (newest == nullptr || times > newest_times) {
        newest = &known;
        newest_times = times;
      }
    }
  }
  return newest;
}

std::optional<Name> NameCache::find(const Process& who, const Address& address,
                                    std::uint64_t time_ns) {
  auto of = [&](std::uint32_t uid, std::uint32_t pid) -> const Names* {
    return pid == 0 ? nullptr
                    : own_.find({.uid = uid,
                                 .pid = pid,
                                 .cgroup = who.cgroup,
                                 .address = address});
  };
  const auto* own =
      newest_before({of(who.uid, who.pid), of(0, who.pid)}, time_ns);
  if (own != nullptr) return own->name;
  const auto* others = others_.find(
      {.uid = who.uid, .pid = 0, .cgroup = who.cgroup, .address = address});
  const auto* answers =
      answers_.find({.uid = 0, .pid = 0, .cgroup = 0, .address = address});
  const auto* parents = of(0, who.parent);
  const auto* known = newest_before({others, parents, answers}, time_ns);
  if (known == nullptr) return std::nullopt;
  auto name = known->name;
  if (name.source == Source::lookup) name.source = Source::other_lookup;
  return name;
}

}  // namespace sightline::dns
