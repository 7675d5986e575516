// SPDX-License-Identifier: Apache-2.0
#include "event/assembler.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace sightline::event {
namespace {

class AssemblerTest : public testing::Test {
 protected:
  void take(std::uint64_t time, std::uint32_t tid, bool more, bool rest,
            char content) {
    event_header header{.time_ns = time,
                        .tid = tid,
                        .type = static_cast<__u16>(content),
                        .more = more,
                        .rest = rest};
    std::vector<std::byte> record(sizeof(header));
    std::memcpy(record.data(), &header, sizeof(header));
    assembler_.take(record);
  }

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
  take(1, 1, false, false, 'a');
  take(2, 1, false, false, 'b');
  EXPECT_EQ(seen_, "a b");
}

TEST_F(AssemblerTest, OthersWaitForTheRestOfTheFirst) {
  take(1, 1, true, false, 'a');
  take(2, 2, false, false, 'x');
  take(1, 1, true, true, 'b');
  EXPECT_EQ(seen_, "");
  take(1, 1, false, true, 'c');
  EXPECT_EQ(seen_, "a+b+c x");
}

TEST_F(AssemblerTest, TwoEventsMayBeInPieces) {
  take(1, 1, true, false, 'a');
  take(2, 2, true, false, 'x');
  take(2, 2, false, true, 'y');
  take(1, 1, false, true, 'b');
  EXPECT_EQ(seen_, "a+b x+y");
}

TEST_F(AssemblerTest, WhatNeverCompletesIsGivenUpAtTheSecondLook) {
  take(1, 1, true, false, 'a');
  take(2, 2, false, false, 'x');
  assembler_.settle();
  EXPECT_EQ(seen_, "");
  assembler_.settle();
  EXPECT_EQ(seen_, "a? x");
  take(1, 1, false, true, 'b');
  EXPECT_EQ(seen_, "a? x");
}

TEST_F(AssemblerTest, RecordsWithoutAHeaderAreNone) {
  assembler_.take({});
  std::vector<std::byte> few(3);
  assembler_.take(few);
  EXPECT_EQ(seen_, "");
}

}  // namespace
}  // namespace sightline::event
