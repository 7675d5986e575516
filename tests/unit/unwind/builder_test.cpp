// SPDX-License-Identifier: Apache-2.0
#include "unwind/builder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "base/clock.h"
#include "base/units.h"

namespace sightline::unwind {
namespace {

BuildJob job(process::ObjectId id, const char* path) {
  return {.object = id, .file = UniqueFd(::open(path, O_RDONLY | O_CLOEXEC))};
}

bool is_readable(int fd) {
  pollfd poll{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&poll, 1, 0) == 1;
}

TEST(Build, AProgramHasRowsAndWhatIsNoneAReason) {
  auto built = build(job(5, "/bin/true"));
  EXPECT_EQ(built.object, 5U);
  EXPECT_GT(built.rows.functions, 0U);
  for (const char* path : {"/etc/passwd", "/dev/null", "/", "/no such file"}) {
    built = build(job(6, path));
    EXPECT_EQ(built.rows.functions, 0U) << path;
    EXPECT_NE(built.rows.reason, symbol::Reason::none) << path;
  }
}

// Whoever ends does not wait for a program with millions of functions.
TEST(Build, WhatNobodyWantsAnyMoreIsNotMadeToTheEnd) {
  std::atomic<bool> abandoned = true;
  auto built = build(job(5, "/bin/true"), {.abandoned = &abandoned});
  EXPECT_EQ(built.rows.functions, 0U);
  abandoned = false;
  built = build(job(5, "/bin/true"), {.abandoned = &abandoned});
  EXPECT_GT(built.rows.functions, 0U);
}

TEST(Builder, TellsWhenSomethingIsDone) {
  auto builder = Builder::open();
  ASSERT_TRUE(builder);
  EXPECT_FALSE(builder->wait(UINT64_MAX)) << "waits for nothing";
  EXPECT_FALSE(is_readable(builder->fd()));
  builder->add(job(5, "/bin/true"));
  builder->add(job(6, "/dev/null"));
  std::vector<process::ObjectId> done;
  while (builder->waiting() > 0) {
    ASSERT_TRUE(builder->wait(monotonic_ns() + 60 * ns_per_second));
    for (const auto& built : builder->take()) done.push_back(built.object);
  }
  EXPECT_EQ(done, (std::vector<process::ObjectId>{5, 6}));
  builder->wake();
  EXPECT_TRUE(is_readable(builder->fd()));
  EXPECT_TRUE(builder->take().empty());
  EXPECT_FALSE(is_readable(builder->fd()));
}

TEST(Builder, WhatSomebodyWaitsForIsNext) {
  auto builder = Builder::open();
  ASSERT_TRUE(builder);
  for (process::ObjectId id = 5; id < 50; ++id) {
    builder->add(job(id, "/proc/self/exe"));
  }
  builder->hurry(49);
  builder->hurry(99);
  std::vector<process::ObjectId> done;
  while (builder->waiting() > 0) {
    ASSERT_TRUE(builder->wait(monotonic_ns() + 60 * ns_per_second));
    for (const auto& built : builder->take()) done.push_back(built.object);
  }
  ASSERT_EQ(done.size(), 45U);
  EXPECT_NE(done.back(), 49U);
}

TEST(Builder, GivesBackWhatItHasNotBegun) {
  auto builder = Builder::open();
  ASSERT_TRUE(builder);
  for (process::ObjectId id = 5; id < 50; ++id) {
    builder->add(job(id, "/proc/self/exe"));
  }
  auto back = builder->take_back(49);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->object, 49U);
  EXPECT_TRUE(back->file);
  EXPECT_EQ(builder->waiting(), 44U);
  EXPECT_FALSE(builder->take_back(49));
}

// In a process that may have no more threads. Root always may.
[[noreturn]] void build_without_a_thread() {
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  auto builder = Builder::open();
  bool limited = ::setrlimit(RLIMIT_NPROC, &none) == 0 &&
                 (::getuid() != 0 || ::setuid(65534) == 0);
  if (!limited || !builder) std::_Exit(2);
  builder->add(job(5, "/bin/true"));
  bool told = is_readable(builder->fd());
  auto done = builder->take();
  bool made = done.size() == 1 && done[0].rows.functions > 0;
  std::_Exit(told && made ? 0 : 1);
}

TEST(Builder, MakesThemItselfWhereNoThreadCanBeHad) {
  EXPECT_EXIT(build_without_a_thread(), ::testing::ExitedWithCode(0), "");
}

TEST(Builder, EndsWithJobsLeft) {
  auto builder = Builder::open();
  ASSERT_TRUE(builder);
  for (process::ObjectId id = 5; id < 500; ++id) {
    builder->add(job(id, "/proc/self/exe"));
  }
  auto start = monotonic_ns();
  {
    auto last = std::move(*builder);
  }
  EXPECT_LT(monotonic_ns() - start, 60 * ns_per_second);
}

}  // namespace
}  // namespace sightline::unwind
