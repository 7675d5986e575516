// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "unwind_cache.h"

namespace sightline::unwind {
namespace {

constexpr std::uint64_t most_serial = (1ULL << UNWIND_CACHE_SERIAL_BITS) - 1;
constexpr std::uint64_t most_address = (1ULL << UNWIND_CACHE_ADDRESS_BITS) - 1;

// The odd number whose product with the cache's is 1: each step of Newton's
// doubles the bits that are right.
std::uint64_t inverse() {
  const std::uint64_t factor =
      unwind_cache_key(0, 1) | ~0ULL << UNWIND_CACHE_KEY_BITS;
  std::uint64_t found = factor;
  for (int i = 0; i < 6; ++i) found *= 2 - factor * found;
  return found;
}

// Entry and place give back all that they were made from, so that no two keys
// can be taken for each other.
TEST(UnwindCache, AnEntryStandsForOneAddressOnly) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> keys = {
      {1, 0}, {1, most_address}, {most_serial, 0}, {most_serial, most_address}};
  std::mt19937_64 random(4);
  for (int i = 0; i < 10000; ++i) {
    keys.emplace_back(random() % most_serial + 1, random() & most_address);
  }
  constexpr std::uint64_t all = (1ULL << UNWIND_CACHE_KEY_BITS) - 1;
  for (auto [serial, address] : keys) {
    ASSERT_TRUE(unwind_can_be_cached(serial, address));
    const auto key = unwind_cache_key(serial, address);
    const auto index = unwind_cache_index(key);
    ASSERT_LT(index, UNWIND_CACHE_ENTRIES);
    const auto entry = unwind_cache_entry(key, 0xabcd);
    EXPECT_EQ(unwind_cache_rule(entry), 0xabcdU);
    EXPECT_TRUE(unwind_cache_holds(entry, key));
    const auto tag = entry << 1 >> 17;
    const auto again = std::uint64_t{index} << UNWIND_CACHE_TAG_BITS | tag;
    EXPECT_EQ(again * inverse() & all,
              serial << UNWIND_CACHE_ADDRESS_BITS | address);
  }
}

TEST(UnwindCache, AnEmptyEntryHoldsNothing) {
  EXPECT_FALSE(unwind_cache_holds(0, 0));
  EXPECT_FALSE(unwind_cache_holds(0, unwind_cache_key(1, 0)));
}

TEST(UnwindCache, WhatItCannotTellApartIsNotKept) {
  EXPECT_FALSE(unwind_can_be_cached(0, 0x1000)) << "an object without rows";
  EXPECT_FALSE(unwind_can_be_cached(most_serial + 1, 0x1000));
  EXPECT_FALSE(unwind_can_be_cached(1, most_address + 1));
}

// Addresses of one program must not fall upon each other more than chance has
// it: of 2,000 in 8,192 places 12 % do.
TEST(UnwindCache, NeighboursAreSpread) {
  std::vector<int> places(UNWIND_CACHE_ENTRIES);
  std::mt19937_64 random(7);
  int met = 0;
  std::uint64_t address = 0x401000;
  for (int i = 0; i < 2000; ++i) {
    address += 5 + random() % 200;
    met += places[unwind_cache_index(unwind_cache_key(7, address))]++ > 0;
  }
  EXPECT_LT(met, 2000 / 5);
}

}  // namespace
}  // namespace sightline::unwind
