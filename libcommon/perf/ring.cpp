// SPDX-License-Identifier: Apache-2.0
#include "perf/ring.h"

#include <algorithm>
#include <cstring>
#include <queue>
#include <utility>

namespace sightline::perf {

// The kernel publishes data with a release store of data_head, and may reuse
// space once it sees data_tail: acquire here and release there keep our reads
// between the two (perf_output_put_handle, kernel/events/ring_buffer.c, Linux
// 6.12). The page is shared memory that the kernel writes, hence the builtins.
void Ring::refresh() {
  auto head = __atomic_load_n(&control_->data_head, __ATOMIC_ACQUIRE);
  // More than a ring full cannot be; then nothing in it can be trusted.
  if (head - tail_ > data_.size()) {
    ++damaged_;
    tail_ = head;
  }
  head_ = head;
}

std::span<const std::byte> Ring::next() {
  if (head_ - tail_ < sizeof(perf_event_header)) return {};
  perf_event_header header;
  auto start = contiguous(sizeof(header));
  std::memcpy(&header, start.data(), sizeof(header));
  if (header.size < sizeof(header) || header.size > head_ - tail_) {
    ++damaged_;
    tail_ = head_;
    return {};
  }
  auto record = contiguous(header.size);
  tail_ += header.size;
  return record;
}

std::span<const std::byte> Ring::contiguous(std::size_t size) {
  auto at = static_cast<std::size_t>(tail_ & (data_.size() - 1));
  if (at + size <= data_.size()) return data_.subspan(at, size);
  auto first = data_.size() - at;
  unwrapped_.resize(size);
  std::memcpy(unwrapped_.data(), data_.data() + at, first);
  std::memcpy(unwrapped_.data() + first, data_.data(), size - first);
  return unwrapped_;
}

void Ring::release() {
  __atomic_store_n(&control_->data_tail, tail_, __ATOMIC_RELEASE);
}

RingMerge::RingMerge(std::vector<Ring> rings) {
  for (auto& ring : rings) sources_.push_back({std::move(ring), std::nullopt});
}

void RingMerge::drain(std::uint64_t until_ns,
                      const std::function<void(const Record&)>& deliver) {
  using Due = std::pair<std::uint64_t, std::size_t>;  // time, source
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due;
  auto queue = [&](std::size_t at) {
    if (advance(sources_[at]))
      due.emplace(id_of(*sources_[at].head).time_ns, at);
  };
  for (std::size_t at = 0; at < sources_.size(); ++at) {
    sources_[at].ring.refresh();
    queue(at);
  }
  while (!due.empty() && due.top().first <= until_ns) {
    auto at = due.top().second;
    due.pop();
    hand_over(*std::exchange(sources_[at].head, std::nullopt), deliver);
    queue(at);
  }
  for (auto& source : sources_) source.ring.release();
}

bool RingMerge::advance(Source& source) {
  while (!source.head) {
    auto bytes = source.ring.next();
    if (bytes.empty()) return false;
    source.head = decode_record(bytes);
    if (!source.head) ++counts_.skipped;
  }
  return true;
}

void RingMerge::hand_over(Record record,
                          const std::function<void(const Record&)>& deliver) {
  auto& time = id_of(record).time_ns;
  if (time < last_ns_) {
    ++counts_.late;
    time = last_ns_;
  }
  last_ns_ = time;
  ++counts_.delivered;
  if (auto* lost = std::get_if<LostRecord>(&record)) {
    counts_.lost += lost->count;
  }
  deliver(record);
}

RingMerge::Counts RingMerge::counts() const {
  auto counts = counts_;
  for (const auto& source : sources_) counts.skipped += source.ring.damaged();
  return counts;
}

}  // namespace sightline::perf
