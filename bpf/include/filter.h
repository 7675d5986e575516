// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The filters of the contract, in the kernel: chosen processes and threads,
// a user, a cgroup and all below it, the tool itself, idle. With
// follow_children the processes that a chosen one starts are chosen too.
#pragma once

#include <stdbool.h>

#include "count.h"
#include "task.h"
#include <bpf/bpf_tracing.h>

const volatile bool filter_targets = false;
const volatile bool filter_user = false;
const volatile __u32 wanted_user = 0;
const volatile bool filter_cgroup = false;
const volatile bool keep_idle = false;
const volatile __u32 own_pid = 0;  // 0: the tool's own samples are kept

// Chosen ids: a process id, a thread id with TARGET_THREAD set, or that of a
// process whose children are chosen with TARGET_PARENT set.
#define TARGET_THREAD (1ULL << 32)
#define TARGET_PARENT (1ULL << 33)

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);  // resized by user space when there are targets
  __type(key, __u64);
  __type(value, __u8);
} targets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
  __uint(max_entries, 1);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(__u32));
} wanted_cgroup SEC(".maps");

static __always_inline bool is_target(__u32 pid, __u32 tid) {
  __u64 process = pid;
  __u64 thread = TARGET_THREAD | tid;
  return bpf_map_lookup_elem(&targets, &process) ||
         bpf_map_lookup_elem(&targets, &thread);
}

static __always_inline bool passes_filters(__u32 pid, __u32 tid) {
  if (filter_targets && !is_target(pid, tid)) return false;
  if (filter_user && (__u32)bpf_get_current_uid_gid() != wanted_user) {
    return false;
  }
  return !filter_cgroup ||
         bpf_current_task_under_cgroup(&wanted_cgroup, 0) == 1;
}

// Counts what it leaves out. Idle is the task with PID 0 of each CPU.
static __always_inline bool wanted(bool idle, __u32 pid, __u32 tid) {
  if (idle && !keep_idle) {
    ledger_count(LEDGER_idle);
    return false;
  }
  if (own_pid && pid == own_pid) {
    ledger_count(LEDGER_self);
    return false;
  }
  if (passes_filters(pid, tid)) return true;
  ledger_count(LEDGER_not_target);
  return false;
}

// Follows the children of chosen processes. A raw tracepoint needs no BTF in
// the running kernel and costs what tp_btf costs.
static __always_inline int follow(struct task_struct *parent,
                                  struct task_struct *child) {
  __u64 from = task_pid(parent);
  __u64 to = task_pid(child);
  __u8 chosen = 1;
  if (from == to || !bpf_map_lookup_elem(&targets, &from) ||
      bpf_map_lookup_elem(&targets, &to)) {
    return 0;
  }
  if (bpf_map_update_elem(&targets, &to, &chosen, BPF_ANY)) {
    ledger_count(LEDGER_target_table_full);
  }
  return 0;
}

SEC("raw_tp/sched_process_fork")
int BPF_PROG(follow_fork, struct task_struct *parent,
             struct task_struct *child) {
  return follow(parent, child);
}

// Does it where a kernel that preempts these programs (7.2) left the first out,
// because the same program of another task stood still on that CPU.
SEC("raw_tp/sched_process_fork")
int BPF_PROG(follow_fork_again, struct task_struct *parent,
             struct task_struct *child) {
  return follow(parent, child);
}

// A process is forgotten when its leader is freed, after its memory was torn
// down: from 6.16 on sched_process_exit comes before that. The leader is freed
// last, and its tgid still holds (delayed_put_task_struct, kernel/exit.c).
SEC("raw_tp/sched_process_free")
int BPF_PROG(follow_free, struct task_struct *task) {
  __u64 pid = BPF_CORE_READ(task, tgid);
  if (BPF_CORE_READ(task, tgid) == BPF_CORE_READ(task, pid)) {
    bpf_map_delete_elem(&targets, &pid);
  }
  return 0;
}

// The same inside a PID namespace, whose number is gone by then. signal->live
// has already been counted down here (do_exit), so 0 means the whole process.
SEC("raw_tp/sched_process_exit")
int BPF_PROG(follow_exit, struct task_struct *task) {
  if (BPF_CORE_READ(task, signal, live.counter) > 0) return 0;
  __u64 pid = task_pid(task);
  bpf_map_delete_elem(&targets, &pid);
  return 0;
}
