// SPDX-License-Identifier: Apache-2.0
#include "waits.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <cstring>
#include <vector>

namespace sightline::offcpu {
namespace {

wait_key key_of(const char* comm, wait_kind kind, std::uint8_t flags = 0) {
  wait_key key{};
  key.pid = 7;
  key.kind = kind;
  key.reason = {.syscall = SYS_futex, .object = 0, .flags = flags};
  std::strncpy(key.comm, comm, sizeof(key.comm) - 1);
  return key;
}

WaitSum sum_of(const Waits& waits, wait_kind kind, const std::string& reason) {
  WaitSum found;
  for (const auto& [row, sum] : waits.rows()) {
    if (row.kind == kind && row.reason == reason) found += sum;
  }
  return found;
}

TEST(Waits, CpusAreSummedUpAndTheLongestIsTheLongest) {
  Waits waits;
  std::vector<wait_value> cpus{{.wait = {2, 30, 20}, .queue = {1, 5, 5}},
                               {.wait = {1, 40, 40}, .queue = {0, 0, 0}}};
  waits.add(key_of("a", WAIT_BLOCKED), cpus);
  auto futex = sum_of(waits, WAIT_BLOCKED, "futex");
  EXPECT_EQ(futex.count, 3U);
  EXPECT_EQ(futex.total_ns, 70U);
  EXPECT_EQ(futex.longest_ns, 40U);
  EXPECT_EQ(futex.open, 0U);
  EXPECT_EQ(sum_of(waits, WAIT_RUN_QUEUE, "woken").total_ns, 5U);
  EXPECT_EQ(waits.delivered(), 4U);
}

TEST(Waits, WhatHadBegunBeforeIsOpenAndItsQueueIsNot) {
  Waits waits;
  std::vector<wait_value> cpus{{.wait = {1, 30, 30}, .queue = {1, 5, 5}}};
  waits.add(key_of("a", WAIT_BLOCKED, WAIT_OPEN_START), cpus);
  EXPECT_EQ(sum_of(waits, WAIT_BLOCKED, "futex").open, 1U);
  EXPECT_EQ(sum_of(waits, WAIT_RUN_QUEUE, "woken").open, 0U);
}

TEST(Waits, QuotasAreAKindOfTheirOwn) {
  Waits waits;
  std::vector<wait_value> cpus{{.wait = {1, 30, 30}, .queue = {0, 0, 0}}};
  waits.add(key_of("a", WAIT_THROTTLED, WAIT_PREEMPTED), cpus);
  EXPECT_EQ(sum_of(waits, WAIT_THROTTLED, "quota").total_ns, 30U);
  EXPECT_EQ(waits.rows().size(), 1U);
}

TEST(Waits, AWaitThatGoesOnHasItsParts) {
  Waits waits;
  open_wait wait{};
  wait.key = key_of("a", WAIT_UNINTERRUPTIBLE, WAIT_OPEN_END);
  wait.wait_ns = 9;
  wait.queue_ns = 4;
  wait.throttled_ns = 2;
  waits.add(wait);
  EXPECT_EQ(sum_of(waits, WAIT_UNINTERRUPTIBLE, "futex").open, 1U);
  EXPECT_EQ(sum_of(waits, WAIT_RUN_QUEUE, "woken").total_ns, 4U);
  EXPECT_EQ(sum_of(waits, WAIT_THROTTLED, "quota").total_ns, 2U);
  EXPECT_EQ(waits.delivered(), 3U);
}

TEST(Waits, OtherNamesAreCountedAndLeftOut) {
  Waits waits;
  waits.keep_only([](std::string_view comm) { return comm == "a"; });
  std::vector<wait_value> cpus{{.wait = {2, 30, 20}, .queue = {1, 5, 5}}};
  waits.add(key_of("b", WAIT_BLOCKED), cpus);
  waits.add(key_of("a", WAIT_BLOCKED), cpus);
  EXPECT_EQ(waits.not_matching(), 3U);
  EXPECT_EQ(waits.delivered(), 3U);
}

}  // namespace
}  // namespace sightline::offcpu
