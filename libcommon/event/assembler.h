// SPDX-License-Identifier: Apache-2.0
// Events out of the records of a ring (bpf/include/event.h): whole, and in the
// order in which they began.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "event.h"

namespace sightline::event {

// One event: its first record, and those with the rest of it in their order.
struct Pieces {
  std::span<const std::byte> first;
  std::span<const std::vector<std::byte>> rest = {};
  bool whole = true;  // the last record has come
};

// The header of a record that has one; the caller has checked the size.
event_header header_of(std::span<const std::byte> record);

// Pure but for its handler, which runs inside the calls. Not thread-safe.
class Assembler {
 public:
  using Handler = std::function<void(const Pieces&)>;

  explicit Assembler(Handler handler) : handler_(std::move(handler)) {}

  // One record; hands over what is complete with it, and what waited for that.
  void take(std::span<const std::byte> record);

  // An event that was incomplete at the last call too has lost records: it is
  // handed over without them. To be called now and then, twice at the end.
  void settle();

 private:
  struct Waiting {
    event_header header;
    std::vector<std::byte> first;
    std::vector<std::vector<std::byte>> rest = {};
    bool whole = false;
    bool seen_incomplete = false;  // by settle()
    bool given_up = false;
  };
  void add_rest(const event_header& header, std::span<const std::byte> record);
  void hand_over();

  Handler handler_;
  std::deque<Waiting> waiting_;
};

}  // namespace sightline::event
