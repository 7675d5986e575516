// SPDX-License-Identifier: Apache-2.0
#include "symbol/code_history.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace sightline::symbol {
namespace {

using Version = CodeHistory::Version;

// The definition itself: of all that cover the address, the latest.
std::uint32_t slow_find(const std::vector<Version>& all, std::uint64_t address,
                        std::uint64_t time) {
  const Version* best = nullptr;
  for (const Version& version : all) {
    if (version.time_ns <= time && address >= version.start &&
        address - version.start < version.size &&
        (best == nullptr || version.time_ns >= best->time_ns)) {
      best = &version;
    }
  }
  return best == nullptr ? 0 : best->name;
}

// At every time in turn.
std::vector<std::uint32_t> slow_find_all(const std::vector<Version>& all,
                                         std::uint64_t address,
                                         std::uint64_t from, std::uint64_t to) {
  std::vector<std::uint32_t> names;
  for (std::uint64_t time = from; time <= to; ++time) {
    const std::uint32_t name = slow_find(all, address, time);
    if (name != 0 && (names.empty() || names.back() != name)) {
      names.push_back(name);
    }
  }
  return names;
}

TEST(CodeHistory, EqualsAPlainSearchWhileItGrowsAndForgets) {
  std::mt19937 random(1);
  CodeHistory history;
  std::vector<Version> all;
  for (unsigned round = 0; round < 40; ++round) {
    for (unsigned i = 0; i < 25; ++i) {
      all.push_back({.start = random() % 1000,
                     .size = 1 + random() % 200,
                     .time_ns = random() % 100,
                     .name = round * 100 + i + 1});
      history.add(all.back());
    }
    history.settle();
    if (round == 30) {
      history.keep_newest(300);
      all.erase(all.begin(), all.end() - 300);
      ASSERT_EQ(history.size(), 300U);
    }
    for (unsigned i = 0; i < 300; ++i) {
      const std::uint64_t address = random() % 1200;
      const std::uint64_t time = random() % 110;
      const std::uint64_t to = time + random() % 20;
      std::vector<std::uint32_t> names;
      for (const Version& version : history.find(address, time, to)) {
        names.push_back(version.name);
      }
      ASSERT_EQ(names, slow_find_all(all, address, time, to));
    }
  }
}

TEST(CodeHistory, TooManyVersionsOfOnePlaceSayNothingAndTakeNoTime) {
  CodeHistory history;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    history.add({.start = 0x1000, .size = 1 + i, .time_ns = i, .name = 1});
  }
  history.add({.start = 0x10, .size = 8, .time_ns = 5, .name = 2});
  history.settle();
  for (int i = 0; i < 1'000; ++i)
    EXPECT_TRUE(history.find(0x1000, 0, ~0ULL).empty());
  EXPECT_EQ(history.find(0x17, 5, 5).at(0).name, 2U);
}

}  // namespace
}  // namespace sightline::symbol
