// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Who runs: process and thread ids as the tool's own PID namespace counts them,
// and the identity of the process image.
#pragma once

#include "kernel_types.h"
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

// Inode of the tool's PID namespace, 0 for the initial one.
const volatile __u32 pid_namespace = 0;

// Nesting of PID namespaces, include/linux/pid_namespace.h.
#define MAX_PID_NAMESPACES 32

// The number of `pid` in the tool's namespace, 0 when it is not visible there.
static __always_inline __u32 namespaced_number(struct pid *pid) {
  unsigned int level = BPF_CORE_READ(pid, level);
  for (unsigned int i = 0; i < MAX_PID_NAMESPACES && i <= level; ++i) {
    struct upid entry;
    if (bpf_core_read(&entry, sizeof(entry), &pid->numbers[i])) return 0;
    if (BPF_CORE_READ(entry.ns, ns.inum) == pid_namespace) return entry.nr;
  }
  return 0;
}

static __always_inline struct task_struct *current_task(void) {
  return (struct task_struct *)bpf_get_current_task();
}

static __always_inline __u32 task_pid(struct task_struct *task) {
  if (!pid_namespace) return BPF_CORE_READ(task, tgid);
  return namespaced_number(BPF_CORE_READ(task, group_leader, thread_pid));
}

static __always_inline __u32 task_tid(struct task_struct *task) {
  if (!pid_namespace) return BPF_CORE_READ(task, pid);
  return namespaced_number(BPF_CORE_READ(task, thread_pid));
}

// Of who runs now, for which the kernel has the numbers at hand.
static __always_inline __u32 current_pid(void) {
  if (!pid_namespace) return bpf_get_current_pid_tgid() >> 32;
  return task_pid(current_task());
}

static __always_inline __u32 current_tid(void) {
  if (!pid_namespace) return bpf_get_current_pid_tgid();
  return task_tid(current_task());
}

static __always_inline bool is_kernel_thread(struct task_struct *task) {
  return BPF_CORE_READ(task, flags) & PF_KTHREAD;
}
