// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The kernel's own types, cut down to the fields that are read. CO-RE finds the
// real offsets at load time, so only names and rough types matter here. Sources
// are named where a field has moved.
#pragma once

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), \
                             apply_to = record)

struct ns_common {
  unsigned int inum;
};

struct pid_namespace {
  struct ns_common ns;
};

struct upid {
  int nr;
  struct pid_namespace *ns;
};

struct pid {
  unsigned int level;
  struct upid numbers[1];
};

typedef struct {
  int counter;
} atomic_t;

struct signal_struct {
  atomic_t live;
};

struct task_struct {
  unsigned int flags;
  int pid;
  int tgid;
  unsigned long long start_time;      // CLOCK_MONOTONIC, at fork
  unsigned long long start_boottime;  // 5.5; /proc/PID/stat field 22
  unsigned long long self_exec_id;    // u32 before 5.7: only 32 bits are used
  struct task_struct *group_leader;
  struct pid *thread_pid;
  struct signal_struct *signal;
  void *mm;     // none: a kernel thread, or one that has given it up
  void *stack;  // the kernel's
  char comm[16];
};

// What a perf-event program's context really points at (kernel/events/core.c,
// include/linux/perf_event.h).
struct perf_event_attr___tag {
  __u32 wakeup_events;
};

struct perf_event {
  struct perf_event_attr___tag attr;
};

struct bpf_perf_event_data_kern {
  void *regs;
  struct perf_event *event;
};

#pragma clang attribute pop

// include/linux/sched.h; stable since 2.6.
#define PF_VCPU 0x00000001
#define PF_KTHREAD 0x00200000
