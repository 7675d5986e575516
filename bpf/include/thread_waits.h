// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What is known of each thread between two switches: whether it runs, sleeps or
// waits for a CPU, and since when.
//
//   runs ──sched_switch──▶ sleeps ──────────────────────────sched_switch──▶
//   runs
//     │                      └──sched_wakeup──▶ queued ──────────┘
//     └────preempted────────────────────────────▶
//
// How much of a sleep's end was spent in a run queue is in the kernel's own
// count; only where it keeps none (CONFIG_SCHED_INFO) wakeups are looked at.
//
// All of these happen under the lock of a run queue, with interrupts off, and
// one after the other for one thread: a thread is made runnable only once it
// has left its CPU (try_to_wake_up(), kernel/sched/core.c, 5.10 to 6.18). So
// its state needs no lock of its own.
//
// `trusted`: the programs are of a kind whose arguments the verifier knows
// (tp_btf), which may read them directly and use a task's own storage; raw
// tracepoints do neither. It is a constant wherever it stands.
#pragma once

#include <stdbool.h>

#include "kernel_types.h"
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

// The kernel counts how long tasks are in run queues; set by user space.
const volatile bool kernel_counts_queues = false;

enum thread_state {
  THREAD_UNKNOWN = 0,  // or it is left out
  THREAD_RUNS = 1,
  THREAD_SLEEPS = 2,
  THREAD_QUEUED = 3
};

struct thread_wait {
  __u64 since_ns;      // of this state
  __u64 wait_ns;       // of the sleep that was before the queue
  __u64 throttled_ns;  // of its queue, when it began to wait there
  __u64 cfs_rq;        // that queue
  __u64 group;         // whose it is
  __u64 queued_ns;     // in run queues, when it left its CPU
  __u64 ran_ns;        // on CPUs, likewise
  __u64 until_stack_ns;
  __u64 kernel_hash;  // of the stack that it left the CPU with
  __u64 user_hash;
  __u8 state;
  __u8 kind;
  __u8 flags;
  __u8 reserved[5];
};

// Entries are made where no lock of the scheduler is held: to allocate can wake
// the kernel's swapper, which takes the lock of a run queue.
struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);  // 5.11
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct thread_wait);
} thread_storage SEC(".maps");

// Where there is no such storage: by thread id, in the initial PID namespace.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);  // resized by user space
  __type(key, __u32);
  __type(value, struct thread_wait);
} thread_table SEC(".maps");

static __always_inline __u32 thread_id(struct task_struct *task, bool trusted) {
  return trusted ? (__u32)task->pid : (__u32)BPF_CORE_READ(task, pid);
}

static __always_inline struct thread_wait *wait_of(struct task_struct *task,
                                                   bool trusted) {
  if (trusted) return bpf_task_storage_get(&thread_storage, task, NULL, 0);
  __u32 tid = thread_id(task, false);
  return bpf_map_lookup_elem(&thread_table, &tid);
}

// Keeps what there is. False without memory.
static __always_inline bool begin_thread(struct task_struct *task,
                                         struct thread_wait *first,
                                         bool trusted) {
  if (trusted) {
    return bpf_task_storage_get(&thread_storage, task, first,
                                BPF_LOCAL_STORAGE_GET_F_CREATE) != NULL;
  }
  __u32 tid = thread_id(task, false);
  bpf_map_update_elem(&thread_table, &tid, first, BPF_NOEXIST);
  return bpf_map_lookup_elem(&thread_table, &tid) != NULL;
}

// A task's storage goes with it.
static __always_inline void end_thread(struct task_struct *task, bool trusted) {
  if (trusted) return;
  __u32 tid = thread_id(task, false);
  bpf_map_delete_elem(&thread_table, &tid);
}

// include/linux/sched.h: 5.10 to 6.18.
#define TASK_UNINTERRUPTIBLE 0x0002
#define TASK_STOPPED_OR_TRACED (0x0004 | 0x0008)
#define TASK_DEAD 0x0080
#define TASK_NOLOAD 0x0400

static __always_inline __u32 task_state(struct task_struct *task,
                                        bool trusted) {
  if (bpf_core_field_exists(task->__state)) {
    return trusted ? task->__state : BPF_CORE_READ(task, __state);
  }
  struct task_struct___before_5_14 *old = (void *)task;
  return trusted ? (__u32)old->state : (__u32)BPF_CORE_READ(old, state);
}

// int, and u8 since 7.x: read in the size that this kernel has.
static __always_inline bool is_on_cpu(struct task_struct *task, bool trusted) {
  return trusted ? BPF_CORE_READ_BITFIELD(task, on_cpu)
                 : BPF_CORE_READ_BITFIELD_PROBED(task, on_cpu);
}

static __always_inline bool is_in_queue(struct task_struct *task,
                                        bool trusted) {
  return trusted ? BPF_CORE_READ_BITFIELD(task, on_rq)
                 : BPF_CORE_READ_BITFIELD_PROBED(task, on_rq);
}

// Whether a task that leaves its CPU could go on. The state that it has set
// does not tell: it may be preempted before it sleeps, and one for which a
// signal waits does not fall asleep (__schedule()). Since 6.12 a task that
// sleeps may stay in the queue, where `sched_delayed` marks it.
static __always_inline bool stays_runnable(struct task_struct *task,
                                           bool trusted) {
  if (!is_in_queue(task, trusted)) return false;
  if (!bpf_core_field_exists(task->se.sched_delayed)) return true;
  return !(trusted ? task->se.sched_delayed
                   : BPF_CORE_READ(task, se.sched_delayed));
}

// For how long quotas have stopped a queue so far. 0 before 6.6: see
// tg_unthrottle_up(), kernel/sched/fair.c.
static __always_inline __u64 throttled_so_far(struct cfs_rq *queue,
                                              bool trusted) {
  if (!bpf_core_field_exists(queue->throttled_clock_self_time)) return 0;
  __u64 so_far = trusted ? queue->throttled_clock_self_time
                         : BPF_CORE_READ(queue, throttled_clock_self_time);
  __u64 since = trusted ? queue->throttled_clock_self
                        : BPF_CORE_READ(queue, throttled_clock_self);
  if (!since) return so_far;
  __u64 now = trusted ? queue->rq->clock : BPF_CORE_READ(queue, rq, clock);
  return now > since ? so_far + (now - since) : so_far;
}

static __always_inline struct cfs_rq *queue_of(struct task_struct *task,
                                               bool trusted) {
  if (!bpf_core_field_exists(task->se.cfs_rq)) return NULL;
  return trusted ? task->se.cfs_rq : BPF_CORE_READ(task, se.cfs_rq);
}

static __always_inline __u64 group_of(struct cfs_rq *queue, bool trusted) {
  if (!queue || !bpf_core_field_exists(queue->tg)) return 0;
  return (__u64)(trusted ? queue->tg : BPF_CORE_READ(queue, tg));
}

// For how long a task has been in run queues so far. The kernel itself counts
// it: what is over when it comes to a CPU, and where it was moved from one
// queue to another (sched_info_enqueue() and its like,
// kernel/sched/stats.h, 5.10 to 6.18), so that nobody has to look at wakeups.
// sched_switch comes before it has counted the last stretch.
static __always_inline __u64 queued_so_far(struct task_struct *task,
                                           bool trusted) {
  struct cfs_rq *queue = queue_of(task, trusted);
  if (!queue) return 0;
  __u64 before = trusted ? task->sched_info.run_delay
                         : BPF_CORE_READ(task, sched_info.run_delay);
  __u64 since = trusted ? task->sched_info.last_queued
                        : BPF_CORE_READ(task, sched_info.last_queued);
  if (!since) return before;
  __u64 now = trusted ? queue->rq->clock : BPF_CORE_READ(queue, rq, clock);
  return now > since ? before + (now - since) : before;
}

static __always_inline __u64 ran_so_far(struct task_struct *task,
                                        bool trusted) {
  return trusted ? task->se.sum_exec_runtime
                 : BPF_CORE_READ(task, se.sum_exec_runtime);
}

static __always_inline void begin_queueing(struct thread_wait *wait,
                                           struct task_struct *task, __u64 now,
                                           bool trusted) {
  struct cfs_rq *queue = queue_of(task, trusted);
  wait->cfs_rq = (__u64)queue;
  wait->group = group_of(queue, trusted);
  wait->throttled_ns = queue ? throttled_so_far(queue, trusted) : 0;
  wait->since_ns = now;
  wait->state = THREAD_QUEUED;
}

// How much of a wait for a CPU was its quota's doing. A task may have been
// moved to another CPU's queue meanwhile; as long as it is in the same group,
// that has the queue where it began.
static __always_inline __u64 throttled_part(const struct thread_wait *wait,
                                            struct task_struct *task,
                                            __u64 queue_ns, bool trusted) {
  struct cfs_rq *queue = queue_of(task, trusted);
  if (!queue || !queue_ns) return 0;
  __u64 so_far = 0;
  if ((__u64)queue == wait->cfs_rq) {
    so_far = throttled_so_far(queue, trusted);
  } else if (group_of(queue, trusted) == wait->group) {
    so_far = throttled_so_far((struct cfs_rq *)wait->cfs_rq, false);
  }
  if (so_far <= wait->throttled_ns) return 0;
  __u64 throttled = so_far - wait->throttled_ns;
  return throttled < queue_ns ? throttled : queue_ns;
}
