// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the two halves of offcpu say to each other. A wait is one stretch in
// which a thread does not run, of one kind: a sleep that is followed by a wait
// for a CPU is two.
#pragma once

#include "sample.h"

enum wait_kind {
  WAIT_BLOCKED = 0,          // asleep until somebody wakes it
  WAIT_UNINTERRUPTIBLE = 1,  // the same, and no signal does: disks and the like
  WAIT_RUN_QUEUE = 2,        // could run, and has no CPU
  WAIT_THROTTLED = 3,        // its cgroup's quota is used up
  WAIT_KINDS = 4
};

// What the first argument of the system call stands for.
enum wait_object {
  WAIT_OBJECT_NONE = 0,
  WAIT_OBJECT_UNKNOWN = 1,  // a descriptor, and of what could not be read
  WAIT_OBJECT_FILE = 2,
  WAIT_OBJECT_DIRECTORY = 3,
  WAIT_OBJECT_BLOCK_DEVICE = 4,
  WAIT_OBJECT_CHARACTER_DEVICE = 5,
  WAIT_OBJECT_PIPE = 6,
  WAIT_OBJECT_TCP = 7,
  WAIT_OBJECT_UDP = 8,
  WAIT_OBJECT_UNIX_SOCKET = 9,
  WAIT_OBJECT_NETLINK = 10,
  WAIT_OBJECT_OTHER_SOCKET = 11,
  WAIT_OBJECT_EVENTFD = 12,
  WAIT_OBJECT_TIMERFD = 13,
  WAIT_OBJECT_SIGNALFD = 14,
  WAIT_OBJECT_INOTIFY = 15,
  WAIT_OBJECT_ANONYMOUS = 16,  // another file without a name
  WAIT_OBJECTS = 17
};

#define WAIT_IO (1 << 0)         // the kernel waits for a device (in_iowait)
#define WAIT_COMPAT (1 << 1)     // a system call of 32 bits, other numbers
#define WAIT_PREEMPTED (1 << 2)  // was running and would have gone on
#define WAIT_STOPPED (1 << 3)    // by a signal, or by a tracer
#define WAIT_EXITING (1 << 4)
#define WAIT_NEW (1 << 5)         // has not run yet
#define WAIT_OPEN_START (1 << 6)  // had begun before we looked
#define WAIT_OPEN_END (1 << 7)    // went on when we stopped

#define WAIT_NO_SYSCALL 0xffff  // a page fault, or the kernel's own thread
#define WAIT_UNSEEN 0xfffe      // it was not seen how the wait ended

// When a thread's stack is taken: never, when it comes back to a CPU, when it
// leaves one.
enum stack_hook { STACK_AT_NONE = 0, STACK_AT_ARRIVAL = 1, STACK_AT_LEAVE = 2 };

struct wait_reason {
  __u16 syscall;  // number, or WAIT_NO_SYSCALL
  __u8 object;
  __u8 flags;
};

// Whose waits are summed up together. tid and cgroup are 0 unless asked for.
struct wait_key {
  __u64 start_ns;  // CLOCK_MONOTONIC, of the process
  __u64 cgroup;
  __u32 pid;  // in the tool's PID namespace
  __u32 tid;
  __u32 exec_id;
  __u32 kind;  // of the wait itself
  struct wait_reason reason;
  __u32 kernel_thread;
  char comm[SAMPLE_COMM_SIZE];
};

struct wait_sum {
  __u64 count;
  __u64 total_ns;
  __u64 longest_ns;
};

// For each CPU, so that the longest is exact: a compare-and-exchange is there
// only since 5.12.
struct wait_value {
  struct wait_sum wait;
  struct wait_sum queue;  // in the run queue, after that
};

// A wait that goes on, as the iterator finds it.
struct open_wait {
  struct wait_key key;
  __u64 wait_ns;
  __u64 queue_ns;
  __u64 throttled_ns;
  __u32 tid;  // in the initial PID namespace
  __u32 reserved;
};

// Of a stack's sample_key.word.
static inline __u64 wait_word(enum wait_kind kind, struct wait_reason reason) {
  return (__u64)kind << 32 | (__u64)reason.flags << 24 |
         (__u64)reason.object << 16 | reason.syscall;
}

SAMPLE_ASSERT(sizeof(struct wait_key) == 56, "no padding");
SAMPLE_ASSERT(sizeof(struct wait_value) == 48, "no padding");
SAMPLE_ASSERT(sizeof(struct open_wait) == 88, "no padding");
