// SPDX-License-Identifier: Apache-2.0
// The searches and steps that the kernel half walks with, on made-up stacks.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <vector>

namespace {

// Words at their addresses; all else cannot be read.
std::map<std::uint64_t, std::uint64_t>& memory() {
  static std::map<std::uint64_t, std::uint64_t> words;
  return words;
}

int read_memory(void* to, std::size_t size, std::uint64_t address) {
  for (std::size_t done = 0; done < size; done += 8) {
    auto at = memory().find(address + done);
    if (at == memory().end()) return -1;
    std::memcpy(static_cast<char*>(to) + done, &at->second, 8);
  }
  return 0;
}

}  // namespace

#define UNWIND_READ(walk, to, size, address) read_memory(to, size, address)
#include "unwind_step.h"

namespace sightline::unwind {
namespace {

TEST(SearchRows, FindsWhatALinearSearchFinds) {
  std::mt19937 random(3);
  alignas(8) static std::uint32_t block[UNWIND_BLOCK_WORDS];
  for (std::uint32_t count : {1U, 2U, 3U, 5U, 1000U, 4097U, 8191U, 8192U}) {
    auto first = count == UNWIND_BLOCK_WORDS
                     ? 0
                     : static_cast<std::uint32_t>(random() %
                                                  (UNWIND_BLOCK_WORDS - count));
    std::vector<std::uint32_t> offsets(count);
    for (auto& offset : offsets) offset = random() & 0xffff;
    offsets[0] = 0;
    std::ranges::sort(offsets);
    for (std::uint32_t i = 0; i < count; ++i) {
      block[first + i] = unwind_make_row(offsets[i], i & 0xffff);
    }
    for (int turn = 0; turn < 300; ++turn) {
      std::uint32_t offset = random() & 0xffff;
      auto behind = std::ranges::upper_bound(offsets, offset);
      auto expected = static_cast<std::uint32_t>(behind - offsets.begin()) - 1;
      auto found = unwind_search_rows(block, first, count, offset);
      ASSERT_EQ(unwind_row_rule(found), expected) << count << " " << offset;
    }
  }
}

TEST(SearchMappings, FindsTheLastThatStartsAtOrBefore) {
  alignas(8) static std::uint32_t block[UNWIND_BLOCK_WORDS];
  for (std::uint32_t count : {1U, 2U, 7U, 1365U}) {
    for (std::uint32_t i = 0; i < count; ++i) {
      unwind_mapping mapping{.start = 0x7f0000000000 + i * 0x10000ULL,
                             .bias = 0,
                             .length = 16,
                             .object = i};
      std::memcpy(&block[i * UNWIND_MAPPING_WORDS], &mapping, sizeof(mapping));
    }
    for (std::uint32_t i = 0; i < count; ++i) {
      for (std::uint64_t into : {0ULL, 0xffffULL}) {
        auto address = 0x7f0000000000 + i * 0x10000ULL + into;
        EXPECT_EQ(unwind_search_mappings(block, 0, count, address),
                  i * UNWIND_MAPPING_WORDS);
      }
    }
  }
}

#if !UNWIND_ARM64

class StepTest : public testing::Test {
 protected:
  void SetUp() override {
    memory().clear();
    for (std::uint64_t at = 0x1000; at < 0x3000; at += 8) memory()[at] = at;
    walk_.pc = 0x400100;
    walk_.valid = UNWIND_BIT(16) - 1;
    walk_.frame_pointers = 1;
    walk_.object.state = UNWIND_LOADED;
    walk_.registers[UNWIND_SP] = 0x1000;
    walk_.registers[UNWIND_FP] = 0x1100;
    rule_.kind = UNWIND_FRAME;
    rule_.base = UNWIND_SP;
    rule_.cfa_offset = 64;
    rule_.ra = UNWIND_AT_CFA;
    rule_.ra_offset = -8;
  }

  unwind_walk walk_{};
  unwind_rule rule_{};
};

TEST_F(StepTest, AFrameThatKeepsTheFramePointer) {
  EXPECT_EQ(unwind_apply(&walk_, &rule_), UNWIND_GO_ON);
  EXPECT_EQ(walk_.pc, 0x1038U);
  EXPECT_EQ(walk_.registers[UNWIND_SP], 0x1040U);
  EXPECT_EQ(walk_.registers[UNWIND_FP], 0x1100U);
  EXPECT_EQ(walk_.valid, UNWIND_BIT(UNWIND_FP) | UNWIND_BIT(UNWIND_SP));
  EXPECT_EQ(unwind_address(&walk_), 0x1037U);
}

// By one read, by two because they are far apart, and because one is too long.
TEST_F(StepTest, AFrameThatSavesTheFramePointer) {
  rule_.fp = UNWIND_AT_CFA;
  for (int offset : {-16, -56, -64}) {
    auto walk = walk_;
    rule_.fp_offset = offset;
    EXPECT_EQ(unwind_apply(&walk, &rule_), UNWIND_GO_ON);
    EXPECT_EQ(walk.pc, 0x1038U);
    EXPECT_EQ(walk.registers[UNWIND_FP],
              0x1040U + static_cast<unsigned>(offset));
  }
  memory().erase(memory().find(0x1048), memory().end());
  rule_.fp_offset = -16;
  EXPECT_EQ(unwind_apply(&walk_, &rule_), UNWIND_GO_ON);
  EXPECT_EQ(walk_.pc, 0x1038U);
  EXPECT_EQ(walk_.registers[UNWIND_FP], 0x1030U);
}

TEST_F(StepTest, ALostFramePointerIsOnlyMissedWhenItIsNeeded) {
  rule_.fp = UNWIND_LOST;
  EXPECT_EQ(unwind_apply(&walk_, &rule_), UNWIND_GO_ON);
  rule_.fp = UNWIND_SAME;
  EXPECT_EQ(unwind_apply(&walk_, &rule_), UNWIND_GO_ON);
  rule_.base = UNWIND_FP;
  EXPECT_EQ(unwind_apply(&walk_, &rule_), STACK_UNSUPPORTED);
}

TEST_F(StepTest, OtherRegistersHoldOnlyInTheInterruptedFrame) {
  rule_.ra = UNWIND_IN_REGISTER;
  rule_.ra_register = 5;
  walk_.registers[5] = 0x400200;
  EXPECT_EQ(unwind_apply(&walk_, &rule_), UNWIND_GO_ON);
  EXPECT_EQ(walk_.pc, 0x400200U);
  EXPECT_EQ(unwind_apply(&walk_, &rule_), STACK_UNSUPPORTED);
}

TEST_F(StepTest, AWalkNeverStaysWhereItIs) {
  for (int offset : {0, -8}) {
    rule_.cfa_offset = offset;
    EXPECT_EQ(unwind_apply(&walk_, &rule_), STACK_UNSUPPORTED);
  }
}

TEST_F(StepTest, WhatCannotBeReadEndsIt) {
  rule_.cfa_offset = 0x10000;
  EXPECT_EQ(unwind_apply(&walk_, &rule_), STACK_UNREADABLE);
  rule_.fp = UNWIND_AT_CFA;
  rule_.fp_offset = -16;
  EXPECT_EQ(unwind_apply(&walk_, &rule_), STACK_UNREADABLE);
}

TEST_F(StepTest, APltStubIsOneWordDeeperLate) {
  rule_.kind = UNWIND_PLT;
  rule_.cfa_offset = 11;
  for (auto [pc, sp] : {std::pair{0x40010aU, 0x1008U}, {0x40010bU, 0x1010U}}) {
    auto walk = walk_;
    walk.pc = pc;
    EXPECT_EQ(unwind_apply(&walk, &rule_), UNWIND_GO_ON);
    EXPECT_EQ(walk.registers[UNWIND_SP], sp);
    EXPECT_EQ(walk.pc, sp - 8);
  }
}

// Registers as sigcontext has them: r8 to r15, rdi, rsi, rbp, rbx, rdx, rax,
// rcx, rsp, rip.
TEST_F(StepTest, ASignalFrameHasAllRegistersAndAnExactAddress) {
  rule_.kind = UNWIND_SIGNAL;
  walk_.from_call = 1;
  for (unsigned i = 0; i < 17; ++i) memory()[0x1000 + 40 + 8 * i] = 100 + i;
  EXPECT_EQ(unwind_apply(&walk_, &rule_), UNWIND_GO_ON);
  EXPECT_EQ(walk_.registers[8], 100U);
  EXPECT_EQ(walk_.registers[5], 108U);
  EXPECT_EQ(walk_.registers[UNWIND_FP], 110U);
  EXPECT_EQ(walk_.registers[0], 113U);
  EXPECT_EQ(walk_.registers[UNWIND_SP], 115U);
  EXPECT_EQ(walk_.pc, 116U);
  EXPECT_EQ(unwind_address(&walk_), 116U);
  EXPECT_EQ(unwind_frame(&walk_), 117U);
  EXPECT_EQ(walk_.valid, UNWIND_BIT(16) - 1);
}

TEST_F(StepTest, WithoutRowsTheFramePointerIsFollowed) {
  rule_ = {};
  EXPECT_EQ(unwind_apply(&walk_, &rule_), UNWIND_GO_ON);
  EXPECT_EQ(walk_.pc, 0x1108U);
  EXPECT_EQ(walk_.registers[UNWIND_FP], 0x1100U);
  EXPECT_EQ(walk_.registers[UNWIND_SP], 0x1110U);
  EXPECT_EQ(unwind_unmapped(&walk_), STACK_NO_ROWS);
  walk_.frame_pointers = 0;
  EXPECT_EQ(unwind_apply(&walk_, &rule_), STACK_NO_ROWS);
  walk_.frame_pointers = 1;
}

// In code that keeps none it is some number, which may be 0.
TEST_F(StepTest, AFramePointerOfZeroIsARootWhereTheyAreKept) {
  rule_ = {};
  walk_.registers[UNWIND_FP] = 0;
  EXPECT_EQ(unwind_apply(&walk_, &rule_), STACK_NO_ROWS);
  walk_.object.state = UNWIND_GENERATED;
  EXPECT_EQ(unwind_apply(&walk_, &rule_), STACK_NOT_CODE);
  for (auto state : {UNWIND_FRAME_POINTERS, UNWIND_LOADED_GO}) {
    walk_.object.state = state;
    EXPECT_EQ(unwind_apply(&walk_, &rule_), STACK_WHOLE);
  }
}

TEST_F(StepTest, FramePointersThatGoInCirclesEnd) {
  rule_ = {};
  walk_.object.state = UNWIND_FRAME_POINTERS;
  memory()[0x1100] = 0x1200;
  memory()[0x1200] = 0x1100;
  int steps = 0;
  while (unwind_apply(&walk_, &rule_) == UNWIND_GO_ON) {
    ASSERT_LT(++steps, 100);
  }
  EXPECT_EQ(unwind_apply(&walk_, &rule_), STACK_NOT_CODE);
}

TEST_F(StepTest, NoReturnAddressIsTheThreadsBeginning) {
  memory()[0x1038] = 0;
  EXPECT_EQ(unwind_apply(&walk_, &rule_), STACK_WHOLE);
  rule_ = {};
  rule_.kind = UNWIND_END;
  EXPECT_EQ(unwind_apply(&walk_, &rule_), STACK_WHOLE);
}

#endif

}  // namespace
}  // namespace sightline::unwind
