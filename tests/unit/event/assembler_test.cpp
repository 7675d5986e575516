// SPDX-License-Identifier: Apache-2.0
#include "event/assembler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace sightline::event {
namespace {

constexpr auto most_wait_ns = Assembler::most_wait_ns;

class AssemblerTest : public testing::Test {
 protected:
  // `number` of a record with the rest; 0: the first.
  void take(std::uint64_t time, std::uint32_t tid, bool more,
            std::uint8_t number, char content) {
    event_header header{.time_ns = time,
                        .tid = tid,
                        .type = static_cast<__u16>(content),
                        .more = more,
                        .rest = number};
    std::vector<std::byte> record(sizeof(header) + padding_);
    std::memcpy(record.data(), &header, sizeof(header));
    assembler_.take(record, read_ns_);
  }

  std::uint64_t read_ns_ = 0;
  std::size_t padding_ = 0;
  // `a`, `b+c` for a first record and one with the rest, `?` when incomplete.
  std::string seen_;
  Assembler assembler_{[this](const Pieces& pieces) {
    if (!seen_.empty()) seen_ += ' ';
    seen_ += static_cast<char>(header_of(pieces.first).type);
    for (const auto& piece : pieces.rest) {
      seen_ += '+';
      seen_ += static_cast<char>(header_of(piece).type);
    }
    if (!pieces.whole) seen_ += '?';
  }};
};

TEST_F(AssemblerTest, SingleRecordsGoThrough) {
  take(1, 1, false, 0, 'a');
  take(2, 1, false, 0, 'b');
  EXPECT_EQ(seen_, "a b");
}

TEST_F(AssemblerTest, OthersWaitForTheRestOfTheFirst) {
  take(1, 1, true, 0, 'a');
  take(2, 2, false, 0, 'x');
  take(1, 1, true, 1, 'b');
  EXPECT_EQ(seen_, "");
  take(1, 1, false, 2, 'c');
  EXPECT_EQ(seen_, "a+b+c x");
}

TEST_F(AssemblerTest, TwoEventsMayBeInPieces) {
  take(1, 1, true, 0, 'a');
  take(2, 2, true, 0, 'x');
  take(2, 2, false, 1, 'y');
  take(1, 1, false, 1, 'b');
  EXPECT_EQ(seen_, "a+b x+y");
}

TEST_F(AssemblerTest, WithoutARecordOfTheMiddleItIsNotWhole) {
  take(1, 1, true, 0, 'a');
  take(1, 1, false, 2, 'c');
  EXPECT_EQ(seen_, "a+c?");
}

TEST_F(AssemblerTest, WhatNeverCompletesIsGivenUpAtTheSecondLook) {
  take(1, 1, true, 0, 'a');
  take(2, 2, false, 0, 'x');
  assembler_.settle();
  EXPECT_EQ(seen_, "");
  assembler_.settle();
  EXPECT_EQ(seen_, "a? x");
  take(1, 1, false, 1, 'b');
  EXPECT_EQ(seen_, "a? x");
}

TEST_F(AssemblerTest, WhatCompletesBetweenTwoLooksIsWhole) {
  take(1, 1, true, 0, 'a');
  assembler_.settle();
  take(1, 1, false, 1, 'b');
  take(1, 1, true, 0, 'c');
  assembler_.settle();
  EXPECT_EQ(seen_, "a+b");
  take(1, 1, false, 1, 'd');
  EXPECT_EQ(seen_, "a+b c+d");
}

TEST_F(AssemblerTest, WhatNeverCompletesIsGivenUpByItsAge) {
  take(1, 1, true, 0, 'a');
  read_ns_ = most_wait_ns;
  take(2, 2, true, 0, 'x');
  EXPECT_EQ(seen_, "");
  read_ns_ += 1;
  take(3, 3, false, 0, 'm');
  EXPECT_EQ(seen_, "a?");
  take(1, 1, false, 1, 'b');
  EXPECT_EQ(seen_, "a?") << "too late";
  take(2, 2, false, 1, 'y');
  EXPECT_EQ(seen_, "a? x+y m");
}

TEST_F(AssemblerTest, AnEventThatBeganLongAgoIsNotOldForThat) {
  take(100 * most_wait_ns, 1, false, 0, 'm');
  take(1, 2, true, 0, 'a');
  take(101 * most_wait_ns, 1, false, 0, 'n');
  take(1, 2, false, 1, 'b');
  EXPECT_EQ(seen_, "m a+b n");
}

TEST_F(AssemblerTest, AnEventThatGoesOnIsNotOld) {
  take(1, 1, true, 0, 'a');
  read_ns_ += most_wait_ns;
  take(1, 1, true, 1, 'b');
  read_ns_ += most_wait_ns;
  take(2, 2, false, 0, 'x');
  take(1, 1, false, 2, 'c');
  EXPECT_EQ(seen_, "a+b+c x");
}

// With a search through all that waits it would be some 10^10 steps: whoever
// puts one back will not see this test end.
TEST_F(AssemblerTest, AStormBehindALostRecordIsLinear) {
  take(1, 1, true, 0, 'a');
  std::string expected = "a?";
  for (std::uint64_t i = 0; i < 200'000; ++i) {
    read_ns_ = i * most_wait_ns / 100'000;
    take(i, 2, true, 0, 'x');
    take(i, 3, false, 1, 'l');  // of an event that is not there
    take(i, 2, false, 1, 'y');
    expected += " x+y";
  }
  EXPECT_EQ(seen_, expected) << "by its age, without settle()";
}

TEST_F(AssemblerTest, MemoryIsBounded) {
  padding_ = 1024;
  auto fits = Assembler::most_bytes / padding_ / 2;
  take(1, 1, true, 0, 'a');
  for (std::uint64_t i = 0; i < fits; ++i) take(2 + i, 2, false, 0, 'x');
  EXPECT_EQ(seen_, "") << "half of what there is room for";
  for (std::uint64_t i = 0; i < fits; ++i) take(2 + i, 3, false, 0, 'y');
  EXPECT_EQ(seen_.substr(0, 8), "a? x x x") << "the oldest, and its followers";
  EXPECT_EQ(std::ranges::count(seen_, '?'), 1);
  EXPECT_EQ(std::ranges::count(seen_, 'y'), fits);
}

TEST_F(AssemblerTest, ARestWithoutEndIsBounded) {
  padding_ = 1024;
  take(1, 1, true, 0, 'a');
  auto many = 2 * Assembler::most_bytes / padding_;
  for (std::uint64_t i = 0; i < many; ++i) take(1, 1, true, 1, 'b');
  EXPECT_EQ(std::ranges::count(seen_, 'a'), 1);
  EXPECT_EQ(std::ranges::count(seen_, '?'), 1);
  EXPECT_LT(static_cast<std::size_t>(std::ranges::count(seen_, 'b')), many / 2);
}

TEST_F(AssemblerTest, TwoEventsOfOneKeyAreHandedOverBoth) {
  take(1, 1, true, 0, 'a');
  take(1, 1, true, 0, 'x');
  take(1, 1, false, 1, 'y');
  EXPECT_EQ(seen_, "a? x+y");
}

TEST_F(AssemblerTest, RecordsWithoutAHeaderAreNone) {
  assembler_.take({}, 0);
  std::vector<std::byte> few(3);
  assembler_.take(few, 0);
  EXPECT_EQ(seen_, "");
}

}  // namespace
}  // namespace sightline::event
