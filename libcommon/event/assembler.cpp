// SPDX-License-Identifier: Apache-2.0
#include "event/assembler.h"

#include <cstring>

namespace sightline::event {

event_header header_of(std::span<const std::byte> record) {
  event_header header{};
  std::memcpy(&header, record.data(), sizeof(header));
  return header;
}

void Assembler::take(std::span<const std::byte> record, std::uint64_t read_ns) {
  if (record.size() < sizeof(event_header)) return;
  auto header = header_of(record);
  if (header.rest != 0) {
    add_rest(header, record, read_ns);
  } else if (header.more == 0 && waiting_.empty()) {
    handler_({.first = record});
    return;
  } else {
    add_first(header, record, read_ns);
  }
  hand_over_complete();
  give_up(read_ns);
}

void Assembler::add_first(const event_header& header,
                          std::span<const std::byte> record,
                          std::uint64_t read_ns) {
  bool whole = header.more == 0;
  auto& event =
      waiting_.emplace_back(Waiting{.key = {header.time_ns, header.tid},
                                    .read_ns = read_ns,
                                    .first = {record.begin(), record.end()},
                                    .bytes = sizeof(Waiting) + record.size(),
                                    .complete = whole,
                                    .whole = whole});
  bytes_ += event.bytes;
  if (whole) return;
  auto& known = incomplete_[event.key];
  // Two of the same key never are; nothing could be told apart behind it.
  if (known != nullptr) known->complete = true;
  known = &event;
}

// The rest of an event that was given up has no place any more.
void Assembler::add_rest(const event_header& header,
                         std::span<const std::byte> record,
                         std::uint64_t read_ns) {
  auto known = incomplete_.find({header.time_ns, header.tid});
  if (known == incomplete_.end()) return;
  auto& event = *known->second;
  auto bytes = sizeof(event.rest[0]) + record.size();
  event.rest.emplace_back(record.begin(), record.end());
  event.read_ns = read_ns;
  event.seen_incomplete = false;  // it makes progress
  event.bytes += bytes;
  bytes_ += bytes;
  if (header.more != 0) return;
  event.complete = true;
  // Records are numbered: one of them may be lost before the last.
  event.whole = event.rest.size() == header.rest;
  incomplete_.erase(known);
}

void Assembler::hand_over_oldest() {
  const auto& event = waiting_.front();
  auto known = incomplete_.find(event.key);
  if (known != incomplete_.end() && known->second == &event) {
    incomplete_.erase(known);
  }
  handler_({event.first, event.rest, event.whole});
  bytes_ -= event.bytes;
  waiting_.pop_front();
}

void Assembler::hand_over_complete() {
  while (!waiting_.empty() && waiting_.front().complete) hand_over_oldest();
}

// The oldest is incomplete, or there is none.
void Assembler::give_up(std::uint64_t read_ns) {
  while (!waiting_.empty() &&
         (read_ns - waiting_.front().read_ns > most_wait_ns ||
          bytes_ > most_bytes)) {
    hand_over_oldest();
    hand_over_complete();
  }
}

void Assembler::settle() {
  std::erase_if(incomplete_, [](const auto& entry) {
    auto& event = *entry.second;
    event.complete = event.seen_incomplete;
    event.seen_incomplete = true;
    return event.complete;
  });
  hand_over_complete();
}

}  // namespace sightline::event
