// SPDX-License-Identifier: Apache-2.0
#include "dns/library_slots.h"

#include <gtest/gtest.h>

namespace sightline::dns {
namespace {

constexpr dev_t own = 1;

std::size_t taken(LibrarySlots& slots, uid_t owner, dev_t device,
                  std::size_t tries = 1000, const std::string& space = "") {
  std::size_t count = 0;
  for (std::size_t i = 0; i < tries; ++i) {
    count += slots.take({owner, device, space});
  }
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

// Bind mounts show it the host's device.
TEST(LibrarySlots, SoItHasOnTheHostsDevice) {
  LibrarySlots slots(own);
  EXPECT_EQ(taken(slots, 0, own, 1000, "a"), LibrarySlots::most_of_space);
  EXPECT_EQ(taken(slots, 0, 2, 1000, "a"), 0U);
  EXPECT_EQ(taken(slots, 0, own, 3, "b"), 3U);
  EXPECT_EQ(taken(slots, 0, own, 50), 50U);
}

TEST(LibrarySlots, ManyNamespacesLeaveTheHostItsOwn) {
  LibrarySlots slots(own);
  std::size_t all = 0;
  for (int i = 0; i < 100; ++i) {
    all += taken(slots, 0, own, 1000, std::to_string(i));
  }
  EXPECT_EQ(all, LibrarySlots::most_elsewhere);
  EXPECT_EQ(taken(slots, 0, own), LibrarySlots::most -
                                      LibrarySlots::most_foreign -
                                      LibrarySlots::most_elsewhere);
}

TEST(LibrarySlots, WhatIsRefusedCostsNothing) {
  LibrarySlots slots(own);
  EXPECT_EQ(taken(slots, 0, 2, 16, "a"), 16U);
  EXPECT_EQ(taken(slots, 0, 2, 1000, "b"), 0U) << "the device has no more";
  EXPECT_EQ(taken(slots, 0, 3, 16, "b"), 16U);
}

}  // namespace
}  // namespace sightline::dns
