// SPDX-License-Identifier: Apache-2.0
// Questions to name servers that are open: an answer is believed when somebody
// has asked for it. Times are CLOCK_MONOTONIC in nanoseconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>

#include "base/units.h"
#include "dns/address.h"
#include "dns/message.h"

namespace sightline::dns {

// A question and between whom it stands. The server's port is 53.
struct Asked {
  Address client;
  std::uint16_t client_port = 0;
  Address server;
  Question question;

  bool operator==(const Asked&) const = default;
};

enum class Match {
  first,  // it was asked, and this is the first answer
  again,  // it has been answered before: by whom, the asker does not care
  none,   // nobody asked, or too long ago
};

// Pure; not thread-safe.
class Questions {
 public:
  // Resolvers ask again, as a rule with another number, after five seconds
  // (resolv.conf(5), timeout).
  static constexpr std::uint64_t most_age_ns = 10 * ns_per_second;

  // Open at the same time; the oldest are forgotten.
  static constexpr std::size_t default_most = 8192;

  explicit Questions(std::size_t most = default_most) : most_(most) {}

  // It was asked, or asked again: then it is open again. That a bridge or a
  // bond shows it on each of its devices does no harm.
  void add(const Asked& asked, std::uint64_t time_ns);

  // What an answer with this question, to this client, comes to.
  Match match(const Asked& asked, std::uint64_t time_ns);

  [[nodiscard]] std::size_t size() const { return places_.size(); }

 private:
  struct Hash {
    std::size_t operator()(const Asked& asked) const;
  };
  struct Open {
    Asked asked;
    std::uint64_t time_ns = 0;
    bool answered = false;
  };
  using Place = std::list<Open>::iterator;

  void forget_oldest();

  std::size_t most_;
  std::list<Open> open_;  // asked last, first
  std::unordered_map<Asked, Place, Hash> places_;
};

}  // namespace sightline::dns
