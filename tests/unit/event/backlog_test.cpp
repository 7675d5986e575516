// SPDX-License-Identifier: Apache-2.0
#include "event/backlog.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace sightline::event {
namespace {

class BacklogTest : public testing::Test {
 protected:
  void add(const std::string& text) {
    backlog_.add(std::as_bytes(std::span(text)), ++time_);
  }

  std::vector<std::string> seen_;
  std::vector<std::uint64_t> times_;
  void hand_over(std::size_t bytes) {
    backlog_.hand_over(bytes, [this](auto record, std::uint64_t read_ns) {
      seen_.emplace_back(reinterpret_cast<const char*>(record.data()),
                         record.size());
      times_.push_back(read_ns);
    });
  }

  Backlog backlog_;
  std::uint64_t time_ = 0;
};

TEST_F(BacklogTest, HandsOverInOrderAndInPortions) {
  for (const auto* text : {"one", "", "three"}) add(text);
  hand_over(1);
  EXPECT_EQ(seen_, std::vector<std::string>{"one"});
  EXPECT_FALSE(backlog_.empty());
  add("four");
  hand_over(1000);
  EXPECT_EQ(seen_, (std::vector<std::string>{"one", "", "three", "four"}));
  EXPECT_EQ(times_, (std::vector<std::uint64_t>{1, 2, 3, 4}));
  EXPECT_TRUE(backlog_.empty());
}

TEST_F(BacklogTest, IsAsLargeAsWhatItHasKept) {
  add(std::string(5U << 20, 'x'));
  EXPECT_GE(backlog_.size_bytes(), 5U << 20);
  hand_over(1);
  EXPECT_EQ(backlog_.size_bytes(), 0U);
  EXPECT_EQ(seen_.at(0).size(), 5U << 20);
}

TEST_F(BacklogTest, ManyBlocksAreOneQueue) {
  std::vector<std::string> expected;
  for (int i = 0; i < 100; ++i) {
    expected.emplace_back(static_cast<std::size_t>(i) * 1000, 'a' + i % 26);
    add(expected.back());
  }
  auto before = backlog_.size_bytes();
  EXPECT_GT(before, 4 * Backlog::block_bytes);
  hand_over(before / 2);
  EXPECT_LE(backlog_.size_bytes(), before / 2) << "given back as it is read";
  auto rest = std::exchange(backlog_, {});
  add("behind");
  std::swap(rest, backlog_);
  hand_over(before);
  EXPECT_EQ(seen_, expected);
  EXPECT_TRUE(backlog_.empty());
}

}  // namespace
}  // namespace sightline::event
