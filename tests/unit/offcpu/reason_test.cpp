// SPDX-License-Identifier: Apache-2.0
#include "reason.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

namespace sightline::offcpu {
namespace {

wait_reason call(long number, wait_object object = WAIT_OBJECT_NONE,
                 std::uint8_t flags = 0) {
  return {.syscall = static_cast<__u16>(number),
          .object = static_cast<__u8>(object),
          .flags = flags};
}

TEST(ReasonName, CallsAreWhatAnOperatorKnows) {
  EXPECT_EQ(reason_name(call(SYS_futex)), "futex");
  EXPECT_EQ(reason_name(call(SYS_epoll_pwait)), "epoll");
  EXPECT_EQ(reason_name(call(SYS_clock_nanosleep)), "sleep");
  EXPECT_EQ(reason_name(call(500)), "call 500");
}

TEST(ReasonName, DescriptorsSayWhatTheyAre) {
  EXPECT_EQ(reason_name(call(SYS_read, WAIT_OBJECT_PIPE)), "read (pipe)");
  EXPECT_EQ(reason_name(call(SYS_recvmsg, WAIT_OBJECT_TCP)), "receive (TCP)");
  EXPECT_EQ(reason_name(call(SYS_fsync, WAIT_OBJECT_FILE, WAIT_IO)),
            "fsync (file), I/O");
  EXPECT_EQ(reason_name(call(SYS_read, static_cast<wait_object>(99))), "read");
}

TEST(ReasonName, OutsideOfCalls) {
  EXPECT_EQ(reason_name(call(WAIT_NO_SYSCALL)), "page fault");
  EXPECT_EQ(reason_name(call(WAIT_NO_SYSCALL, WAIT_OBJECT_NONE, WAIT_IO)),
            "page fault, I/O");
  EXPECT_EQ(reason_name(call(WAIT_UNSEEN)), "end not seen");
  EXPECT_EQ(reason_name(call(SYS_read, WAIT_OBJECT_PIPE, WAIT_STOPPED)),
            "stopped");
  EXPECT_EQ(reason_name(call(WAIT_NO_SYSCALL, WAIT_OBJECT_NONE, WAIT_EXITING)),
            "exit");
}

TEST(ReasonName, NumbersOfOtherCallsAreNotMistakenForOurs) {
  EXPECT_EQ(reason_name(call(SYS_read, WAIT_OBJECT_NONE, WAIT_COMPAT)),
            "32-bit call 0");
}

TEST(QueueReasonName, SaysHowTheThreadCameIntoTheQueue) {
  EXPECT_EQ(queue_reason_name(call(SYS_futex)), "woken");
  EXPECT_EQ(queue_reason_name(
                call(WAIT_NO_SYSCALL, WAIT_OBJECT_NONE, WAIT_PREEMPTED)),
            "preempted");
  EXPECT_EQ(
      queue_reason_name(call(WAIT_NO_SYSCALL, WAIT_OBJECT_NONE, WAIT_NEW)),
      "new thread");
}

}  // namespace
}  // namespace sightline::offcpu
