// SPDX-License-Identifier: Apache-2.0
#include "stack/dictionary.h"

#include <gtest/gtest.h>

namespace sightline::stack {
namespace {

using Addresses = std::vector<std::uint64_t>;

TEST(Dictionary, GivesBackWhatArrivedLeafFirst) {
  Dictionary dictionary;
  dictionary.add(100, STACK_WHOLE, Addresses{3, 2, 1});
  dictionary.add(101, STACK_CUT, Addresses{4, 2, 1});
  EXPECT_EQ(dictionary.find(100)->addresses, (Addresses{3, 2, 1}));
  EXPECT_EQ(dictionary.find(100)->reason, STACK_WHOLE);
  EXPECT_EQ(dictionary.find(101)->addresses, (Addresses{4, 2, 1}));
  EXPECT_EQ(dictionary.find(101)->reason, STACK_CUT);
  EXPECT_FALSE(dictionary.find(102));
  EXPECT_EQ(dictionary.size(), 2U);
}

TEST(Dictionary, LeavesAKnownStackAsItIs) {
  Dictionary dictionary;
  dictionary.add(100, STACK_WHOLE, Addresses{1});
  dictionary.add(100, STACK_CUT, Addresses{2});
  EXPECT_EQ(dictionary.find(100)->addresses, Addresses{1});
  EXPECT_EQ(dictionary.size(), 1U);
}

TEST(Dictionary, AStackMayBeEmpty) {
  Dictionary dictionary;
  dictionary.add(100, STACK_WHOLE, {});
  EXPECT_EQ(dictionary.find(100)->addresses, Addresses{});
}

TEST(Dictionary, AnswersForTwoGenerationsAndNoMore) {
  Dictionary dictionary;
  dictionary.add(100, STACK_WHOLE, Addresses{1});
  dictionary.rotate();
  dictionary.add(101, STACK_WHOLE, Addresses{2});
  EXPECT_EQ(dictionary.find(100)->addresses, Addresses{1});
  dictionary.rotate();
  EXPECT_FALSE(dictionary.find(100));
  EXPECT_EQ(dictionary.find(101)->addresses, Addresses{2});
  dictionary.rotate();
  EXPECT_FALSE(dictionary.find(101));
  EXPECT_EQ(dictionary.size(), 0U);
}

TEST(Dictionary, WhatIsSentAgainBelongsToTheNewGeneration) {
  Dictionary dictionary;
  dictionary.add(100, STACK_WHOLE, Addresses{1});
  dictionary.rotate();
  dictionary.add(100, STACK_WHOLE, Addresses{1});
  dictionary.rotate();
  EXPECT_TRUE(dictionary.find(100));
}

}  // namespace
}  // namespace sightline::stack
