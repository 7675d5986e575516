// SPDX-License-Identifier: Apache-2.0
// Reading perf rings, and many of them as one stream in order of time.
// Inside the room; not thread-safe.
#pragma once

#include <linux/perf_event.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "perf/record.h"

namespace sightline::perf {

// One ring that the kernel fills: a control page and a power of two of data.
// It owns neither; both must outlive it.
class Ring {
 public:
  Ring(perf_event_mmap_page* control, std::span<const std::byte> data)
      : control_(control), data_(data) {}

  // Looks up to where the kernel has written; next() goes no further.
  void refresh();

  // The next record's bytes, valid until the next call; empty when there is
  // none. A header that cannot be right drops what is left up to refresh()'s
  // limit, since nothing tells where the next record starts.
  std::span<const std::byte> next();

  // Gives the space of all records that next() returned back to the kernel.
  void release();

  // Headers that could not be right.
  [[nodiscard]] std::uint64_t damaged() const { return damaged_; }

 private:
  std::span<const std::byte> contiguous(std::size_t size);

  perf_event_mmap_page* control_;
  std::span<const std::byte> data_;
  std::uint64_t head_ = 0;
  std::uint64_t tail_ = 0;
  std::uint64_t damaged_ = 0;
  std::vector<std::byte> unwrapped_;
};

// Merges rings by time. Records that are not due yet stay in their ring (the
// first of each, decoded, here), so nothing grows.
class RingMerge {
 public:
  struct Counts {
    std::uint64_t delivered = 0;
    std::uint64_t lost = 0;     // sum of LOST records
    std::uint64_t late = 0;     // moved forward to keep the order
    std::uint64_t skipped = 0;  // undecodable: other types, damaged bytes
  };

  explicit RingMerge(std::vector<Ring> rings);

  // Delivers all records up to `until_ns`, in order. Takes time in proportion
  // to their number (and the logarithm of the rings'), and ends even while the
  // kernel goes on writing.
  void drain(std::uint64_t until_ns,
             const std::function<void(const Record&)>& deliver);

  [[nodiscard]] Counts counts() const;

 private:
  struct Source {
    Ring ring;
    std::optional<Record> head;
  };
  // Decodes until there is a record at the front; false at the ring's end.
  bool advance(Source& source);
  void hand_over(Record record,
                 const std::function<void(const Record&)>& deliver);

  std::vector<Source> sources_;
  std::uint64_t last_ns_ = 0;
  Counts counts_;
};

}  // namespace sightline::perf
