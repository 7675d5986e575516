// SPDX-License-Identifier: Apache-2.0
#include "process/address_space.h"

#include <gtest/gtest.h>

namespace sightline::process {
namespace {

using symbol::Reason;

constexpr ObjectId libA = first_file_object;
constexpr ObjectId libB = first_file_object + 1;

void expect_at(const AddressSpace& space, std::uint64_t address,
               ObjectId object, std::uint64_t offset) {
  auto found = space.locate(address, 1'000);
  EXPECT_EQ(found.object, object) << std::hex << address;
  EXPECT_EQ(found.offset, offset) << std::hex << address;
  EXPECT_EQ(found.reason, Reason::none) << std::hex << address;
  ASSERT_NE(found.mapping, nullptr);
  EXPECT_LE(found.mapping->start, address);
  EXPECT_GT(found.mapping->end, address);
}

void expect_reason(const AddressSpace& space, std::uint64_t address,
                   std::uint64_t from_ns, Reason reason) {
  auto found = space.locate(address, from_ns);
  EXPECT_EQ(found.reason, reason) << std::hex << address;
  EXPECT_EQ(found.offset, address) << "the address stays to be shown";
}

TEST(AddressSpace, LocatesByFileOffset) {
  AddressSpace space;
  space.insert({0x10000, 0x20000, 0x3000, libA, 0});
  expect_at(space, 0x10000, libA, 0x3000);
  expect_at(space, 0x1ffff, libA, 0x12fff);
  expect_reason(space, 0xffff, 0, Reason::not_mapped);
  expect_reason(space, 0x20000, 0, Reason::not_mapped);
  expect_reason(space, 0, 0, Reason::not_mapped);
  expect_reason(space, UINT64_MAX, 0, Reason::not_mapped);
}

TEST(AddressSpace, AnEmptyOrReversedMappingIsNone) {
  AddressSpace space;
  space.insert({0x2000, 0x2000, 0, libA, 0});
  space.insert({0x3000, 0x2000, 0, libA, 0});
  EXPECT_EQ(space.mappings().size(), 0U);
}

TEST(AddressSpace, CodeWithoutAFileSaysSo) {
  AddressSpace space;
  space.insert({0x1000, 0x2000, 0, anonymous_object, 0});
  auto found = space.locate(0x1800, 0);
  EXPECT_EQ(found.object, anonymous_object);
  EXPECT_EQ(found.offset, 0x1800U);
  EXPECT_EQ(found.reason, Reason::anonymous);
}

TEST(AddressSpace, AMappingInTheMiddleLeavesBothEndsWithTheirOffsets) {
  AddressSpace space;
  space.insert({0x10000, 0x50000, 0x1000, libA, 0});
  space.insert({0x20000, 0x30000, 0, libB, 100});
  EXPECT_EQ(space.mappings().size(), 3U);
  expect_at(space, 0x1ffff, libA, 0x10fff);
  expect_at(space, 0x20000, libB, 0);
  expect_at(space, 0x2ffff, libB, 0xffff);
  expect_at(space, 0x30000, libA, 0x21000);
}

TEST(AddressSpace, AMappingOverSeveralCutsTheOuterAndDropsTheInner) {
  AddressSpace space;
  space.insert({0x1000, 0x3000, 0, libA, 0});
  space.insert({0x3000, 0x4000, 0, libB, 0});
  space.insert({0x5000, 0x8000, 0, libA, 0});
  space.insert({0x2000, 0x6000, 0x7000, libB, 100});
  EXPECT_EQ(space.mappings().size(), 3U);
  expect_at(space, 0x1fff, libA, 0xfff);
  expect_at(space, 0x2000, libB, 0x7000);
  expect_at(space, 0x5fff, libB, 0xafff);
  expect_at(space, 0x6000, libA, 0x1000);
}

TEST(AddressSpace, NeighboursAreLeftAlone) {
  AddressSpace space;
  space.insert({0x1000, 0x2000, 0, libA, 0});
  space.insert({0x3000, 0x4000, 0, libA, 0});
  space.insert({0x2000, 0x3000, 0, libB, 500});
  EXPECT_EQ(space.mappings().size(), 3U);
  EXPECT_EQ(space.locate(0x1fff, 0).object, libA);
  EXPECT_EQ(space.locate(0x3000, 0).object, libA);
}

TEST(AddressSpace, TheLoaderMapsAFileOverItselfWithoutAChange) {
  AddressSpace space;
  space.insert({0x10000, 0x50000, 0, libA, 100});
  space.insert({0x20000, 0x30000, 0x10000, libA, 110});
  expect_at(space, 0x28000, libA, 0x18000);
  EXPECT_EQ(space.locate(0x28000, 0).reason, Reason::none);
  space.insert({0x20000, 0x30000, 0x11000, libA, 120});
  expect_reason(space, 0x28000, 0, Reason::mapping_changed);
}

// A JIT makes its code cache executable piece by piece: each time a record, and
// never another object.
TEST(AddressSpace, GeneratedCodeOverGeneratedCodeIsNoChange) {
  AddressSpace space;
  space.insert({0x1000, 0x2000, 0x1000, anonymous_object, 0});
  space.insert({0x1000, 0x3000, 0x1000, anonymous_object, 100});
  EXPECT_EQ(space.locate(0x1000, 50).reason, Reason::anonymous);
  EXPECT_EQ(space.locate(0x2000, 50).reason, Reason::anonymous);
}

TEST(AddressSpace, AnAddressThatChangedWithinTheEpochHasNoAnswer) {
  AddressSpace space;
  space.insert({0x1000, 0x3000, 0, libA, 0});
  space.insert({0x2000, 0x4000, 0, libB, 100});
  expect_reason(space, 0x2000, 99, Reason::mapping_changed);
  EXPECT_EQ(space.locate(0x2000, 100).object, libB) << "the epoch began after";
  EXPECT_EQ(space.locate(0x3000, 99).object, libB) << "nothing was there";
}

TEST(AddressSpace, WhatLiesBesideTheNewMappingHasNotChanged) {
  AddressSpace space;
  space.insert({0x1000, 0x9000, 0, libA, 0});
  space.insert({0x4000, 0x5000, 0, libB, 100});
  for (std::uint64_t address : {0x1000, 0x3fff, 0x5000, 0x8fff}) {
    auto found = space.locate(address, 50);
    EXPECT_EQ(found.object, libA) << std::hex << address;
    EXPECT_EQ(found.reason, Reason::none) << std::hex << address;
  }
}

TEST(AddressSpace, ForgetsWhatWasReplacedBefore) {
  AddressSpace space;
  space.insert({0x1000, 0x2000, 0, libA, 0});
  space.insert({0x1000, 0x2000, 0, libB, 100});
  space.forget_replaced(99);
  expect_reason(space, 0x1000, 0, Reason::mapping_changed);
  space.forget_replaced(100);
  EXPECT_EQ(space.locate(0x1000, 0).object, libB);
}

TEST(AddressSpace, ACopyGoesItsOwnWay) {
  AddressSpace parent;
  parent.insert({0x1000, 0x2000, 0, libA, 0});
  auto child = parent;
  child.insert({0x1000, 0x2000, 0, libB, 100});
  EXPECT_EQ(parent.locate(0x1000, 0).object, libA);
  EXPECT_EQ(child.locate(0x1000, 100).object, libB);
}

// Against a table with one entry a page.
TEST(AddressSpace, AgreesWithAPageTableAfterManyMappings) {
  constexpr std::uint64_t pages = 97;
  AddressSpace space;
  std::vector<Mapping> page_table(pages);
  std::uint64_t random = 1;
  for (std::uint64_t step = 1; step <= 5'003; ++step) {
    random = random * 6364136223846793005ULL + 1442695040888963407ULL;
    auto first = (random >> 33) % pages;
    auto count = 1 + (random >> 45) % (pages - first);
    Mapping mapping{first, first + count, step * 1'000,
                    static_cast<ObjectId>(first_file_object + step % 5), step};
    space.insert(mapping);
    std::fill_n(page_table.begin() + static_cast<std::ptrdiff_t>(first), count,
                mapping);
    auto page = (random >> 20) % pages;
    auto found = space.locate(page, step);
    const auto& truth = page_table[page];
    ASSERT_EQ(found.object, truth.object) << step;
    if (truth.object == no_object) continue;
    ASSERT_EQ(found.offset, page - truth.start + truth.file_offset) << step;
  }
}

TEST(AddressSpace, TakesAsManyMappingsAsAProcessMayHave) {
  AddressSpace space;
  constexpr std::uint64_t most = 65'530;  // vm.max_map_count
  for (std::uint64_t i = 0; i < most; ++i) {
    space.insert({i * 8192, i * 8192 + 4096, i, libA, 0});
  }
  EXPECT_EQ(space.mappings().size(), most);
  for (std::uint64_t i = 0; i < most; i += 997) {
    ASSERT_EQ(space.locate(i * 8192 + 5, 0).offset, i + 5);
    ASSERT_EQ(space.locate(i * 8192 + 4096, 0).reason, Reason::not_mapped);
  }
}

TEST(AddressSpace, ChangesWithoutEndMakeAnEpochUncertain) {
  AddressSpace space;
  space.insert({0x9000, 0xa000, 0, first_file_object, 1});
  for (std::uint64_t i = 2; i < 5000; ++i) {
    auto object = static_cast<ObjectId>(first_file_object + i % 2);
    space.insert({0x1000, 0x2000, 0, object, i});
  }
  EXPECT_EQ(space.locate(0x1800, 2).reason, Reason::mapping_changed);
  EXPECT_EQ(space.locate(0x9800, 2).reason, Reason::mapping_changed)
      << "too many to remember which";
  EXPECT_EQ(space.locate(0x9800, 6000).reason, Reason::none);
}

TEST(AddressSpace, TheVdsoOfA32BitProcessIsNotOurs) {
  AddressSpace space;
  space.insert({0xf7fc0000, 0xf7fc2000, 0, vdso_object, 1});
  space.insert({0x7ffff7fc0000, 0x7ffff7fc2000, 0, vdso_object, 1});
  EXPECT_EQ(space.locate(0xf7fc0800, 2).reason, Reason::no_covering_symbol);
  EXPECT_EQ(space.locate(0x7ffff7fc0800, 2).reason, Reason::none);
}

}  // namespace
}  // namespace sightline::process
