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
  std::string find(const Process& who, std::uint32_t number,
                   std::uint64_t time) {
    auto name = cache_.find(who, address(number), time);
    if (!name) return "none";
    return name->text + ' ' + std::string(to_string(name->source));
  }
  std::string find(std::uint32_t pid, std::uint32_t number,
                   std::uint64_t time) {
    return find(user(pid), number, time);
  }
  static Process user(std::uint32_t pid, std::uint32_t uid = 1000) {
    return {.pid = pid, .parent = 1, .uid = uid, .cgroup = 5};
  }

  NameCache cache_{4};
};

TEST_F(NameCacheTest, WhatAProcessAskedForComesFirst) {
  cache_.add_lookup(user(7), address(1), "db", 10);
  cache_.add_answer(address(1), "db.cluster.example", 20);
  EXPECT_EQ(find(7, 1, 30), "db getaddrinfo");
  EXPECT_EQ(find(8, 1, 30), "db.cluster.example answer");
  EXPECT_EQ(find(8, 1, 15), "db getaddrinfo_other");
  EXPECT_EQ(find(7, 2, 30), "none");
}

TEST_F(NameCacheTest, ProcessesOfOtherNamespacesAreNotOne) {
  cache_.add_lookup(user(0), address(1), "db", 10);
  EXPECT_EQ(find(0, 1, 30), "db getaddrinfo_other");
  EXPECT_EQ(find(7, 1, 30), "db getaddrinfo_other");
}

TEST_F(NameCacheTest, ALookupCountsForTheSameUserInTheSameCgroup) {
  cache_.add_lookup(user(7), address(1), "mine", 10);
  EXPECT_EQ(find(user(8), 1, 20), "mine getaddrinfo_other");
  EXPECT_EQ(find(user(8, 1001), 1, 20), "none");
  EXPECT_EQ(find(user(8, 0), 1, 20), "none");
  auto elsewhere = user(8);
  elsewhere.cgroup = 6;
  EXPECT_EQ(find(elsewhere, 1, 20), "none");
  elsewhere.pid = 7;
  EXPECT_EQ(find(elsewhere, 1, 20), "none");
  // It has become another user, or another process has its number.
  EXPECT_EQ(find(user(7, 1001), 1, 20), "none");
  EXPECT_EQ(find(user(7, 0), 1, 20), "none");
  auto child = user(8, 0);
  child.parent = 7;
  EXPECT_EQ(find(child, 1, 20), "none");
}

TEST_F(NameCacheTest, RootsLookupCountsForWhatItBecomesOrStarts) {
  cache_.add_lookup(user(7, 0), address(1), "backend", 10);
  EXPECT_EQ(find(user(7, 1000), 1, 20), "backend getaddrinfo");
  EXPECT_EQ(find(user(8, 1000), 1, 20), "none");
  auto worker = user(8, 1000);
  worker.parent = 7;
  EXPECT_EQ(find(worker, 1, 20), "backend getaddrinfo_other");
  worker.cgroup = 6;
  EXPECT_EQ(find(worker, 1, 20), "none");
}

TEST_F(NameCacheTest, AnAnswerCountsForAll) {
  cache_.add_lookup(user(7), address(1), "mine", 10);
  cache_.add_answer(address(1), "theirs", 20);
  EXPECT_EQ(find(user(9, 1001), 1, 30), "theirs answer");
  EXPECT_EQ(find(user(0, 0), 1, 30), "theirs answer");
  EXPECT_EQ(find(user(7), 1, 30), "mine getaddrinfo");
}

TEST_F(NameCacheTest, WhoFillsItDrivesOutHisOwn) {
  cache_.add_lookup(user(7), address(1), "one", 10);
  cache_.add_lookup(user(7), address(2), "two", 10);
  for (std::uint32_t i = 3; i < 1000; ++i) {
    cache_.add_lookup(user(9, 1001), address(i), "flood", 20);
  }
  EXPECT_EQ(find(user(7), 1, 30), "one getaddrinfo");
  EXPECT_EQ(find(user(8), 2, 30), "two getaddrinfo_other");
  EXPECT_EQ(find(user(9, 1001), 999, 30), "flood getaddrinfo");
  EXPECT_EQ(find(user(9, 1001), 3, 30), "none");
  EXPECT_EQ(cache_.size(), 8U);
}

TEST_F(NameCacheTest, ManyUsersLeaveEachAnEvenShare) {
  cache_.add_lookup(user(7), address(1), "one", 10);
  for (std::uint32_t i = 0; i < 3; ++i) {
    cache_.add_lookup(user(9, 2000 + i), address(1), "crowd", 20);
  }
  cache_.add_lookup(user(7), address(2), "two", 10);
  EXPECT_EQ(cache_.size(), 8U);
  EXPECT_EQ(find(user(7), 2, 30), "two getaddrinfo");
}

TEST_F(NameCacheTest, OfSeveralNamesTheNewestBeforeIsMeant) {
  cache_.add_lookup(user(7), address(1), "first", 10);
  cache_.add_lookup(user(7), address(1), "second", 20);
  cache_.add_lookup(user(7), address(1), "third", 30);
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
  cache_.add_lookup(user(7), address(1), "old", 10);
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
  cache_.add_lookup(user(7), address(1), "asked", 10);
  for (std::uint32_t i = 2; i < 1000; ++i) {
    cache_.add_answer(address(i), "flood", 20);
  }
  EXPECT_EQ(find(7, 1, 30), "asked getaddrinfo");
  EXPECT_EQ(cache_.size(), 6U);
}

}  // namespace
}  // namespace sightline::dns
