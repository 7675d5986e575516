// SPDX-License-Identifier: Apache-2.0
// Names that were found for addresses, as long as they are of use. Times are
// CLOCK_MONOTONIC in nanoseconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/units.h"
#include "dns/address.h"

namespace sightline::dns {

// How a name is known, best first.
enum class Source {
  lookup,        // the process itself called getaddrinfo() and got the address
  other_lookup,  // another process did: one that it was forked by, a neighbour
  answer,        // a name server said so to somebody on this host
};

// "getaddrinfo", "getaddrinfo_other" or "answer".
std::string_view to_string(Source source);

struct Name {
  std::string text;  // raw bytes: whoever asked or answered has chosen them
  Source source = Source::answer;
};

// Pure; not thread-safe.
class NameCache {
 public:
  // Addresses of processes, and addresses of anybody, that are kept at most:
  // those that were used last. Answers of strangers cannot drive out what
  // processes have asked for themselves.
  static constexpr std::size_t default_most = 32'768;

  // How long a name is believed. How long its zone lets it be kept says nothing
  // here: programs keep what they found as long as they like.
  static constexpr std::uint64_t most_age_ns = 3600 * ns_per_second;

  // Of one address: names that came by one after the other. Events are read a
  // while after they happened, and meant is what was known then.
  static constexpr std::size_t most_names = 8;

  explicit NameCache(std::size_t most = default_most)
      : own_(most), any_(most) {}

  // getaddrinfo() has given process `pid` the address for that name; 0 stands
  // for any process outside our PID namespace.
  void add_lookup(std::uint32_t pid, const Address& address,
                  std::string_view name, std::uint64_t time_ns);

  // A name server has.
  void add_answer(const Address& address, std::string_view name,
                  std::uint64_t time_ns);

  // What the process most likely asked for when it connected to the address at
  // that time: the name that was found last before, its own lookups first. A
  // number that another process had within `most_age_ns` is not told apart.
  std::optional<Name> find(std::uint32_t pid, const Address& address,
                           std::uint64_t time_ns);

  [[nodiscard]] std::size_t size() const { return own_.size() + any_.size(); }

 private:
  struct Key {
    std::uint32_t pid = 0;  // 0: of anybody
    Address address;

    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  struct Known {
    Name name;
    std::uint64_t first_ns = 0;
    std::uint64_t last_ns = 0;
  };
  using Names = std::vector<Known>;

  // A bounded map that forgets what was used least lately.
  class Table {
   public:
    explicit Table(std::size_t most) : most_(most) {}
    Names* find(const Key& key);
    Names& at(const Key& key);
    [[nodiscard]] std::size_t size() const { return places_.size(); }

   private:
    struct Entry {
      Key key;
      Names names;
    };
    std::size_t most_;
    std::list<Entry> entries_;  // used last, first
    std::unordered_map<Key, std::list<Entry>::iterator, KeyHash> places_;
  };

  static void add(Names& names, std::string_view text, Source source,
                  std::uint64_t time_ns);
  static const Known* newest_before(const Names& names, std::uint64_t time_ns);

  Table own_;
  Table any_;
};

}  // namespace sightline::dns
