// SPDX-License-Identifier: Apache-2.0
// Names that were found for addresses, as long as they are of use. Times are
// CLOCK_MONOTONIC in nanoseconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/units.h"
#include "dns/address.h"

namespace sightline::dns {

// How a name is known, best first.
enum class Source {
  lookup,        // the process itself called getaddrinfo() and got the address
  other_lookup,  // another process did whose word is as good: see find()
  answer,        // a name server said so to somebody on this host
};

// "getaddrinfo", "getaddrinfo_other" or "answer".
std::string_view to_string(Source source);

struct Name {
  std::string text;  // one word (dns/host_name.h)
  Source source = Source::answer;
};

// Who asks, or connects. All of it as the kernel has it then.
struct Process {
  std::uint32_t pid = 0;     // 0: outside our PID namespace
  std::uint32_t parent = 0;  // 0: not known
  std::uint32_t uid = 0;     // in the initial user namespace
  std::uint64_t cgroup = 0;
};

// A map of what was found, which forgets the least lately used when it is full:
// of the user who has most in it, so that whoever fills it drives out his own,
// and nobody has less room than all have on average. Not thread-safe.
template <typename Value>
class SharedTable {
 public:
  struct Key {
    std::uint32_t uid = 0;
    std::uint32_t pid = 0;  // 0: of anybody who has the rest
    std::uint64_t cgroup = 0;
    Address address;

    bool operator==(const Key&) const = default;
  };

  explicit SharedTable(std::size_t most) : most_(most) {}

  Value* find(const Key& key) {
    auto place = places_.find(key);
    if (place == places_.end()) return nullptr;
    auto& entries = users_[key.uid];
    entries.splice(entries.begin(), entries, place->second);
    return &place->second->value;
  }

  Value& at(const Key& key) {
    if (auto* known = find(key)) return *known;
    if (places_.size() >= most_) forget_one();
    auto& entries = users_[key.uid];
    ranks_.erase({entries.size(), key.uid});
    entries.push_front({.key = key, .value = {}});
    ranks_.insert({entries.size(), key.uid});
    places_[key] = entries.begin();
    return entries.front().value;
  }

  [[nodiscard]] std::size_t size() const { return places_.size(); }

 private:
  struct Entry {
    Key key;
    Value value;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      auto who = key.cgroup ^ std::uint64_t{key.uid} << 32 ^ key.pid;
      return AddressHash{}(key.address) ^ (who * 0x9e3779b97f4a7c15ULL);
    }
  };
  using Entries = std::list<Entry>;  // used last, first

  void forget_one() {
    auto uid = ranks_.rbegin()->second;
    auto user = users_.find(uid);
    auto& entries = user->second;
    ranks_.erase({entries.size(), uid});
    places_.erase(entries.back().key);
    entries.pop_back();
    if (entries.empty()) {
      users_.erase(user);
    } else {
      ranks_.insert({entries.size(), uid});
    }
  }

  std::size_t most_;
  std::unordered_map<std::uint32_t, Entries> users_;
  std::set<std::pair<std::size_t, std::uint32_t>> ranks_;  // size, user
  std::unordered_map<Key, typename Entries::iterator, KeyHash> places_;
};

// Pure; not thread-safe.
class NameCache {
 public:
  // Addresses of processes, of users and of answers that are kept at most, each
  // in a table of its own: answers of strangers cannot drive out what processes
  // have asked for.
  static constexpr std::size_t default_most = 32'768;

  // How long a name is believed. How long its zone lets it be kept says nothing
  // here: programs keep what they found as long as they like.
  static constexpr std::uint64_t most_age_ns = 3600 * ns_per_second;

  // Of one address: names that came by one after the other. Events are read a
  // while after they happened, and meant is what was known then.
  static constexpr std::size_t most_names = 8;

  explicit NameCache(std::size_t most = default_most)
      : own_(most), others_(most), answers_(most) {}

  // getaddrinfo() has given the process the address for that name.
  void add_lookup(const Process& who, const Address& address,
                  std::string_view name, std::uint64_t time_ns);

  // A name server has.
  void add_answer(const Address& address, std::string_view name,
                  std::uint64_t time_ns);

  // What the process most likely asked for when it connected to the address at
  // that time: the name that was found last before. Its own lookups come first,
  // then the newest of what others looked up and of what servers answered.
  //
  // Whoever calls getaddrinfo() of a library of his own chooses what it
  // returns, so a lookup counts for those alone who are his anyway: for the
  // same user in the same cgroup. Root's counts for what it becomes or starts
  // in that cgroup: for the process itself and its children under any user. An
  // own lookup is by the same rule: what a process looked up as a user is not
  // its own any more when it has become another. A number that another process
  // of the same user and cgroup had within `most_age_ns` is not told apart.
  std::optional<Name> find(const Process& who, const Address& address,
                           std::uint64_t time_ns);

  [[nodiscard]] std::size_t size() const {
    return own_.size() + others_.size() + answers_.size();
  }

 private:
  struct Known {
    Name name;
    std::uint64_t first_ns = 0;
    std::uint64_t last_ns = 0;
  };
  using Names = std::vector<Known>;
  using Table = SharedTable<Names>;
  using Key = Table::Key;

  static void add(Names& names, std::string_view text, Source source,
                  std::uint64_t time_ns);
  static const Known* newest_before(std::initializer_list<const Names*> all,
                                    std::uint64_t time_ns);

  Table own_;
  Table others_;   // of users in cgroups
  Table answers_;  // of nobody
};

}  // namespace sightline::dns
