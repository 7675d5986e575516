// SPDX-License-Identifier: Apache-2.0
#include "perf/record.h"

#include <linux/perf_event.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace sightline::perf {
namespace {

constexpr std::size_t trailer_size = 24;

// Takes fields off the front; what is missing reads as zero and is remembered.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}

  template <typename T>
  T take() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    if (sizeof(T) > rest_.size()) {
      whole_ = false;
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof(T));
    rest_ = rest_.subspan(sizeof(T));
    return value;
  }

  std::string take_text() {
    auto end = std::ranges::find(rest_, std::byte{0});
    std::string text(static_cast<std::size_t>(end - rest_.begin()), '\0');
    std::memcpy(text.data(), rest_.data(), text.size());
    rest_ = {};
    return text;
  }

  [[nodiscard]] bool whole() const { return whole_; }

 private:
  std::span<const std::byte> rest_;
  bool whole_ = true;
};

// struct sample_id for TID | TIME | CPU, in that order.
RecordId decode_id(std::span<const std::byte> trailer) {
  Reader in(trailer);
  RecordId id;
  id.pid = in.take<std::uint32_t>();
  id.tid = in.take<std::uint32_t>();
  id.time_ns = in.take<std::uint64_t>();
  id.cpu = in.take<std::uint32_t>();
  return id;
}

Record decode_mmap(Reader& in, RecordId id) {
  MmapRecord mmap;
  mmap.id = id;
  mmap.id.pid = in.take<std::uint32_t>();
  mmap.id.tid = in.take<std::uint32_t>();
  mmap.start = in.take<std::uint64_t>();
  mmap.length = in.take<std::uint64_t>();
  mmap.file_offset = in.take<std::uint64_t>();
  mmap.device_major = in.take<std::uint32_t>();
  mmap.device_minor = in.take<std::uint32_t>();
  mmap.inode = in.take<std::uint64_t>();
  mmap.inode_generation = in.take<std::uint64_t>();
  mmap.protection = in.take<std::uint32_t>();
  mmap.flags = in.take<std::uint32_t>();
  mmap.path = in.take_text();
  return mmap;
}

Record decode_comm(Reader& in, RecordId id, std::uint16_t misc) {
  CommRecord comm;
  comm.id = id;
  comm.id.pid = in.take<std::uint32_t>();
  comm.id.tid = in.take<std::uint32_t>();
  comm.comm = in.take_text();
  comm.exec = (misc & PERF_RECORD_MISC_COMM_EXEC) != 0;
  return comm;
}

// FORK and EXIT have one layout: pid, ppid, tid, ptid, time.
template <typename Life>
Record decode_life(Reader& in, RecordId id) {
  Life life;
  life.id = id;
  life.id.pid = in.take<std::uint32_t>();
  life.parent_pid = in.take<std::uint32_t>();
  life.id.tid = in.take<std::uint32_t>();
  life.parent_tid = in.take<std::uint32_t>();
  in.take<std::uint64_t>();
  return life;
}

Record decode_lost(Reader& in, RecordId id, bool of_samples) {
  if (!of_samples) in.take<std::uint64_t>();  // the event's number
  return LostRecord{.id = id, .count = in.take<std::uint64_t>()};
}

std::optional<Record> decode_body(Reader& in, RecordId id,
                                  const perf_event_header& header) {
  switch (header.type) {
    case PERF_RECORD_MMAP2:
      return decode_mmap(in, id);
    case PERF_RECORD_COMM:
      return decode_comm(in, id, header.misc);
    case PERF_RECORD_FORK:
      return decode_life<ForkRecord>(in, id);
    case PERF_RECORD_EXIT:
      return decode_life<ExitRecord>(in, id);
    case PERF_RECORD_LOST:
    case PERF_RECORD_LOST_SAMPLES:
      return decode_lost(in, id, header.type == PERF_RECORD_LOST_SAMPLES);
    case PERF_RECORD_THROTTLE:
    case PERF_RECORD_UNTHROTTLE:
      return ThrottleRecord{.id = id,
                            .throttled = header.type == PERF_RECORD_THROTTLE};
    default:
      return std::nullopt;
  }
}

}  // namespace

RecordId& id_of(Record& record) {
  return std::visit([](auto& kind) -> RecordId& { return kind.id; }, record);
}

const RecordId& id_of(const Record& record) {
  return std::visit([](const auto& kind) -> const RecordId& { return kind.id; },
                    record);
}

std::optional<Record> decode_record(std::span<const std::byte> bytes) {
  if (bytes.size() < sizeof(perf_event_header) + trailer_size) {
    return std::nullopt;
  }
  Reader head(bytes);
  auto header = head.take<perf_event_header>();
  if (header.size != bytes.size()) return std::nullopt;
  auto body = bytes.subspan(sizeof(header));
  auto id = decode_id(body.last(trailer_size));
  Reader in(body.first(body.size() - trailer_size));
  auto record = decode_body(in, id, header);
  if (!in.whole()) return std::nullopt;
  return record;
}

}  // namespace sightline::perf
