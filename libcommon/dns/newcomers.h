// SPDX-License-Identifier: Apache-2.0
// Which processes are worth a look at what they have mapped. Whoever starts
// processes without end must not keep the one who looks. Pure; not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/units.h"

namespace sightline::dns {

// Processes that have appeared, each twice: a container's first one is
// something else for a moment. Who waits for the first time and who waits for
// the second take turns, so that neither keeps the other.
class Newcomers {
 public:
  static constexpr std::size_t default_most = 4096;

  explicit Newcomers(std::size_t most = default_most) : most_(most) {}

  // All that there are now, ascending. The first time all of them wait, else
  // those that were not there at the last call and those that were not there at
  // the last but one; what is more than `most` of a kind is skipped.
  void add(std::vector<std::uint32_t> processes);

  // One that is there already has become somebody else: it waits as those do
  // that have appeared.
  void renew(std::uint32_t process);

  // Who has waited longest of those whose turn it is.
  std::optional<std::uint32_t> next();

  [[nodiscard]] std::uint64_t skipped() const { return skipped_; }

 private:
  using Pids = std::vector<std::uint32_t>;
  using Queue = std::deque<std::uint32_t>;

  void append(Queue& queue, const Pids& pids);

  std::size_t most_;
  Queue fresh_;
  Queue again_;
  bool turn_of_again_ = false;
  // Of the last call and of the one before it, ascending.
  Pids last_;
  Pids before_;
  Pids renewed_;  // since the last call
  std::uint64_t skipped_ = 0;
  bool first_ = true;
};

// What each process executes, as far as it has been asked: a process that
// executes another program maps other libraries.
class Executions {
 public:
  // All that there are now, ascending; forgets the others.
  void keep(const std::vector<std::uint32_t>& processes);

  // Whose turn it is to be asked: one after the other, by number.
  std::optional<std::uint32_t> next();

  // This is what it executes. Whether that was something else the last time.
  bool changes(std::uint32_t process, std::string_view program);

 private:
  std::vector<std::uint32_t> all_;
  std::uint32_t asked_ = 0;
  std::unordered_map<std::uint32_t, std::size_t> programs_;  // a hash
};

// How often each program was looked at. After a few times its libraries are
// known; but it may be started with others later (an upgrade), so that all is
// forgotten after a minute, or when there are too many programs.
class SeenPrograms {
 public:
  static constexpr unsigned enough = 4;
  static constexpr std::uint64_t most_age_ns = 60 * ns_per_second;
  static constexpr std::size_t most = 4096;

  // Whether it is worth another look; counts it. Times are CLOCK_MONOTONIC.
  bool wants_look(const std::string& program, std::uint64_t now_ns);

 private:
  std::unordered_map<std::string, unsigned> looks_;
  std::uint64_t since_ns_ = 0;
};

}  // namespace sightline::dns
