// SPDX-License-Identifier: Apache-2.0
// What runs on this machine, loaded. Needs the right to make maps.
#include "unwind/loader.h"

#include <unistd.h>

#include "loading.h"

namespace sightline::unwind {
namespace {

using testing::no_process;
using testing::one_shard;
using testing::some_program;

class LoaderTest : public testing::LoadingTest {
 protected:
  void start() {
    auto loader = Loader::open(open(64 * one_shard), table_, objects_);
    ASSERT_TRUE(loader);
    loader_ = std::move(*loader);
  }
  [[nodiscard]] std::uint32_t state(const unwind_mapping& mapping) const {
    return maps_->object(mapping.object).state;
  }

  const std::uint32_t self_ = static_cast<std::uint32_t>(::getpid());
  std::unique_ptr<Loader> loader_;
};

TEST_F(LoaderTest, ChosenProcessesAreReadyWhenItReturns) {
  start();
  const std::uint32_t pids[] = {self_, no_process};
  ASSERT_TRUE(loader_->load(pids, UINT64_MAX));
  EXPECT_EQ(loader_->summary().waiting, 0U);
  auto published = loader_->spaces().published(self_);
  EXPECT_GE(published.size(), 3U);  // the test, the C library, the linker
  for (const auto& mapping : published)
    EXPECT_NE(state(mapping), UNWIND_PENDING);
  EXPECT_TRUE(loader_->spaces().published(no_process).empty());
  EXPECT_TRUE(maps_->space(self_));
}

TEST_F(LoaderTest, AProgramsRowsAreThereBeforeItRuns) {
  start();
  auto path = copy(some_program);
  auto names = loader_->load_program(path, UINT64_MAX);
  ASSERT_TRUE(names);
  EXPECT_EQ(names->front(), std::filesystem::path(path).filename());
  EXPECT_GE(names->size(), 3U);  // itself, the linker, the C library
  EXPECT_EQ(loader_->summary().waiting, 0U);
  const auto made = loader_->summary().objects;
  executes(no_process, {line(path, 0x10000)});
  loader_->spaces().follow(no_process);
  ASSERT_TRUE(loader_->advance(UINT64_MAX));
  auto published = loader_->spaces().published(no_process);
  ASSERT_EQ(published.size(), 1U);
  EXPECT_EQ(state(published[0]), UNWIND_LOADED);
  EXPECT_EQ(loader_->summary().objects, made);
  EXPECT_TRUE(loader_->load_program("/no/such/program", UINT64_MAX)->empty());
}

// Nothing is made after it, and what is left comes while the tool runs.
TEST_F(LoaderTest, TheDeadlineOfAllThatRuns) {
  start();
  ASSERT_TRUE(loader_->load_all(monotonic_ns()));
  EXPECT_EQ(loader_->summary().objects, 0U);
  EXPECT_TRUE(loader_->spaces().published(self_).empty());
  const auto give_up = monotonic_ns() + 60 * ns_per_second;
  while (loader_->spaces().published(self_).empty()) {
    ASSERT_LT(monotonic_ns(), give_up);
    ASSERT_TRUE(loader_->advance(UINT64_MAX));
  }
  EXPECT_TRUE(maps_->space(self_));
}

TEST_F(LoaderTest, WhatIsMetLaterIsMadeByTheThread) {
  start();
  EXPECT_FALSE(loader_->wait_for_rows(UINT64_MAX).value());
  executes(no_process, {line(copy(some_program), 0x10000)});
  loader_->spaces().follow(no_process);
  ASSERT_TRUE(loader_->advance(UINT64_MAX));
  auto published = loader_->spaces().published(no_process);
  ASSERT_EQ(published.size(), 1U);
  const auto mapping = published[0];
  ASSERT_TRUE(
      loader_->wait_for_rows(monotonic_ns() + 60 * ns_per_second).value());
  EXPECT_EQ(state(mapping), UNWIND_LOADED);
  EXPECT_FALSE(loader_->wait_for_rows(UINT64_MAX).value());
}

}  // namespace
}  // namespace sightline::unwind
