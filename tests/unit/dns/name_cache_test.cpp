// SPDX-License-Identifier: Apache-2.0
#include "dns/name_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace sightline::dns {
namespace {

Address address(std::uint32_t number) {
  Address result;
  for (std::size_t i = 0; i < 4; ++i) {
    result.bytes[15 - i] = static_cast<std::uint8_t>(number >> 8 * i);
  }
  return result;
}

class NameCacheTest : public testing::Test {
 protected:
  std::string find(std::uint32_t pid, std::uint32_t number,
                   std::uint64_t time) {
    auto name = cache_.find(pid, address(number), time);
    if (!name) return "none";
    return name->text + ' ' + std::string(to_string(name->source));
  }

  NameCache cache_{4};
};

TEST_F(NameCacheTest, WhatAProcessAskedForComesFirst) {
  cache_.add_lookup(7, address(1), "db", 10);
  cache_.add_answer(address(1), "db.cluster.example", 20);
  EXPECT_EQ(find(7, 1, 30), "db getaddrinfo");
  EXPECT_EQ(find(8, 1, 30), "db.cluster.example answer");
  EXPECT_EQ(find(8, 1, 15), "db getaddrinfo_other");
  EXPECT_EQ(find(7, 2, 30), "none");
}

TEST_F(NameCacheTest, ProcessesOfOtherNamespacesAreNotOne) {
  cache_.add_lookup(0, address(1), "db", 10);
  EXPECT_EQ(find(0, 1, 30), "db getaddrinfo_other");
  EXPECT_EQ(find(7, 1, 30), "db getaddrinfo_other");
}

TEST_F(NameCacheTest, OfSeveralNamesTheNewestBeforeIsMeant) {
  cache_.add_lookup(7, address(1), "first", 10);
  cache_.add_lookup(7, address(1), "second", 20);
  cache_.add_lookup(7, address(1), "third", 30);
  EXPECT_EQ(find(7, 1, 9), "none");
  EXPECT_EQ(find(7, 1, 10), "first getaddrinfo");
  EXPECT_EQ(find(7, 1, 25), "second getaddrinfo");
  EXPECT_EQ(find(7, 1, 99), "third getaddrinfo");
}

TEST_F(NameCacheTest, ANameThatComesAgainIsNew) {
  cache_.add_answer(address(1), "first", 10);
  cache_.add_answer(address(1), "second", 20);
  cache_.add_answer(address(1), "first", 30);
  EXPECT_EQ(find(7, 1, 31), "first answer");
  EXPECT_EQ(find(7, 1, 15), "first answer");
  EXPECT_EQ(find(7, 1, 25), "second answer");
}

TEST_F(NameCacheTest, ANameThatStaysIsKeptOnce) {
  cache_.add_answer(address(1), "other", 10);
  for (std::uint64_t i = 20; i < 120; ++i) {
    cache_.add_answer(address(1), "same", i);
  }
  EXPECT_EQ(find(7, 1, 15), "other answer");
  EXPECT_EQ(find(7, 1, 20), "same answer");
  EXPECT_EQ(find(7, 1, 60), "same answer");
}

TEST_F(NameCacheTest, RecordsMayComeOutOfOrder) {
  cache_.add_answer(address(1), "second", 20);
  cache_.add_answer(address(1), "first", 10);
  EXPECT_EQ(find(7, 1, 15), "first answer");
  EXPECT_EQ(find(7, 1, 25), "second answer");
}

TEST_F(NameCacheTest, NamesAreBelievedForAWhile) {
  cache_.add_lookup(7, address(1), "old", 10);
  EXPECT_EQ(find(7, 1, 10 + NameCache::most_age_ns), "old getaddrinfo");
  EXPECT_EQ(find(7, 1, 11 + NameCache::most_age_ns), "none");
  cache_.add_answer(address(1), "new", 10 + NameCache::most_age_ns);
  EXPECT_EQ(find(7, 1, 11 + NameCache::most_age_ns), "new answer");
}

TEST_F(NameCacheTest, OfOneAddressFewNamesAreKept) {
  for (std::uint64_t i = 0; i < 100; ++i) {
    cache_.add_answer(address(1), "n" + std::to_string(i), 10 + i);
  }
  EXPECT_EQ(find(7, 1, 10 + 99), "n99 answer");
  EXPECT_EQ(find(7, 1, 10 + 92), "n92 answer");
  EXPECT_EQ(find(7, 1, 10 + 91), "none");
  EXPECT_EQ(cache_.size(), 1U);
}

TEST_F(NameCacheTest, WhatWasUsedLeastLatelyIsForgotten) {
  for (std::uint32_t i = 1; i <= 4; ++i) cache_.add_answer(address(i), "n", 10);
  EXPECT_EQ(find(7, 1, 20), "n answer");
  cache_.add_answer(address(5), "n", 10);
  EXPECT_EQ(find(7, 2, 20), "none");
  EXPECT_EQ(find(7, 1, 20), "n answer");
  EXPECT_EQ(find(7, 5, 20), "n answer");
  EXPECT_EQ(cache_.size(), 4U);
}

TEST_F(NameCacheTest, AnswersDriveOutNoLookups) {
  cache_.add_lookup(7, address(1), "asked", 10);
  for (std::uint32_t i = 2; i < 1000; ++i) {
    cache_.add_answer(address(i), "flood", 20);
  }
  EXPECT_EQ(find(7, 1, 30), "asked getaddrinfo");
  EXPECT_EQ(cache_.size(), 5U);
}

}  // namespace
}  // namespace sightline::dns
