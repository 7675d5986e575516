// SPDX-License-Identifier: Apache-2.0
#include "unwind/arena.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace sightline::unwind {
namespace {

bool in_one_block(const Extent& extent) {
  return extent.word / UNWIND_BLOCK_WORDS ==
         (extent.word + extent.words - 1) / UNWIND_BLOCK_WORDS;
}

TEST(Arena, GivesNothingWithoutWords) {
  Arena arena;
  EXPECT_FALSE(arena.allocate(2));
  EXPECT_FALSE(arena.allocate_run(2));
  arena.add_words(UNWIND_SHARD_WORDS);
  EXPECT_FALSE(arena.allocate(0));
  EXPECT_FALSE(arena.allocate(UNWIND_BLOCK_WORDS + 1));
  EXPECT_FALSE(arena.allocate_run(UNWIND_SHARD_WORDS + 1));
  EXPECT_TRUE(arena.allocate(UNWIND_BLOCK_WORDS));
}

TEST(Arena, ARunGoesOverBlocksAndShards) {
  Arena arena;
  arena.add_words(UNWIND_SHARD_WORDS);
  arena.add_words(UNWIND_SHARD_WORDS);
  auto run = arena.allocate_run(UNWIND_SHARD_WORDS + 100);
  ASSERT_TRUE(run);
  EXPECT_EQ(run->words, UNWIND_SHARD_WORDS + 100U);
  EXPECT_EQ(arena.used(), run->words);
}

TEST(Arena, WhatIsTakenBackIsOneAgain) {
  Arena arena;
  arena.add_words(UNWIND_BLOCK_WORDS);
  std::vector<Extent> parts;
  while (auto part = arena.allocate(512)) parts.push_back(*part);
  EXPECT_EQ(parts.size(), UNWIND_BLOCK_WORDS / 512U);
  for (std::size_t i = 1; i < parts.size(); i += 2) arena.free(parts[i]);
  EXPECT_FALSE(arena.allocate(514));
  for (std::size_t i = 0; i < parts.size(); i += 2) arena.free(parts[i]);
  EXPECT_EQ(arena.used(), 0U);
  EXPECT_TRUE(arena.allocate(UNWIND_BLOCK_WORDS));
}

// The model: one bit a word.
class Model {
 public:
  explicit Model(std::size_t words) : taken_(words) {}
  bool set(const Extent& extent, bool taken) {
    for (auto i = extent.word; i < extent.word + extent.words; ++i) {
      if (taken_.at(i) == taken) return false;
      taken_[i] = taken;
    }
    return true;
  }
  [[nodiscard]] bool has_room(std::uint32_t words) const {
    std::uint32_t free = 0;
    for (std::size_t i = 0; i < taken_.size(); ++i) {
      if (i % UNWIND_BLOCK_WORDS == 0) free = 0;
      free = taken_[i] ? 0 : free + 1;
      if (free >= words) return true;
    }
    return false;
  }

 private:
  std::vector<bool> taken_;
};

// Nothing overlaps, and nothing is refused that there is room for.
TEST(Arena, AgreesWithANaiveModel) {
  constexpr std::uint32_t words = 4 * UNWIND_BLOCK_WORDS;
  Arena arena;
  arena.add_words(words);
  Model model(words);
  std::mt19937 random(7);
  std::vector<Extent> held;
  int refused = 0;
  for (int turn = 0; turn < 3000; ++turn) {
    if (!held.empty() && random() % 5 < 2) {
      auto at = random() % held.size();
      ASSERT_TRUE(model.set(held[at], false));
      arena.free(held[at]);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
      continue;
    }
    auto wanted = static_cast<std::uint32_t>(1 + random() % 2000);
    auto extent = arena.allocate(wanted);
    ASSERT_EQ(extent.has_value(), model.has_room((wanted + 1) & ~1U)) << turn;
    if (!extent) {
      ++refused;
      continue;
    }
    EXPECT_GE(extent->words, wanted);
    EXPECT_EQ(extent->word % 2, 0U);
    EXPECT_TRUE(in_one_block(*extent));
    ASSERT_TRUE(model.set(*extent, true));
    held.push_back(*extent);
  }
  EXPECT_GT(refused, 10);
}

}  // namespace
}  // namespace sightline::unwind
