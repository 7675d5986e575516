// SPDX-License-Identifier: Apache-2.0
// Side-band records: what processes did to their memory, names and lives, as
// the kernel writes it into a perf ring (enum perf_event_type,
// include/uapi/linux/perf_event.h). Decoding is pure and thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

namespace sightline::perf {

// What each record carries in its sample_id trailer: who was running, when
// (CLOCK_MONOTONIC, nanoseconds) and on which CPU. PIDs are those of the PID
// namespace that the events were opened in; 0 for one outside it.
struct RecordId {
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  std::uint64_t time_ns = 0;
  std::uint32_t cpu = 0;
};

// Executable memory was mapped.
struct MmapRecord {
  RecordId id;
  std::uint64_t start = 0;
  std::uint64_t length = 0;
  std::uint64_t file_offset = 0;
  // Which file.
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::uint64_t inode = 0;
  std::uint64_t inode_generation = 0;
  // PROT_* and MAP_*.
  std::uint32_t protection = 0;
  std::uint32_t flags = 0;
  // Raw bytes, as seen from the process's mount namespace; also `//anon`,
  // `[vdso]`, `[heap]`; a deleted file's ends in ` (deleted)`.
  std::string path;
};

// A thread got a name, by execve when `exec`.
struct CommRecord {
  RecordId id;
  std::string comm;
  bool exec = false;
};

// A thread was made or ended; in `id` stands the thread itself, not its
// parent. A thread of the same process has parent_pid == pid.
struct ForkRecord {
  RecordId id;
  std::uint32_t parent_pid = 0;
  std::uint32_t parent_tid = 0;
};
struct ExitRecord {
  RecordId id;
  std::uint32_t parent_pid = 0;
  std::uint32_t parent_tid = 0;
};

// The ring was full: this many records are missing about here.
struct LostRecord {
  RecordId id;
  std::uint64_t count = 0;
};

// The kernel paused a sampler that took too much time, or let it go on.
struct ThrottleRecord {
  RecordId id;
  bool throttled = false;
};

using Record = std::variant<MmapRecord, CommRecord, ForkRecord, ExitRecord,
                            LostRecord, ThrottleRecord>;

RecordId& id_of(Record& record);
const RecordId& id_of(const Record& record);

// One record, header and trailer included, of events opened with sample_id_all
// and sample_type TID | TIME | CPU, and without build_id. Nothing for types not
// listed above and for bytes that cannot be such a record; strings end at their
// first NUL or at the trailer.
//
// PERF_RECORD_MISC_MMAP_BUILD_ID is not believed: the kernel leaves it set in
// the records of all events that it tells of a mapping behind one that has
// asked for build-ids, whoever's that is (perf_event_mmap_output(),
// kernel/events/core.c, Linux 5.12 to 6.18).
std::optional<Record> decode_record(std::span<const std::byte> bytes);

}  // namespace sightline::perf
