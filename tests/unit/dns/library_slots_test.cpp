// SPDX-License-Identifier: Apache-2.0
#include "dns/library_slots.h"

#include <gtest/gtest.h>

namespace sightline::dns {
namespace {

constexpr dev_t own = 1;

std::size_t taken(LibrarySlots& slots, uid_t owner, dev_t device,
                  std::size_t tries = 1000) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < tries; ++i) count += slots.take(owner, device);
  return count;
}

TEST(LibrarySlots, AUserHasFewAndTakesNoneFromOthers) {
  LibrarySlots slots(own);
  EXPECT_EQ(taken(slots, 1000, own), LibrarySlots::most_of_user);
  EXPECT_EQ(taken(slots, 1001, own, 3), 3U);
  EXPECT_EQ(taken(slots, 0, own, 50), 50U);
}

TEST(LibrarySlots, ManyUsersTakeNoneFromRoot) {
  LibrarySlots slots(own);
  std::size_t all = 0;
  for (uid_t user = 1000; user < 1100; ++user) all += taken(slots, user, own);
  EXPECT_EQ(all, LibrarySlots::most_foreign);
  EXPECT_EQ(taken(slots, 0, own),
            LibrarySlots::most - LibrarySlots::most_foreign);
}

TEST(LibrarySlots, AContainersRootHasFewToo) {
  LibrarySlots slots(own);
  EXPECT_EQ(taken(slots, 0, 2), LibrarySlots::most_of_device);
  EXPECT_EQ(taken(slots, 0, 3, 2), 2U);
  EXPECT_EQ(taken(slots, 0, own, 50), 50U);
}

}  // namespace
}  // namespace sightline::dns
