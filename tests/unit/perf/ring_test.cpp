// SPDX-License-Identifier: Apache-2.0
#include "perf/ring.h"

#include <gtest/gtest.h>

#include <deque>

#include "record_bytes.h"

namespace sightline::perf {
namespace {

// The kernel's side of a ring, in memory of our own.
class FakeRing {
 public:
  explicit FakeRing(std::size_t size = 4096) : data_(size) {}

  Ring reader() { return {&control_, data_}; }

  // Writes as the kernel does: byte after byte around the end, then the head.
  void write(const std::vector<std::byte>& bytes) {
    for (auto byte : bytes) data_[head_++ & (data_.size() - 1)] = byte;
    control_.data_head = head_;
  }
  // Puts the ring near its end, read up to there.
  void start_at(std::uint64_t position) {
    head_ = position;
    control_.data_head = control_.data_tail = position;
  }
  [[nodiscard]] std::uint64_t free_bytes() const {
    return data_.size() - (control_.data_head - control_.data_tail);
  }
  perf_event_mmap_page& control() { return control_; }

 private:
  perf_event_mmap_page control_{};
  std::vector<std::byte> data_;
  std::uint64_t head_ = 0;
};

using Seen = std::vector<std::pair<std::uint64_t, std::string>>;

Seen drain(RingMerge& merge, std::uint64_t until) {
  Seen seen;
  merge.drain(until, [&](const Record& record) {
    const auto* comm = std::get_if<CommRecord>(&record);
    seen.emplace_back(id_of(record).time_ns, comm ? comm->comm : "?");
  });
  return seen;
}

TEST(Ring, RecordsWrapAroundAtEveryOffset) {
  auto record = comm_bytes(1, "wrapped");
  for (std::size_t offset = 0; offset < 4096; offset += 8) {
    FakeRing fake;
    // A reader that was opened when the ring stood elsewhere reads on from 0.
    auto ring = fake.reader();
    std::vector<std::byte> padding(offset);
    if (offset >= 8) {
      perf_event_header header{PERF_RECORD_SAMPLE, 0,
                               static_cast<std::uint16_t>(offset)};
      std::memcpy(padding.data(), &header, sizeof(header));
      fake.write(padding);
      ring.refresh();
      EXPECT_EQ(ring.next().size(), offset);
      ring.release();
    }
    fake.write(record);
    ring.refresh();
    auto bytes = ring.next();
    EXPECT_TRUE(std::ranges::equal(bytes, record)) << offset;
    EXPECT_TRUE(ring.next().empty());
  }
}

TEST(Ring, SpaceIsGivenBackOnlyByRelease) {
  FakeRing fake;
  auto ring = fake.reader();
  fake.write(comm_bytes(1, "a"));
  ring.refresh();
  EXPECT_FALSE(ring.next().empty());
  EXPECT_LT(fake.free_bytes(), 4096U);
  ring.release();
  EXPECT_EQ(fake.free_bytes(), 4096U);
}

TEST(Ring, WhatIsWrittenAfterRefreshWaits) {
  FakeRing fake;
  auto ring = fake.reader();
  ring.refresh();
  fake.write(comm_bytes(1, "a"));
  EXPECT_TRUE(ring.next().empty());
  ring.refresh();
  EXPECT_FALSE(ring.next().empty());
}

TEST(Ring, ImpossibleSizesDropTheRestOnce) {
  for (std::uint16_t size : {0, 4, 7, 5000}) {
    FakeRing fake;
    auto ring = fake.reader();
    auto bad = comm_bytes(1, "bad");
    std::memcpy(bad.data() + offsetof(perf_event_header, size), &size,
                sizeof(size));
    fake.write(bad);
    fake.write(comm_bytes(2, "behind"));
    ring.refresh();
    EXPECT_TRUE(ring.next().empty());
    EXPECT_EQ(ring.damaged(), 1U);
    fake.write(comm_bytes(3, "good"));
    ring.refresh();
    EXPECT_FALSE(ring.next().empty());
  }
}

TEST(Ring, AHeadThatJumpedIsNotFollowed) {
  FakeRing fake;
  auto ring = fake.reader();
  fake.control().data_head = 1'000'000;
  ring.refresh();
  EXPECT_TRUE(ring.next().empty());
  EXPECT_EQ(ring.damaged(), 1U);
}

class RingMergeTest : public ::testing::Test {
 protected:
  RingMerge merge(std::size_t count) {
    fakes_.resize(count);
    std::vector<Ring> rings;
    for (auto& fake : fakes_) rings.push_back(fake.reader());
    return RingMerge(std::move(rings));
  }
  std::deque<FakeRing> fakes_;
};

TEST_F(RingMergeTest, OrdersByTimeAcrossRings) {
  auto all = merge(3);
  fakes_[0].write(comm_bytes(10, "a"));
  fakes_[0].write(comm_bytes(40, "d"));
  fakes_[1].write(comm_bytes(20, "b"));
  fakes_[2].write(comm_bytes(30, "c"));
  fakes_[2].write(comm_bytes(50, "e"));
  EXPECT_EQ(drain(all, UINT64_MAX),
            (Seen{{10, "a"}, {20, "b"}, {30, "c"}, {40, "d"}, {50, "e"}}));
  EXPECT_EQ(all.counts().delivered, 5U);
  EXPECT_EQ(all.counts().late, 0U);
}

TEST_F(RingMergeTest, KeepsWhatIsAfterTheHorizon) {
  auto all = merge(2);
  fakes_[0].write(comm_bytes(10, "a"));
  fakes_[0].write(comm_bytes(30, "c"));
  fakes_[1].write(comm_bytes(20, "b"));
  EXPECT_EQ(drain(all, 20), (Seen{{10, "a"}, {20, "b"}}));
  EXPECT_EQ(drain(all, 29), Seen{});
  fakes_[1].write(comm_bytes(25, "between"));
  EXPECT_EQ(drain(all, 30), (Seen{{25, "between"}, {30, "c"}}));
  EXPECT_EQ(all.counts().late, 0U);
}

TEST_F(RingMergeTest, ALateRecordMovesForwardAndIsCounted) {
  auto all = merge(2);
  fakes_[0].write(comm_bytes(50, "on time"));
  drain(all, 60);
  fakes_[1].write(comm_bytes(45, "late"));
  fakes_[1].write(comm_bytes(70, "next"));
  EXPECT_EQ(drain(all, 80), (Seen{{50, "late"}, {70, "next"}}));
  EXPECT_EQ(all.counts().late, 1U);
}

TEST_F(RingMergeTest, CountsLossAndWhatItCannotRead) {
  auto all = merge(1);
  fakes_[0].write(RecordBytes(PERF_RECORD_LOST).add_u64(1, 17).finish(5));
  fakes_[0].write(RecordBytes(PERF_RECORD_AUX).add_u64(1, 2, 3).finish(6));
  fakes_[0].write(comm_bytes(7, "a"));
  EXPECT_EQ(drain(all, UINT64_MAX), (Seen{{5, "?"}, {7, "a"}}));
  EXPECT_EQ(all.counts().lost, 17U);
  EXPECT_EQ(all.counts().skipped, 1U);
}

TEST_F(RingMergeTest, ManyRoundsAroundSmallRings) {
  auto all = merge(2);
  Seen expected;
  Seen seen;
  for (std::uint64_t time = 1; time <= 2000; ++time) {
    auto name = std::string(time % 15, 'x');
    fakes_[time % 2].write(comm_bytes(time, name));
    expected.emplace_back(time, name);
    if (time % 37 != 0) continue;
    auto part = drain(all, time - 5);
    seen.insert(seen.end(), part.begin(), part.end());
  }
  auto rest = drain(all, UINT64_MAX);
  seen.insert(seen.end(), rest.begin(), rest.end());
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(fakes_[0].free_bytes(), 4096U);
}

}  // namespace
}  // namespace sightline::perf
