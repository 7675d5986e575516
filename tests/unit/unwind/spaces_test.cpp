// SPDX-License-Identifier: Apache-2.0
// What the kernel half is told of each process. Needs the right to make maps.
#include "unwind/spaces.h"

#include <unistd.h>

#include "base/units.h"
#include "loading.h"
#include "process/proc.h"

namespace sightline::unwind {
namespace {

using testing::no_process;
using testing::page_size;
using testing::some_program;

constexpr std::uint64_t somewhere = 0x7f0000000000;
constexpr auto all = UINT64_MAX;

class SpacesTest : public testing::LoadingTest {
 protected:
  void SetUp() override {
    LoadingTest::SetUp();
    if (!maps_) return;
    store_.emplace(open());
    auto rows = ObjectRows::open(*store_, objects_);
    ASSERT_TRUE(rows);
    rows_.emplace(std::move(*rows));
    spaces_.emplace(*store_, *rows_, table_, objects_);
  }

  // A process that is there, with the mappings of a program.
  void publish(std::uint32_t pid) {
    executes(pid, {line(copy(some_program), somewhere)});
    spaces_->follow(pid);
    ASSERT_TRUE(spaces_->publish(all).value());
  }
  void two_grace_periods() {
    store_->grace_period_passed();
    store_->grace_period_passed();
  }

  std::optional<Store> store_;
  std::optional<ObjectRows> rows_;
  std::optional<Spaces> spaces_;
};

TEST_F(SpacesTest, TheKernelHalfGetsWhatIsMapped) {
  publish(no_process);
  auto space = maps_->space(no_process);
  ASSERT_TRUE(space);
  auto mappings = maps_->mappings(*space);
  ASSERT_EQ(mappings.size(), 1U);
  EXPECT_EQ(mappings[0].start, somewhere);
  EXPECT_EQ(mappings[0].bias, somewhere);
  EXPECT_EQ(mappings[0].length, 16U);
  EXPECT_EQ(maps_->object(mappings[0].object).state, UNWIND_PENDING);
  auto published = spaces_->published(no_process);
  ASSERT_EQ(published.size(), 1U);
  EXPECT_EQ(published[0].object, mappings[0].object);
  EXPECT_TRUE(spaces_->published(no_process + 1).empty());
}

TEST_F(SpacesTest, AForkShares) {
  publish(no_process);
  auto used = store_->use().used_bytes;
  table_.on_fork(no_process + 1, no_process, 2);
  spaces_->on_fork(no_process + 1, no_process, 2);
  spaces_->follow(no_process + 1);
  ASSERT_TRUE(spaces_->publish(all).value());
  EXPECT_EQ(maps_->space(no_process + 1)->word, maps_->space(no_process)->word);
  EXPECT_EQ(store_->use().used_bytes, used);
  // The child needs them still.
  spaces_->on_exit(no_process);
  spaces_->forget();
  two_grace_periods();
  EXPECT_EQ(store_->use().used_bytes, used);
  spaces_->on_exit(no_process + 1);
  spaces_->forget();
  EXPECT_EQ(spaces_->processes(), 0U);
  two_grace_periods();
  EXPECT_LT(store_->use().used_bytes, used);
}

// The kernel half has dropped what there was at the exec; what came later was
// the old image's.
TEST_F(SpacesTest, AnExecDropsWhatWasPublishedAfterIt) {
  publish(no_process);
  spaces_->on_exec(no_process, 2);
  EXPECT_FALSE(maps_->space(no_process));
  EXPECT_TRUE(spaces_->published(no_process).empty());
  publish(no_process + 1);
  spaces_->on_exec(no_process + 1, monotonic_ns());
  EXPECT_TRUE(maps_->space(no_process + 1));
  EXPECT_TRUE(spaces_->published(no_process + 1).empty());
}

TEST_F(SpacesTest, AnImageIsToldByStartAndExecIfTheyAreKnown) {
  publish(no_process);
  EXPECT_EQ(maps_->space(no_process)->any_image, 1U);
  process::ImageSeen seen;
  seen.key = {.pid = no_process, .exec_id = 7, .start_ns = 99};
  seen.time_ns = 50;
  table_.see(seen);
  spaces_->follow(seen);
  // What happened before it was met is not known yet.
  EXPECT_FALSE(spaces_->publish(49).value());
  EXPECT_EQ(maps_->space(no_process)->any_image, 1U);
  EXPECT_TRUE(spaces_->publish(50).value());
  auto space = maps_->space(no_process);
  EXPECT_EQ(space->any_image, 0U);
  EXPECT_EQ(space->start_ns, 99U);
  EXPECT_EQ(space->exec_id, 7U);
}

// A process that is sampled right after its fork and its exec is met before
// their records are read.
TEST_F(SpacesTest, WhatWasMetBeforeItsForkWasToldIsPublished) {
  publish(no_process);
  const auto child = no_process + 1;
  process::ImageSeen seen;
  seen.key = {.pid = child, .exec_id = 1, .start_ns = 99};
  seen.time_ns = 50;
  table_.see(seen);
  spaces_->follow(seen);
  table_.on_fork(child, no_process, 40);
  spaces_->on_fork(child, no_process, 40);
  executes(child, {line(copy(some_program), somewhere)}, 45);
  spaces_->on_exec(child, 45);
  spaces_->on_map(child);
  ASSERT_TRUE(spaces_->publish(50).value());
  auto space = maps_->space(child);
  ASSERT_TRUE(space);
  EXPECT_EQ(space->start_ns, 99U);
  EXPECT_EQ(space->any_image, 0U);
}

// What the side-band has not told may have changed what was published.
TEST_F(SpacesTest, AfterALossNothingIsBelievedBeforeItIsPublishedAnew) {
  const auto self = static_cast<std::uint32_t>(::getpid());
  table_.preload(self);
  spaces_->follow(self);
  publish(no_process);
  EXPECT_EQ(maps_->space(self)->era, maps_->era());
  EXPECT_EQ(maps_->space(no_process)->era, maps_->era());
  table_.on_lost(monotonic_ns());
  spaces_->on_lost();
  EXPECT_NE(maps_->space(self)->era, maps_->era());
  EXPECT_NE(maps_->space(no_process)->era, maps_->era());
  // One that lives is compared with /proc, one that is gone cannot be.
  process::ImageSeen seen;
  seen.key = {.pid = self, .exec_id = 1, .start_ns = 99};
  seen.time_ns = monotonic_ns();
  seen.start_boottime_ns =
      process::read_stat(self)->start_ticks * process::ns_per_tick;
  table_.see(seen);
  spaces_->follow(seen);
  spaces_->on_map(no_process);
  ASSERT_TRUE(spaces_->publish(all).value());
  EXPECT_EQ(maps_->space(self)->era, maps_->era());
  EXPECT_NE(maps_->space(no_process)->era, maps_->era());
}

// A child may be forked while they are replaced, and a program may still be
// reading them.
TEST_F(SpacesTest, WhatWasReplacedIsGivenBackLater) {
  publish(no_process);
  auto before = *maps_->space(no_process);
  auto used = store_->use().used_bytes;
  table_.on_map(no_process, 2,
                line(copy(some_program), somewhere + 16 * page_size));
  spaces_->on_map(no_process);
  ASSERT_TRUE(spaces_->publish(all).value());
  auto after = *maps_->space(no_process);
  EXPECT_NE(after.word, before.word);
  EXPECT_EQ(after.count, 2U);
  auto now = monotonic_ns();
  auto both = store_->use().used_bytes;
  EXPECT_GT(both, used);
  // It is not gone, whoever asks the kernel: its end was not told.
  spaces_->forget(now);
  two_grace_periods();
  EXPECT_EQ(store_->use().used_bytes, both);
  spaces_->forget(now + 2 * ns_per_second);
  EXPECT_EQ(store_->use().used_bytes, both);
  store_->grace_period_passed();
  EXPECT_EQ(store_->use().used_bytes, both);
  store_->grace_period_passed();
  EXPECT_LT(store_->use().used_bytes, both);
}

TEST_F(SpacesTest, WhatIsTheSameIsNotPublishedAnew) {
  publish(no_process);
  auto word = maps_->space(no_process)->word;
  spaces_->on_map(no_process);
  ASSERT_TRUE(spaces_->publish(all).value());
  EXPECT_EQ(maps_->space(no_process)->word, word);
}

TEST_F(SpacesTest, PiecesOfGeneratedCodeAreOneMapping) {
  std::vector<process::MapsLine> lines;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    lines.push_back(generated_code(somewhere + i * page_size));
  }
  lines.push_back(generated_code(somewhere + 4000 * page_size));
  executes(no_process, lines);
  spaces_->follow(no_process);
  ASSERT_TRUE(spaces_->publish(all).value());
  auto mappings = maps_->mappings(maps_->space(no_process).value());
  ASSERT_EQ(mappings.size(), 2U);
  EXPECT_EQ(mappings[0].length, 1000U);
  EXPECT_EQ(mappings[1].length, 1U);
  EXPECT_EQ(maps_->object(mappings[0].object).state, UNWIND_GENERATED);
}

TEST_F(SpacesTest, TooManyPiecesOfGeneratedCodeAreOneOverTheirGaps) {
  std::vector<process::MapsLine> lines;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    lines.push_back(generated_code(somewhere + 2 * i * page_size));
  }
  executes(no_process, lines);
  spaces_->follow(no_process);
  ASSERT_TRUE(spaces_->publish(all).value());
  auto mappings = maps_->mappings(maps_->space(no_process).value());
  ASSERT_EQ(mappings.size(), 1U);
  EXPECT_EQ(mappings[0].length, 5999U);
}

TEST_F(SpacesTest, AnImageThatEndedCanStillBeWalked) {
  process::ImageKey image{.pid = no_process, .exec_id = 1, .start_ns = 5};
  executes(no_process, {line(copy(some_program), somewhere)});
  EXPECT_TRUE(spaces_->lend(image).value().mappings().empty());
  process::ImageSeen seen;
  seen.key = image;
  seen.time_ns = 3;
  table_.see(seen);
  table_.on_exec(no_process, 10);
  auto lent = spaces_->lend(image);
  ASSERT_TRUE(lent);
  ASSERT_EQ(lent->mappings().size(), 1U);
  EXPECT_EQ(lent->mappings()[0].start, somewhere);
  EXPECT_EQ(rows_->waiting(), 1U);
  EXPECT_FALSE(maps_->space(no_process));
}

}  // namespace
}  // namespace sightline::unwind
