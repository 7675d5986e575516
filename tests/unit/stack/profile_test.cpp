// SPDX-License-Identifier: Apache-2.0
#include "stack/profile.h"

#include <gtest/gtest.h>

namespace sightline::stack {
namespace {

using symbol::Reason;

TEST(FrameTable, NumbersEachFrameOnce) {
  FrameTable frames;
  auto id = frames.intern({4, Reason::none, 0x1000});
  EXPECT_EQ(frames.intern({4, Reason::none, 0x1000}), id);
  EXPECT_NE(frames.intern({5, Reason::none, 0x1000}), id);
  EXPECT_NE(frames.intern({4, Reason::file_gone, 0x1000}), id);
  EXPECT_NE(frames.intern({4, Reason::none, 0x1001}), id);
  EXPECT_EQ(frames.size(), 4U);
  EXPECT_EQ(frames.at(id), (Frame{4, Reason::none, 0x1000}));
}

TEST(FrameTable, KeepsAHundredThousandApart) {
  FrameTable frames;
  for (std::uint64_t i = 0; i < 100'003; ++i) {
    auto object = static_cast<process::ObjectId>(i % 7);
    ASSERT_EQ(frames.intern({object, Reason::none, i}), i);
  }
  for (FrameId id = 0; id < 100'003; ++id) ASSERT_EQ(frames.at(id).offset, id);
}

TEST(Profile, AProcessIsAPidAndItsStart) {
  Profile profile;
  auto first = profile.process(7, 100);
  EXPECT_EQ(profile.process(7, 100), first);
  auto second = profile.process(7, 200);
  EXPECT_NE(second, first);
  EXPECT_EQ(profile.process_at(first).start_ns, 100U);
  EXPECT_EQ(profile.process_at(second).start_ns, 200U);
  EXPECT_EQ(profile.process_at(second).pid, 7U);
  EXPECT_FALSE(profile.process_at(second).known);
}

TEST(Profile, NamesAreKeptByteForByte) {
  Profile profile;
  auto odd = profile.name(std::string("a\0b;\xff", 5));
  EXPECT_EQ(profile.name(std::string("a\0b;\xff", 5)), odd);
  EXPECT_NE(profile.name("a"), odd);
  EXPECT_EQ(profile.name_at(odd), std::string("a\0b;\xff", 5));
}

TEST(Profile, MergesEqualRowsAndAddsUp) {
  Profile profile;
  RowKey key{.process = 1, .cpu = 0, .comm = 2, .stack = 3};
  profile.add(key, {2, 20});
  profile.add(key, {3, 31});
  EXPECT_EQ(profile.rows().size(), 1U);
  EXPECT_EQ(profile.rows().at(key).count, 5U);
  EXPECT_EQ(profile.rows().at(key).sum, 51U);
  EXPECT_EQ(profile.total().count, 5U);
  EXPECT_EQ(profile.total().sum, 51U);
}

TEST(Profile, EveryFieldTellsRowsApart) {
  Profile profile;
  std::vector<RowKey> keys(9);
  keys[1].process = 1;
  keys[2].tid = 1;
  keys[3].cpu = 0;
  keys[4].event = 1;
  keys[5].cgroup = 1;
  keys[6].word = 1;
  keys[7].comm = 1;
  keys[8].stack = 1;
  for (const auto& key : keys) profile.add(key, {1, 1});
  EXPECT_EQ(profile.rows().size(), keys.size());
}

TEST(Profile, ClearedKeepsItsNumbers) {
  Profile profile;
  auto process = profile.process(7, 100);
  auto name = profile.name("x");
  auto frame = profile.frames().intern({4, Reason::none, 8});
  auto node = profile.stacks().child(CallTree::root, frame);
  profile.add({.process = process, .comm = name, .stack = node}, {1, 1});
  profile.clear_rows();
  EXPECT_TRUE(profile.rows().empty());
  EXPECT_EQ(profile.total().count, 0U);
  EXPECT_EQ(profile.total().sum, 0U);
  EXPECT_EQ(profile.process(7, 100), process);
  EXPECT_EQ(profile.name("x"), name);
  EXPECT_EQ(profile.stack(node), std::vector<FrameId>{frame});
}

}  // namespace
}  // namespace sightline::stack
