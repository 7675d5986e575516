// SPDX-License-Identifier: Apache-2.0
#include "event/assembler.h"

#include <algorithm>
#include <cstring>

namespace sightline::event {

event_header header_of(std::span<const std::byte> record) {
  event_header header{};
  std::memcpy(&header, record.data(), sizeof(header));
  return header;
}

void Assembler::take(std::span<const std::byte> record) {
  if (record.size() < sizeof(event_header)) return;
  auto header = header_of(record);
  if (header.rest != 0) {
    add_rest(header, record);
  } else if (header.more == 0 && waiting_.empty()) {
    handler_({.first = record});
  } else {
    waiting_.push_back({.header = header,
                        .first = {record.begin(), record.end()},
                        .whole = header.more == 0});
  }
  hand_over();
}

// The rest of an event that was given up has no place any more.
void Assembler::add_rest(const event_header& header,
                         std::span<const std::byte> record) {
  auto event = std::ranges::find_if(waiting_, [&](const Waiting& waiting) {
    return waiting.header.time_ns == header.time_ns &&
           waiting.header.tid == header.tid;
  });
  if (event == waiting_.end()) return;
  event->rest.emplace_back(record.begin(), record.end());
  event->whole = header.more == 0;
}

void Assembler::hand_over() {
  while (!waiting_.empty() &&
         (waiting_.front().whole || waiting_.front().given_up)) {
    const auto& event = waiting_.front();
    handler_({event.first, event.rest, event.whole});
    waiting_.pop_front();
  }
}

void Assembler::settle() {
  for (auto& event : waiting_) {
    event.given_up = event.seen_incomplete && !event.whole;
    event.seen_incomplete = !event.whole;
  }
  hand_over();
}

}  // namespace sightline::event
