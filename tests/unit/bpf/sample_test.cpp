// SPDX-License-Identifier: Apache-2.0
// The pure part of the kernel half, compiled on the host.
#include "sample.h"

#include <gtest/gtest.h>

#include <set>

namespace {

TEST(HashFinish, KeepsClearOfTheReasonCodes) {
  EXPECT_GE(hash_finish(0), static_cast<__u64>(STACK_REASONS));
  EXPECT_GE(hash_finish(hash_step(7, 0, 0)), static_cast<__u64>(STACK_REASONS));
}

TEST(HashStep, TellsOrderApart) {
  auto ab = hash_finish(hash_step(7, hash_step(7, 0, 1), 2));
  auto ba = hash_finish(hash_step(7, hash_step(7, 0, 2), 1));
  EXPECT_NE(ab, ba);
}

TEST(HashStep, TellsAHundredThousandNeighbouringStacksApart) {
  std::set<__u64> hashes;
  for (__u64 leaf = 0; leaf < 100'003; ++leaf) {
    auto hash =
        hash_step(9, hash_step(9, 1, 0x555500000000 + leaf), 0x7f0000001000);
    hashes.insert(hash_finish(hash));
  }
  EXPECT_EQ(hashes.size(), 100'003U);
}

// Without a secret multiplier, flipping bit 63 of one word and bits 63 and 34
// of the next cancelled out under every seed.
TEST(HashStep, DifferencesDoNotCancelUnderEverySeed) {
  int collisions = 0;
  for (__u64 seed = 1; seed <= 1000; ++seed) {
    __u64 secret = seed * 0xd6e8feb86659fd93ULL;
    auto one = hash_step(secret, hash_step(secret, 5, 11), 13);
    auto other = hash_step(secret, hash_step(secret, 5, 11 ^ (1ULL << 63)),
                           13 ^ (1ULL << 63 | 1ULL << 34));
    collisions += one == other ? 1 : 0;
  }
  EXPECT_LE(collisions, 1);
}

TEST(SeenSet, FindsWhatWasRememberedAndPrefersEmptySlots) {
  seen_set set{};
  EXPECT_EQ(seen_find(&set, 42), -1);
  for (__u64 hash = 100; hash < 100 + SEEN_WAYS; ++hash) {
    int slot = seen_victim(&set, hash);
    EXPECT_EQ(set.slots[slot], 0U) << "an empty slot is left";
    set.slots[slot] = hash;
    EXPECT_EQ(seen_find(&set, hash), slot);
  }
}

TEST(SeenSet, AFullSetForgetsOneAndStaysInBounds) {
  seen_set set{};
  for (int way = 0; way < SEEN_WAYS; ++way) {
    set.slots[way] = static_cast<__u64>(way) + 1;
  }
  for (__u64 hash = 0; hash < 64; ++hash) {
    int slot = seen_victim(&set, hash << 56 | 0xabc);
    ASSERT_GE(slot, 0);
    ASSERT_LT(slot, SEEN_WAYS);
  }
}

}  // namespace
