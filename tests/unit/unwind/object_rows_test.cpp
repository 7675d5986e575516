// SPDX-License-Identifier: Apache-2.0
// Which objects have rows. Needs the right to make maps.
#include "unwind/object_rows.h"

#include <elf.h>

#include <cstddef>

#include "loading.h"
#include "symbol/elf_image.h"

namespace sightline::unwind {
namespace {

using testing::one_shard;
using testing::some_program;

class ObjectRowsTest : public testing::LoadingTest {
 protected:
  void start(std::uint64_t most = 4 * one_shard) {
    store_.emplace(open(most));
    auto rows = ObjectRows::open(*store_, objects_);
    ASSERT_TRUE(rows);
    rows_.emplace(std::move(*rows));
  }
  std::uint32_t use(const std::string& path) {
    return rows_->use(objects_.intern(line(path, 0x10000).file)).value();
  }
  std::uint32_t loaded(const std::string& path) {
    auto slot = use(path);
    EXPECT_TRUE(rows_->build_waiting(UINT64_MAX));
    return slot;
  }
  [[nodiscard]] std::uint32_t state(std::uint32_t slot) const {
    return maps_->object(slot).state;
  }
  void drop(std::uint64_t now_ns) {
    store_->grace_period_passed();
    ASSERT_TRUE(rows_->drop_unused(now_ns));
  }

  std::optional<Store> store_;
  std::optional<ObjectRows> rows_;
};

TEST_F(ObjectRowsTest, RowsComeWhenTheyAreMade) {
  start();
  auto path = copy(some_program);
  auto slot = use(path);
  EXPECT_EQ(use(path), slot);
  EXPECT_EQ(state(slot), UNWIND_PENDING);
  EXPECT_EQ(rows_->waiting(), 1U);
  ASSERT_TRUE(rows_->build_waiting(UINT64_MAX));
  EXPECT_EQ(state(slot), UNWIND_LOADED);
  EXPECT_EQ(rows_->summary().objects, 1U);
  EXPECT_GT(rows_->summary().rows, 0U);
  EXPECT_EQ(rows_->waiting(), 0U);
}

TEST_F(ObjectRowsTest, AFileThatCannotBeReadIsTold) {
  start();
  auto gone = copy(some_program);
  auto gone_slot = use(gone);
  std::filesystem::remove(gone);
  auto replaced = copy(some_program);
  auto replaced_slot = use(replaced);
  std::filesystem::rename(copy(some_program), replaced);
  auto text_slot = use(write("#!/bin/sh\n"));
  auto empty_slot = use(write(""));
  ASSERT_TRUE(rows_->build_waiting(UINT64_MAX));
  for (auto slot : {gone_slot, replaced_slot, text_slot, empty_slot}) {
    EXPECT_EQ(state(slot), UNWIND_NO_INFORMATION);
  }
  EXPECT_EQ(rows_->summary().unreadable, 4U);
}

TEST_F(ObjectRowsTest, AProgramWithoutAWordMayHaveFramePointers) {
  start();
  auto bytes = symbol::testing::ElfImage().bytes();
  bytes[offsetof(Elf64_Ehdr, e_machine)] = EM_X86_64;
  auto slot = loaded(write(bytes));
  EXPECT_EQ(state(slot), UNWIND_FRAME_POINTERS);
  EXPECT_EQ(rows_->summary().unreadable, 0U);
}

TEST_F(ObjectRowsTest, WhatNobodyUsesLeavesAfterAWhile) {
  start();
  auto path = copy(some_program);
  auto slot = loaded(path);
  auto twice = use(path);
  auto objects = store_->use().objects;
  rows_->release(slot);
  drop(monotonic_ns() + 2 * ObjectRows::keep_ns);
  EXPECT_EQ(state(slot), UNWIND_LOADED);
  rows_->release(twice);
  auto now = monotonic_ns();
  drop(now + ObjectRows::keep_ns - ns_per_second);
  EXPECT_EQ(state(slot), UNWIND_LOADED);
  drop(now + ObjectRows::keep_ns + ns_per_second);
  EXPECT_EQ(state(slot), UNWIND_PENDING);
  EXPECT_EQ(store_->use().objects, objects - 1);
  // Met again, it begins anew, under another number.
  EXPECT_NE(loaded(path), slot);
}

// The store has the room only when no program can be reading it any more.
TEST_F(ObjectRowsTest, WhatHadNoRoomIsAskedForAgain) {
  start(one_shard);
  std::vector<std::uint32_t> slots;
  while (slots.empty() || state(slots.back()) == UNWIND_LOADED) {
    ASSERT_LT(slots.size(), 100U);
    slots.push_back(loaded(copy("/proc/self/exe")));
  }
  auto late = slots.back();
  ASSERT_GE(slots.size(), 2U);
  EXPECT_EQ(state(late), UNWIND_LEFT_OUT);
  EXPECT_EQ(rows_->summary().left_out, 1U);
  slots.pop_back();
  for (auto slot : slots) rows_->release(slot);
  auto then = monotonic_ns() + 2 * ObjectRows::keep_ns;
  for (int round = 0; round < 2; ++round) {
    drop(then);
    ASSERT_TRUE(rows_->build_waiting(UINT64_MAX));
    EXPECT_EQ(state(late), UNWIND_LEFT_OUT) << round;
  }
  drop(then);
  EXPECT_EQ(state(late), UNWIND_PENDING);
  ASSERT_TRUE(rows_->build_waiting(UINT64_MAX));
  EXPECT_EQ(state(late), UNWIND_LOADED);
  EXPECT_EQ(rows_->summary().left_out, 0U);
}

// The thread may be at something large.
TEST_F(ObjectRowsTest, WhatSomebodyWaitsForCanBeMadeHere) {
  start();
  auto first = use(copy(some_program));
  auto second = use(copy(some_program));
  EXPECT_TRUE(rows_->build_now(second).value());
  EXPECT_EQ(state(second), UNWIND_LOADED);
  EXPECT_EQ(state(first), UNWIND_PENDING);
  EXPECT_EQ(rows_->waiting(), 1U);
  EXPECT_FALSE(rows_->build_now(second).value()) << "it is made";
  EXPECT_FALSE(rows_->build_now(12345).value()) << "there is none";
}

TEST_F(ObjectRowsTest, LargeFilesAreNotBegunShortlyBeforeTheDeadline) {
  start();
  auto path = copy(some_program);
  std::filesystem::resize_file(path, 100U << 20);
  auto large = use(path);
  auto small = use(copy(some_program));
  ASSERT_TRUE(rows_->build_waiting(monotonic_ns() + ns_per_second / 2));
  EXPECT_EQ(state(large), UNWIND_PENDING);
  EXPECT_EQ(rows_->waiting(), 1U + (state(small) == UNWIND_PENDING ? 1 : 0));
  EXPECT_FALSE(rows_->build_now(large).value());
  ASSERT_TRUE(rows_->wait(monotonic_ns() + 60 * ns_per_second));
  ASSERT_TRUE(rows_->advance());
  EXPECT_EQ(state(large), UNWIND_LOADED);
}

TEST_F(ObjectRowsTest, NothingIsMadeAfterTheDeadline) {
  start();
  auto slot = use(copy(some_program));
  ASSERT_TRUE(rows_->build_waiting(monotonic_ns()));
  EXPECT_EQ(state(slot), UNWIND_PENDING);
  EXPECT_EQ(rows_->waiting(), 1U);
}

TEST_F(ObjectRowsTest, TheThreadMakesThemToo) {
  start();
  EXPECT_FALSE(rows_->wait(UINT64_MAX));
  auto slot = use(copy(some_program));
  ASSERT_TRUE(rows_->advance());
  EXPECT_EQ(rows_->waiting(), 1U);
  EXPECT_TRUE(rows_->wait(monotonic_ns() + 60 * ns_per_second));
  EXPECT_EQ(state(slot), UNWIND_PENDING);
  ASSERT_TRUE(rows_->advance());
  EXPECT_EQ(state(slot), UNWIND_LOADED);
  EXPECT_EQ(rows_->waiting(), 0U);
}

}  // namespace
}  // namespace sightline::unwind
