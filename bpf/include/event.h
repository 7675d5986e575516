// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the records of event tools have in common, read by both halves. An event
// is one record, or a first one and others with the `rest` of what it is about,
// numbered from 1 on: all but the last say that there is `more`. So user space
// alone sees, and counts, which events lack records: those for which there was
// no room, too.
#pragma once

#include <linux/types.h>

struct event_header {
  __u64 time_ns;  // CLOCK_MONOTONIC; with tid, which event this belongs to
  __u32 tid;      // in the initial PID namespace
  __u16 type;     // the tool's own
  __u8 more;
  __u8 rest;  // which one; 0: the first record
};

// One link of the chain of parents.
struct event_ancestor {
  __u32 pid;      // in the tool's PID namespace
  char comm[16];  // TASK_COMM_LEN, include/linux/sched.h
};
