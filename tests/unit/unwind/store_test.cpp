// SPDX-License-Identifier: Apache-2.0
// The store with real maps: needs the right to make them.
#include "unwind/store.h"

#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <vector>

#include "real_maps.h"

namespace sightline::unwind {
namespace {

using testing::one_shard;
using testing::RealMaps;

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    maps_ = RealMaps::make();
    if (!maps_ && RealMaps::is_refused()) {
      GTEST_SKIP() << "bpf() is not permitted: " << std::strerror(errno);
    }
    ASSERT_TRUE(maps_);
  }

  Store open(std::uint64_t most = one_shard) {
    auto store = maps_->open(most);
    EXPECT_TRUE(store);
    return std::move(*store);
  }

  [[nodiscard]] unwind_object object(std::uint32_t id) const {
    return maps_->object(id);
  }
  [[nodiscard]] std::uint32_t word(std::uint32_t at) const {
    return maps_->word(at);
  }

  std::optional<RealMaps> maps_;
};

unwind_rule frame_rule(int offset) {
  unwind_rule rule{};
  rule.kind = UNWIND_FRAME;
  rule.cfa_offset = offset;
  return rule;
}

// Pages of `count` rows each, all by the one rule that is not fixed.
Rows rows_of(std::uint32_t pages, std::uint32_t count, int offset) {
  Rows rows;
  rows.first_page = 3;
  rows.rules = {unwind_rule{}, unwind_rule{}, unwind_rule{},
                frame_rule(offset)};
  rows.rules[1].kind = UNWIND_END;
  rows.rules[2].kind = UNWIND_UNSUPPORTED;
  for (std::uint32_t page = 0; page < pages; ++page) {
    rows.pages.push_back({page * count, count});
    for (std::uint32_t i = 0; i < count; ++i) {
      rows.rows.push_back(unwind_make_row(i, UNWIND_FIRST_RULE));
    }
  }
  return rows;
}

TEST_F(StoreTest, ObjectsThatShareARuleHaveOneNumberForIt) {
  auto store = open();
  auto first = store.add_object(UNWIND_PENDING);
  auto second = store.add_object(UNWIND_PENDING);
  ASSERT_TRUE(first && second);
  ASSERT_TRUE(store.publish(*first, rows_of(2, 10, 16)).value());
  ASSERT_TRUE(store.publish(*second, rows_of(1, 5, 16)).value());
  EXPECT_EQ(store.use().rules, UNWIND_FIRST_RULE + 1U);
  EXPECT_EQ(store.use().rows, 25U);
  auto published = object(*first);
  EXPECT_EQ(published.state, UNWIND_LOADED);
  EXPECT_EQ(published.page_count, 2U);
  EXPECT_EQ(published.first_page, 3U);
  auto second_page = published.pages_word + 2;
  EXPECT_EQ(word(second_page + 1), 10U);
  EXPECT_EQ(word(word(second_page) + 9), unwind_make_row(9, UNWIND_FIRST_RULE));
}

TEST_F(StoreTest, WithoutRoomAnObjectIsLeftOutAndKeepsNothing) {
  auto store = open();
  auto id = store.add_object(UNWIND_PENDING);
  ASSERT_TRUE(id);
  auto fits = store.publish(*id, rows_of(UNWIND_SHARD_BLOCKS + 1, 8000, 16));
  ASSERT_TRUE(fits);
  EXPECT_FALSE(*fits);
  EXPECT_EQ(object(*id).state, UNWIND_LEFT_OUT);
  EXPECT_EQ(store.use().rows, 0U);
  EXPECT_EQ(store.use().shard_bytes, one_shard);
  store.grace_period_passed();
  store.grace_period_passed();
  EXPECT_EQ(store.use().used_bytes, 0U);
}

TEST_F(StoreTest, NothingIsUsedAgainBeforeAGracePeriodHasPassed) {
  auto store = open();
  auto id = store.add_object(UNWIND_PENDING);
  ASSERT_TRUE(id);
  ASSERT_TRUE(store.publish(*id, rows_of(20, 8000, 16)).value());
  auto used = store.use().used_bytes;
  ASSERT_TRUE(store.remove_object(*id));
  EXPECT_EQ(object(*id).state, UNWIND_PENDING);
  EXPECT_EQ(store.use().used_bytes, used);
  EXPECT_NE(store.add_object(UNWIND_PENDING), id);
  store.grace_period_passed();
  EXPECT_EQ(store.use().used_bytes, used);
  EXPECT_NE(store.add_object(UNWIND_PENDING), id);
  store.grace_period_passed();
  EXPECT_EQ(store.use().used_bytes, 0U);
  EXPECT_EQ(store.add_object(UNWIND_PENDING), id);
}

// What was found by an object's number must not be taken for what the next one
// of that number has.
TEST_F(StoreTest, EachObjectsRowsHaveASerialOfTheirOwn) {
  auto store = open();
  auto first = store.add_object(UNWIND_PENDING);
  ASSERT_TRUE(first);
  EXPECT_EQ(object(*first).serial, 0U) << "no rows yet";
  ASSERT_TRUE(store.publish(*first, rows_of(1, 5, 16)).value());
  auto serial = object(*first).serial;
  EXPECT_NE(serial, 0U);
  ASSERT_TRUE(store.remove_object(*first));
  EXPECT_EQ(object(*first).serial, 0U);
  store.grace_period_passed();
  store.grace_period_passed();
  auto again = store.add_object(UNWIND_PENDING);
  ASSERT_EQ(again, first);
  ASSERT_TRUE(store.publish(*again, rows_of(1, 5, 32)).value());
  EXPECT_GT(object(*again).serial, serial);
}

TEST_F(StoreTest, WhatCanNeverFitMakesNoShards) {
  auto store = open(8 * one_shard);
  EXPECT_FALSE(store.add_mappings({}).value());
  std::vector<unwind_mapping> many(UNWIND_MAX_MAPPINGS + 1);
  EXPECT_FALSE(store.add_mappings(many).value());
  EXPECT_EQ(store.use().shard_bytes, 0U);
  many.pop_back();
  EXPECT_TRUE(store.add_mappings(many).value());
  EXPECT_EQ(store.use().shard_bytes, one_shard);
}

TEST_F(StoreTest, AFullTableOfProcessesIsCounted) {
  auto store = open();
  for (std::uint32_t pid = 1; pid <= 3; ++pid) {
    EXPECT_TRUE(store.put_space(pid, {}));
  }
  EXPECT_EQ(store.use().spaces_refused, 1U);
  store.erase_space(1);
  EXPECT_TRUE(store.put_space(3, {}));
  EXPECT_EQ(store.use().spaces_refused, 1U);
}

}  // namespace
}  // namespace sightline::unwind
