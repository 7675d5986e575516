// SPDX-License-Identifier: Apache-2.0
#include "perf/record.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "record_bytes.h"

namespace sightline::perf {
namespace {

template <typename T>
T decode_as(const std::vector<std::byte>& bytes) {
  auto record = decode_record(bytes);
  if (!record || !std::holds_alternative<T>(*record)) {
    ADD_FAILURE() << "not decoded as expected";
    return {};
  }
  return std::get<T>(*record);
}

RecordBytes mmap_start(std::uint16_t misc) {
  RecordBytes bytes(PERF_RECORD_MMAP2, misc);
  bytes.add_u32(100, 101).add_u64(0x7f0000001000, 0x2000, 0x3000);
  return bytes;
}

// The flag of the other form, with build-ids, is left from another event's.
TEST(Record, MmapIsOfTheFormThatWasAskedFor) {
  auto mmap =
      decode_as<MmapRecord>(mmap_start(PERF_RECORD_MISC_USER | 1U << 14)
                                .add_u32(8, 1)
                                .add_u64(4242, 77)
                                .add_u32(PROT_READ | PROT_EXEC, MAP_PRIVATE)
                                .add_text("/lib/odd\nname\xff.so")
                                .finish(5'000, 1, 2, 130));
  EXPECT_EQ(mmap.id.pid, 100U);
  EXPECT_EQ(mmap.id.tid, 101U);
  EXPECT_EQ(mmap.id.time_ns, 5'000U);
  EXPECT_EQ(mmap.id.cpu, 130U);
  EXPECT_EQ(mmap.start, 0x7f0000001000U);
  EXPECT_EQ(mmap.length, 0x2000U);
  EXPECT_EQ(mmap.file_offset, 0x3000U);
  EXPECT_EQ(mmap.device_major, 8U);
  EXPECT_EQ(mmap.device_minor, 1U);
  EXPECT_EQ(mmap.inode, 4242U);
  EXPECT_EQ(mmap.inode_generation, 77U);
  EXPECT_EQ(mmap.protection, std::uint32_t{PROT_READ | PROT_EXEC});
  EXPECT_EQ(mmap.flags, std::uint32_t{MAP_PRIVATE});
  EXPECT_EQ(mmap.path, "/lib/odd\nname\xff.so");
}

TEST(Record, CommTellsExecFromRename) {
  auto comm = [](std::uint16_t misc) {
    return decode_as<CommRecord>(RecordBytes(PERF_RECORD_COMM, misc)
                                     .add_u32(7, 8)
                                     .add_text("a;b\x1b")
                                     .finish(9));
  };
  EXPECT_TRUE(comm(PERF_RECORD_MISC_COMM_EXEC).exec);
  EXPECT_FALSE(comm(0).exec);
  EXPECT_EQ(comm(0).comm, "a;b\x1b");
  EXPECT_EQ(comm(0).id.pid, 7U);
  EXPECT_EQ(comm(0).id.tid, 8U);
}

TEST(Record, ForkAndExitNameTheThreadItself) {
  auto bytes = [](std::uint32_t type) {
    return RecordBytes(type)
        .add_u32(20, 10, 21, 11)
        .add_u64(55)
        .finish(56, 10, 11);
  };
  auto fork = decode_as<ForkRecord>(bytes(PERF_RECORD_FORK));
  EXPECT_EQ(fork.id.pid, 20U);
  EXPECT_EQ(fork.id.tid, 21U);
  EXPECT_EQ(fork.parent_pid, 10U);
  EXPECT_EQ(fork.parent_tid, 11U);
  EXPECT_EQ(fork.id.time_ns, 56U);
  EXPECT_EQ(decode_as<ExitRecord>(bytes(PERF_RECORD_EXIT)).id.tid, 21U);
}

TEST(Record, LossAndThrottle) {
  auto lost = RecordBytes(PERF_RECORD_LOST).add_u64(3, 12).finish(1);
  EXPECT_EQ(decode_as<LostRecord>(lost).count, 12U);
  auto samples = RecordBytes(PERF_RECORD_LOST_SAMPLES).add_u64(13).finish(1);
  EXPECT_EQ(decode_as<LostRecord>(samples).count, 13U);
  auto on = RecordBytes(PERF_RECORD_THROTTLE).add_u64(1, 2, 3).finish(1);
  EXPECT_TRUE(decode_as<ThrottleRecord>(on).throttled);
  auto off = RecordBytes(PERF_RECORD_UNTHROTTLE).add_u64(1, 2, 3).finish(1);
  EXPECT_FALSE(decode_as<ThrottleRecord>(off).throttled);
}

TEST(Record, TextWithoutItsNulEndsAtTheTrailer) {
  RecordBytes bytes(PERF_RECORD_COMM);
  bytes.add_u32(7, 8);
  for (char c : std::string("eightchr")) bytes.add(c);
  EXPECT_EQ(decode_as<CommRecord>(bytes.finish(1)).comm, "eightchr");
}

TEST(Record, EveryTruncationAndUnknownTypeIsRefused) {
  auto whole = mmap_start(0)
                   .add_u32(8, 1)
                   .add_u64(4242, 77)
                   .add_u32(5, 2)
                   .add_text("/x")
                   .finish(5'000);
  ASSERT_TRUE(decode_record(whole));
  // Once as cut bytes, once with a header that admits to the shorter size.
  auto fixed = sizeof(perf_event_header) + 64;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    auto cut = whole;
    cut.resize(size);
    EXPECT_FALSE(decode_record(cut)) << size;
    if (size < sizeof(perf_event_header)) continue;
    auto told = static_cast<std::uint16_t>(size);
    std::memcpy(cut.data() + offsetof(perf_event_header, size), &told,
                sizeof(told));
    EXPECT_EQ(decode_record(cut).has_value(), size >= fixed + 24) << size;
  }
  EXPECT_FALSE(decode_record(RecordBytes(PERF_RECORD_SAMPLE).finish(1)));
  EXPECT_FALSE(decode_record(RecordBytes(0xffffffff).finish(1)));
}

}  // namespace
}  // namespace sightline::perf
