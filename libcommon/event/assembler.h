// SPDX-License-Identifier: Apache-2.0
// Events out of the records of a ring (bpf/include/event.h): whole, and in the
// order in which they began.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "base/units.h"
#include "event.h"

namespace sightline::event {

// One event: its first record, and those with the rest of it in their order.
struct Pieces {
  std::span<const std::byte> first;
  std::span<const std::vector<std::byte>> rest = {};
  bool whole = true;  // all records have come
};

// The header of a record that has one; the caller has checked the size.
event_header header_of(std::span<const std::byte> record);

// Keeps what comes behind an event that lacks records, in bounds: of time and
// of memory. Work and memory are linear in what comes, whatever is lost. Pure
// but for its handler, which runs inside the calls. Not thread-safe.
class Assembler {
 public:
  using Handler = std::function<void(const Pieces&)>;

  // An event waits no longer than this for its next record, counted by the
  // times at which records left the ring: the kernel half sends the records of
  // an event at once, and only what preempts it there comes between. The times
  // in the headers do not tell: an event may be sent long after it began.
  static constexpr std::uint64_t most_wait_ns = 500 * ns_per_ms;
  // What waits, as it is kept in memory.
  static constexpr std::size_t most_bytes = 16U << 20;

  explicit Assembler(Handler handler) : handler_(std::move(handler)) {}

  // One record, and when it left the ring (never less than before). Hands over
  // what is complete with it, what waited for that, and what has waited too
  // long or takes too much memory: the oldest first, without what it lacks.
  void take(std::span<const std::byte> record, std::uint64_t read_ns);

  // An event that was incomplete at the last call too has lost records: it is
  // handed over without them. To be called when the ring is empty, now and
  // then, and twice at the end.
  void settle();

 private:
  using Key = std::pair<std::uint64_t, std::uint32_t>;  // time and thread
  struct Waiting {
    Key key;
    std::uint64_t read_ns;  // of the last record
    std::vector<std::byte> first;
    std::vector<std::vector<std::byte>> rest = {};
    std::size_t bytes = 0;
    bool complete = false;  // no more will come
    bool whole = false;
    bool seen_incomplete = false;  // by settle()
  };
  void add_first(const event_header& header, std::span<const std::byte> record,
                 std::uint64_t read_ns);
  void add_rest(const event_header& header, std::span<const std::byte> record,
                std::uint64_t read_ns);
  void give_up(std::uint64_t read_ns);
  void hand_over_complete();
  void hand_over_oldest();

  Handler handler_;
  std::deque<Waiting> waiting_;         // in their order
  std::map<Key, Waiting*> incomplete_;  // of these
  std::size_t bytes_ = 0;               // that they take
};

}  // namespace sightline::event
