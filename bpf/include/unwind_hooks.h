// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Keeps `unwind_spaces` right by itself: a child has its parent's mappings, and
// a new program none until user space has looked at it. Attached only when
// stacks are walked by rows.
#pragma once

#include "filter.h"
#include "samples.h"
#include "unwind.h"
#include <bpf/bpf_tracing.h>

SEC("raw_tp/sched_process_fork")
int BPF_PROG(unwind_fork, struct task_struct *parent,
             struct task_struct *child) {
  __u32 from = task_pid(parent);
  __u32 to = task_pid(child);
  if (from == to) return 0;
  struct unwind_space space;
  if (!take_space(&space, from, BPF_CORE_READ(parent, group_leader, start_time),
                  BPF_CORE_READ(parent, group_leader, self_exec_id))) {
    // What an earlier process of that number had may be there still.
    bpf_map_delete_elem(&unwind_spaces, &to);
    return 0;
  }
  space.pid = to;
  space.start_ns = BPF_CORE_READ(child, group_leader, start_time);
  space.exec_id = BPF_CORE_READ(child, group_leader, self_exec_id);
  space.any_image = 0;
  // Without room the child's stacks are pending, and say so.
  bpf_map_update_elem(&unwind_spaces, &to, &space, BPF_ANY);
  return 0;
}

// The new program's mappings are asked for when it is first sampled, not here:
// most programs on a machine that starts many are never sampled.
SEC("raw_tp/sched_process_exec")
int BPF_PROG(unwind_exec, struct task_struct *task) {
  __u32 pid = task_pid(task);
  bpf_map_delete_elem(&unwind_spaces, &pid);
  return 0;
}

// The PID may be another's by now, as this comes late: see follow_free.
SEC("raw_tp/sched_process_free")
int BPF_PROG(unwind_free, struct task_struct *task) {
  __u32 pid = BPF_CORE_READ(task, tgid);
  if (pid != (__u32)BPF_CORE_READ(task, pid)) return 0;
  struct unwind_space space;
  if (take_space(&space, pid, BPF_CORE_READ(task, start_time),
                 BPF_CORE_READ(task, self_exec_id))) {
    bpf_map_delete_elem(&unwind_spaces, &pid);
  }
  return 0;
}

// The same inside a PID namespace, as in follow_exit.
SEC("raw_tp/sched_process_exit")
int BPF_PROG(unwind_exit, struct task_struct *task) {
  if (BPF_CORE_READ(task, signal, live.counter) > 0) return 0;
  __u32 pid = task_pid(task);
  bpf_map_delete_elem(&unwind_spaces, &pid);
  return 0;
}
