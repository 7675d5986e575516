// SPDX-License-Identifier: Apache-2.0
// On a real ring. Each test says why it is skipped where bpf() is not
// permitted.
#include "event/reader.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "bpf/real_ring.h"

namespace sightline::event {
namespace {

constexpr std::size_t bound = 4096;
// What a record takes in the ring, and in memory at least.
constexpr std::size_t in_ring = bpf::RealRing::record_bytes + 8;
constexpr std::size_t in_memory = bpf::RealRing::record_bytes;

class ReaderTest : public testing::Test {
 protected:
  void SetUp() override {
    if (made_.err() == EPERM || made_.err() == EACCES) {
      GTEST_SKIP() << "bpf() is not permitted: " << std::strerror(made_.err());
    }
    ASSERT_EQ(made_.err(), 0);
    auto reader = Reader::open(
        made_.map(),
        [this](std::span<const std::byte> record, std::uint64_t read_ns) {
          seen_.push_back(std::to_integer<int>(record[0]));
          times_.push_back(read_ns);
        },
        bound);
    ASSERT_TRUE(reader) << reader.error().what;
    reader_ = *std::move(reader);
  }

  void send(int from, int to) {
    for (int i = from; i <= to; ++i) {
      ASSERT_TRUE(made_.send({static_cast<std::byte>(i)}));
      expected_.push_back(i);
    }
  }

  // Until the ring is full.
  void fill() {
    int sent = 0;
    while (sent < 250 && made_.send({static_cast<std::byte>(sent)})) ++sent;
    ASSERT_LT(sent, 250) << "the ring should have been full";
    for (int i = 0; i < sent; ++i) expected_.push_back(i);
  }

  bpf::RealRing made_{8192};
  std::unique_ptr<Reader> reader_;
  std::vector<int> seen_;
  std::vector<int> expected_;
  std::vector<std::uint64_t> times_;
};

TEST_F(ReaderTest, HandsOverInOrderAndInPortions) {
  send(1, 5);
  EXPECT_TRUE(reader_->read(1));
  EXPECT_EQ(seen_, std::vector{1});
  EXPECT_FALSE(reader_->empty());
  send(6, 7);
  while (!reader_->empty()) EXPECT_TRUE(reader_->read(1));
  EXPECT_EQ(seen_, expected_);
  EXPECT_TRUE(std::ranges::is_sorted(times_));
}

TEST_F(ReaderTest, KeepsNoMoreThanItsBound) {
  fill();
  EXPECT_TRUE(reader_->read(1));
  // What it has not kept is still in the ring.
  int room = 0;
  while (room < 200 && made_.send({std::byte{250}})) ++room;
  EXPECT_GT(room, 0);
  EXPECT_LE(static_cast<std::size_t>(room), bound / in_memory + 1);
  expected_.insert(expected_.end(), static_cast<std::size_t>(room), 250);
  EXPECT_FALSE(reader_->empty());
  while (!reader_->empty()) EXPECT_TRUE(reader_->read(in_ring));
  EXPECT_EQ(seen_, expected_) << "in their order, and none is left behind";
}

TEST_F(ReaderTest, IsNotEmptyWhileTheRingHasWhatItHadNoRoomFor) {
  fill();
  do {
    EXPECT_TRUE(reader_->read(2 * bound));
  } while (!reader_->empty());
  EXPECT_EQ(seen_, expected_);
}

TEST_F(ReaderTest, WhatItsThreadHasKeptComesInItsOrder) {
  ASSERT_TRUE(reader_->start());
  send(1, 1);
  pollfd ready{.fd = reader_->fd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&ready, 1, 60'000), 1) << "the thread has read it";
  fill();
  do {
    EXPECT_TRUE(reader_->read(1));
  } while (!reader_->empty());
  EXPECT_EQ(seen_, expected_);
  EXPECT_TRUE(std::ranges::is_sorted(times_));
}

}  // namespace
}  // namespace sightline::event
