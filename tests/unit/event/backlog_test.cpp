// SPDX-License-Identifier: Apache-2.0
#include "event/backlog.h"

#include <gtest/gtest.h>

#include <string>

namespace sightline::event {
namespace {

class BacklogTest : public testing::Test {
 protected:
  void add(const std::string& text) {
    backlog_.add(std::as_bytes(std::span(text)));
  }

  std::vector<std::string> seen_;
  void hand_over(std::size_t bytes) {
    backlog_.hand_over(bytes, [this](std::span<const std::byte> record) {
      seen_.emplace_back(reinterpret_cast<const char*>(record.data()),
                         record.size());
    });
  }

  Backlog backlog_;
};

TEST_F(BacklogTest, HandsOverInOrderAndInPortions) {
  for (const auto* text : {"one", "", "three"}) add(text);
  hand_over(1);
  EXPECT_EQ(seen_, std::vector<std::string>{"one"});
  EXPECT_FALSE(backlog_.empty());
  add("four");
  hand_over(1000);
  EXPECT_EQ(seen_, (std::vector<std::string>{"one", "", "three", "four"}));
  EXPECT_TRUE(backlog_.empty());
}

TEST_F(BacklogTest, IsAsLargeAsWhatItHasKept) {
  add(std::string(5U << 20, 'x'));
  EXPECT_GE(backlog_.size_bytes(), 5U << 20);
  hand_over(1);
  EXPECT_EQ(backlog_.size_bytes(), 0U);
  EXPECT_EQ(seen_.at(0).size(), 5U << 20);
}

}  // namespace
}  // namespace sightline::event
