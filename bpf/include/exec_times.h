// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The CPU time of processes, in the records of execsnoop.
#pragma once

#include <stdbool.h>

#include "execsnoop.h"
#include "kernel_types.h"
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

// Threads of a process that ends that are still there.
#define MOST_ENDING_THREADS 64

static __always_inline void add_thread(struct exec_times *times,
                                       struct task_struct *task) {
  times->runtime += BPF_CORE_READ(task, se.sum_exec_runtime);
  times->utime += BPF_CORE_READ(task, utime);
  times->stime += BPF_CORE_READ(task, stime);
}

// Of threads that are gone.
static __always_inline void read_gone(struct exec_times *times,
                                      struct signal_struct *signal) {
  times->runtime = BPF_CORE_READ(signal, sum_sched_runtime);
  times->utime = BPF_CORE_READ(signal, utime);
  times->stime = BPF_CORE_READ(signal, stime);
}

// Of the current thread, now. The scheduler's clock stands still in interrupts,
// by an amount of each CPU; its other one does not (update_rq_clock_task,
// kernel/sched/core.c).
static __always_inline __u64 uncounted(struct task_struct *task, __u64 now) {
  if (!bpf_core_field_exists(task->se.cfs_rq)) return 0;
  struct rq *rq = BPF_CORE_READ(task, se.cfs_rq, rq);
  __u64 stood_still = BPF_CORE_READ(rq, clock) - BPF_CORE_READ(rq, clock_task);
  return now - (BPF_CORE_READ(task, se.exec_start) + stood_still);
}

// Of a process whose only thread is this, the current one.
static __always_inline void read_times(struct exec_times *times,
                                       struct task_struct *task, __u64 now) {
  read_gone(times, BPF_CORE_READ(task, signal));
  add_thread(times, task);
  times->uncounted = uncounted(task, now);
}

// Odd while a thread moves from the list to the sums (__exit_signal(),
// kernel/exit.c); a seqlock_t begins with its sequence.
static __always_inline __u32 times_sequence(struct signal_struct *signal) {
  __u32 sequence = 1;
  bpf_probe_read_kernel(
      &sequence, sizeof(sequence),
      (void *)signal + bpf_core_field_offset(signal->stats_lock));
  return sequence;
}

struct thread_walk {
  struct exec_times times;
  void *node;  // of the next thread
  void *head;  // of the list
};

// One thread; returns whether it was the last. A function of its own for the
// reason that put_component() has (exec_text.h).
static __noinline bool add_next(struct thread_walk *walk) {
  if (walk->node == walk->head) return true;
  struct task_struct *task =
      walk->node - bpf_core_field_offset(struct task_struct, thread_node);
  add_thread(&walk->times, task);
  walk->node = BPF_CORE_READ(task, thread_node.next);
  return false;
}

static __noinline void read_all_threads(struct thread_walk *walk) {
  for (int i = 0; i < MOST_ENDING_THREADS; ++i) {
    if (add_next(walk)) break;
  }
}

// Returns false when a thread went meanwhile.
static __always_inline bool read_once(struct exec_times *times,
                                      struct signal_struct *signal) {
  __u32 before = times_sequence(signal);
  struct thread_walk walk = {
      .node = BPF_CORE_READ(signal, thread_head.next),
      .head = (void *)signal + bpf_core_field_offset(signal->thread_head),
  };
  read_gone(&walk.times, signal);
  read_all_threads(&walk);
  *times = walk.times;
  return !(before & 1) && times_sequence(signal) == before;
}

// Of a process that ends, whose threads end at about the same time: some are
// gone, some are on their way, and its first one stays until its parent has
// asked for it. The last one is the current one.
static __always_inline void read_ending(struct exec_times *times,
                                        struct task_struct *task, __u64 now) {
  struct signal_struct *signal = BPF_CORE_READ(task, signal);
  if (!read_once(times, signal)) read_once(times, signal);
  times->uncounted = uncounted(task, now);
}
