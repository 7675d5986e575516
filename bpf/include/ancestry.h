// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The chain of parents of a process.
#pragma once

#include <stdbool.h>

#include "event.h"
#include "task.h"

// Parents that are read.
#define MOST_ANCESTORS 32

// Number 1 of a PID namespace: what a container was started with, or init.
static __always_inline bool is_first_process(struct task_struct *task) {
  struct pid *pid = BPF_CORE_READ(task, thread_pid);
  struct upid innermost = {};
  unsigned int level = BPF_CORE_READ(pid, level);
  bpf_core_read(&innermost, sizeof(innermost), &pid->numbers[level]);
  return innermost.nr == 1;
}

// One step up, to who is described. Returns false at a process that the tool's
// PID namespace does not have.
static __always_inline bool step_to_parent(struct task_struct **at,
                                           struct event_ancestor *parent) {
  *at = BPF_CORE_READ(*at, real_parent, group_leader);
  parent->pid = task_pid(*at);
  bpf_core_read_str(parent->comm, sizeof(parent->comm), &(*at)->comm);
  return parent->pid != 0;
}
