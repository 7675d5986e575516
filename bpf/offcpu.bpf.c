// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// offcpu: each wait of each thread, from sched_switch and sched_wakeup. What a
// switch does is in one place and stands twice, as tp_btf and as raw_tp program
// (see thread_waits.h); user space loads one of the two.
#include "kernel_types.h"
#include <linux/bpf.h>
#include <bpf/bpf_tracing.h>

#include "offcpu.h"
#include "filter.h"
#include "samples.h"
#include "thread_waits.h"
#include "unwind_hooks.h"
#include "wait_reason.h"

const volatile bool key_tid = false;
const volatile bool key_cgroup = false;
const volatile bool keep_kernel_threads = false;
const volatile bool filter_least = false;
const volatile bool filter_most = false;
const volatile __u64 least_ns = 0;
const volatile __u64 most_ns = ~0ULL;
// sched_switch tells the state of who leaves (5.18). Before, it is read, and
// may be that of a task that somebody is waking already.
const volatile bool has_prev_state = false;
// The second pass over all threads at the start.
bool find_states = false;
// When the measurement ended: from then on every state stays as it is. Set at
// once for all programs and CPUs, which to detach them is not.
volatile __u64 end_ns = 0;
// One stack each time that a thread has waited for so long; 0: one a wait.
const volatile __u64 stack_period_ns = 0;

const volatile __u32 stack_hook = STACK_AT_NONE;

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct waits_map {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct wait_key);
  __type(value, struct wait_value);
};

struct waits_map waits_a SEC(".maps");
struct waits_map waits_b SEC(".maps");

// Swapped as live_counts is.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 1);
  __type(key, __u32);
  __array(values, struct waits_map);
} live_waits SEC(".maps") = {.values = {&waits_a}};

const struct wait_value no_waits = {};

// What the thread that comes to a CPU has just waited for, until the hook that
// runs as that thread takes its stack.
struct arrival {
  __u64 task;  // 0: nothing to do
  __u64 wait_ns;
  __u64 queue_ns;
  __u64 throttled_ns;
  __u32 kind;
  struct wait_reason reason;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct arrival);
} arrivals SEC(".maps");

static __always_inline bool is_kept(__u64 ns) {
  if (filter_least && ns < least_ns) return false;
  return !filter_most || ns <= most_ns;
}

static __always_inline void add(struct wait_sum *sum, __u64 ns) {
  sum->count += 1;
  sum->total_ns += ns;
  if (ns > sum->longest_ns) sum->longest_ns = ns;
}

// The row of a key, made if need be; `parts` waits are lost where there is no
// room.
static __always_inline struct wait_value *value_of(const struct wait_key *key,
                                                   __u32 parts) {
  __u32 zero = 0;
  void *waits = bpf_map_lookup_elem(&live_waits, &zero);
  if (!waits) return NULL;  // never: user space always leaves a map there
  struct wait_value *value = bpf_map_lookup_elem(waits, key);
  if (value) return value;
  if (!bpf_map_update_elem(waits, key, &no_waits, BPF_NOEXIST)) ask_for_drain();
  value = bpf_map_lookup_elem(waits, key);
  if (!value) ledger_add(LEDGER_waits_full, parts);
  return value;
}

static __always_inline void describe_thread(struct wait_key *key,
                                            struct task_struct *task,
                                            bool trusted) {
  if (trusted) {
    key->start_ns = task->group_leader->start_time;
    key->exec_id = task->group_leader->self_exec_id;
    key->pid = pid_namespace ? task_pid(task) : (__u32)task->tgid;
    __u64 *comm = (__u64 *)key->comm;
    comm[0] = ((__u64 *)task->comm)[0];
    comm[1] = ((__u64 *)task->comm)[1];
  } else {
    key->start_ns = BPF_CORE_READ(task, group_leader, start_time);
    key->exec_id = BPF_CORE_READ(task, group_leader, self_exec_id);
    key->pid = task_pid(task);
    BPF_CORE_READ_INTO(&key->comm, task, comm);
  }
  if (keep_kernel_threads) key->kernel_thread = is_kernel_thread(task);
  if (key_tid) key->tid = task_tid(task);
  if (key_cgroup) key->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
}

// Of a wait that began with a sleep, what was in a run queue.
static __always_inline __u64 queue_part(const struct thread_wait *wait,
                                        struct task_struct *task, __u64 here,
                                        bool trusted) {
  __u64 queued = queued_so_far(task, trusted) - wait->queued_ns;
  return queued < here ? queued : here;
}

// What a thread has waited for when it comes to a CPU.
static __always_inline void measure(struct arrival *waited,
                                    const struct thread_wait *wait,
                                    struct task_struct *task, __u64 now,
                                    bool trusted) {
  __u64 here = now > wait->since_ns ? now - wait->since_ns : 0;
  waited->kind = wait->kind;
  waited->wait_ns = wait->wait_ns;
  waited->queue_ns = here;
  if (wait->state == THREAD_SLEEPS) {
    waited->queue_ns =
        kernel_counts_queues ? queue_part(wait, task, here, trusted) : 0;
    waited->wait_ns = here - waited->queue_ns;
  }
  waited->throttled_ns = throttled_part(wait, task, waited->queue_ns, trusted);
  waited->queue_ns -= waited->throttled_ns;
}

static __always_inline __u32 parts_of(const struct arrival *waited) {
  return !!waited->wait_ns + !!waited->queue_ns + !!waited->throttled_ns;
}

// Takes out what the filters by length do not want; how many parts are left.
static __always_inline __u32 drop_lengths(struct arrival *waited) {
  if (!is_kept(waited->wait_ns)) waited->wait_ns = 0;
  if (!is_kept(waited->queue_ns)) waited->queue_ns = 0;
  if (!is_kept(waited->throttled_ns)) waited->throttled_ns = 0;
  return parts_of(waited);
}

// The same, counted. False when nothing is left.
static __always_inline bool keep_lengths(struct arrival *waited) {
  __u32 parts = parts_of(waited);
  ledger_add(LEDGER_entered, parts);
  if (!filter_least && !filter_most) return parts;
  __u32 kept = drop_lengths(waited);
  if (kept < parts) ledger_add(LEDGER_other_latency, parts - kept);
  return kept;
}

static __always_inline void count_throttled(const struct wait_key *key,
                                            __u64 ns) {
  struct wait_key throttled = *key;
  throttled.kind = WAIT_THROTTLED;
  struct wait_value *value = value_of(&throttled, 1);
  if (value) add(&value->wait, ns);
}

static __always_inline void count_wait(const struct arrival *waited,
                                       struct task_struct *task, bool trusted) {
  struct wait_key key = {.kind = waited->kind, .reason = waited->reason};
  describe_thread(&key, task, trusted);
  if (waited->throttled_ns) count_throttled(&key, waited->throttled_ns);
  __u32 parts = !!waited->wait_ns + !!waited->queue_ns;
  if (!parts) return;
  struct wait_value *value = value_of(&key, parts);
  if (!value) return;
  if (waited->wait_ns) add(&value->wait, waited->wait_ns);
  if (waited->queue_ns) add(&value->queue, waited->queue_ns);
}

// Sampled, a wait has the weight of the whole periods that end in it, so that
// each nanosecond of waiting counts alike.
static __always_inline __u64 sampled_weight(struct thread_wait *wait,
                                            __u64 ns) {
  if (ns < wait->until_stack_ns) {
    wait->until_stack_ns -= ns;
    return 0;
  }
  __u64 beyond = ns - wait->until_stack_ns;
  __u64 periods = 1 + beyond / stack_period_ns;
  wait->until_stack_ns = periods * stack_period_ns - beyond;
  return periods * stack_period_ns;
}

// What the stack of this wait stands for; false when for nothing.
static __always_inline bool weigh(struct arrival *waited,
                                  struct thread_wait *wait) {
  if (!stack_period_ns) return true;
  waited->wait_ns = sampled_weight(wait, waited->wait_ns);
  waited->queue_ns = sampled_weight(wait, waited->queue_ns);
  waited->throttled_ns = sampled_weight(wait, waited->throttled_ns);
  return waited->wait_ns | waited->queue_ns | waited->throttled_ns;
}

static __always_inline void count_part(struct sample_key *key,
                                       const struct arrival *waited, __u64 ns,
                                       enum wait_kind kind) {
  if (!ns) return;
  key->word = wait_word(kind, waited->reason);
  count_sample(key, ns);
}

static __always_inline void count_stack(struct sample_key *key,
                                        const struct arrival *waited) {
  count_part(key, waited, waited->wait_ns, waited->kind);
  count_part(key, waited, waited->queue_ns, WAIT_RUN_QUEUE);
  count_part(key, waited, waited->throttled_ns, WAIT_THROTTLED);
}

// The stack that a thread has left its CPU with.
static __always_inline void count_left_stack(const struct arrival *waited,
                                             const struct thread_wait *wait,
                                             struct task_struct *task) {
  struct sample_key key = {
      .start_ns = BPF_CORE_READ(task, group_leader, start_time),
      .exec_id = BPF_CORE_READ(task, group_leader, self_exec_id),
      .pid = task_pid(task),
      .tid = key_tid ? task_tid(task) : 0,
      .cpu = -1,
      .cgroup = key_cgroup ? BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id) : 0,
      .kernel_hash = wait->kernel_hash,
      .user_hash = wait->user_hash,
  };
  BPF_CORE_READ_INTO(&key.comm, task, comm);
  count_stack(&key, waited);
}

static __always_inline void leave_to_arrival(const struct arrival *waited,
                                             struct task_struct *task) {
  __u32 zero = 0;
  struct arrival *arrival = bpf_map_lookup_elem(&arrivals, &zero);
  if (!arrival) return;
  *arrival = *waited;
  arrival->task = (__u64)task;
}

// A thread comes to a CPU.
static __always_inline void arrives(struct task_struct *task, __u64 now,
                                    bool trusted) {
  struct thread_wait *wait = wait_of(task, trusted);
  if (!wait || wait->state <= THREAD_RUNS) return;
  struct arrival waited = {};
  if (!kernel_counts_queues && wait->state == THREAD_SLEEPS) {
    ledger_count(LEDGER_wakeup_unseen);
  }
  measure(&waited, wait, task, now, trusted);
  wait->state = THREAD_RUNS;
  if (!keep_lengths(&waited)) return;
  waited.reason.syscall = WAIT_NO_SYSCALL;
  waited.reason.flags = wait->flags;
  if (waited.kind != WAIT_RUN_QUEUE) {
    waited.reason = reason_of(task, wait->flags, trusted);
  }
  count_wait(&waited, task, trusted);
  if (stack_hook == STACK_AT_NONE || !weigh(&waited, wait)) return;
  if (stack_hook == STACK_AT_LEAVE) {
    count_left_stack(&waited, wait, task);
  } else {
    leave_to_arrival(&waited, task);
  }
}

static __always_inline void take_leaving_stack(void *context,
                                               struct thread_wait *wait,
                                               struct task_struct *task) {
  struct sample_key key = {.pid = task_pid(task), .cpu = -1};
  struct sample_context sampled = {context, NULL};
  describe_sample(&sampled, &key, task);
  wait->kernel_hash = key.kernel_hash;
  wait->user_hash = key.user_hash;
}

// Whose waits are not asked for. Counted, but for the kernel's own threads.
static __always_inline bool is_left_out(struct task_struct *task,
                                        bool trusted) {
  __u32 flags = trusted ? task->flags : BPF_CORE_READ(task, flags);
  if (flags & PF_KTHREAD && !keep_kernel_threads) return true;
  __u32 pid = trusted && !pid_namespace ? (__u32)task->tgid : task_pid(task);
  if (!filter_targets && !filter_user && !filter_cgroup && pid != own_pid) {
    return false;
  }
  if (wanted(false, pid, filter_targets ? task_tid(task) : 0)) return false;
  ledger_count(LEDGER_entered);
  return true;
}

// A thread leaves a CPU, and nothing has told that it came to one. How long it
// ran is in the kernel's count, so that its wait is known; what it waited in is
// not any more.
static __always_inline void arrived_unseen(struct thread_wait *wait,
                                           struct task_struct *task, __u64 now,
                                           bool trusted) {
  struct arrival waited = {};
  __u64 ran = ran_so_far(task, trusted) - wait->ran_ns;
  __u64 came = now > ran ? now - ran : 0;
  measure(&waited, wait, task, came, trusted);
  ledger_count(LEDGER_arrival_unseen);
  if (!keep_lengths(&waited)) return;
  waited.reason.syscall = WAIT_UNSEEN;
  waited.reason.flags = wait->flags;
  count_wait(&waited, task, trusted);
}

static __always_inline void falls_asleep(struct thread_wait *wait,
                                         struct task_struct *task, __u32 state,
                                         __u64 now, bool trusted) {
  begin_queueing(wait, task, now, trusted);
  if (kernel_counts_queues) wait->queued_ns = queued_so_far(task, trusted);
  bool load = state & TASK_UNINTERRUPTIBLE && !(state & TASK_NOLOAD);
  wait->kind = load ? WAIT_UNINTERRUPTIBLE : WAIT_BLOCKED;
  wait->flags = state & TASK_STOPPED_OR_TRACED ? WAIT_STOPPED : 0;
  wait->state = THREAD_SLEEPS;
}

static __always_inline void is_preempted(struct thread_wait *wait,
                                         struct task_struct *task, __u64 now,
                                         __u8 flags, bool trusted) {
  wait->kind = WAIT_RUN_QUEUE;
  wait->flags = flags;
  begin_queueing(wait, task, now, trusted);
}

// A thread leaves its CPU.
static __always_inline void leaves(void *context, struct task_struct *task,
                                   __u32 state, __u64 now, bool trusted) {
  if (is_left_out(task, trusted)) return;
  struct thread_wait *wait = wait_of(task, trusted);
  if (!wait) {
    ledger_count(LEDGER_entered);
    ledger_count(LEDGER_thread_unknown);
    return;
  }
  if (wait->state > THREAD_RUNS) arrived_unseen(wait, task, now, trusted);
  wait->wait_ns = 0;
  wait->ran_ns = ran_so_far(task, trusted);
  if (stays_runnable(task, trusted)) {
    is_preempted(wait, task, now, WAIT_PREEMPTED, trusted);
  } else if (state & TASK_DEAD) {
    wait->state = THREAD_UNKNOWN;
    end_thread(task, trusted);
    return;
  } else {
    falls_asleep(wait, task, state, now, trusted);
  }
  if (stack_hook == STACK_AT_LEAVE) take_leaving_stack(context, wait, task);
}

// Idle is the task with PID 0 of each CPU.
static __always_inline bool is_idle(struct task_struct *task, bool trusted) {
  return thread_id(task, trusted) == 0;
}

static __always_inline int switches(unsigned long long *context, bool trusted) {
  struct task_struct *from = (struct task_struct *)context[1];
  struct task_struct *to = (struct task_struct *)context[2];
  if (end_ns) return 0;
  __u64 now = bpf_ktime_get_ns();
  if (!is_idle(from, trusted)) {
    __u32 state = has_prev_state ? context[3] : task_state(from, trusted);
    leaves(context, from, state, now, trusted);
  }
  if (!is_idle(to, trusted)) arrives(to, now, trusted);
  return 0;
}

SEC("tp_btf/sched_switch")
int switch_trusted(unsigned long long *context) {
  return switches(context, true);
}

SEC("raw_tp/sched_switch")
int switch_raw(unsigned long long *context) { return switches(context, false); }

static __always_inline int wakes(struct task_struct *task, bool trusted) {
  if (end_ns) return 0;
  struct thread_wait *wait = wait_of(task, trusted);
  if (!wait || wait->state != THREAD_SLEEPS) return 0;
  __u64 now = bpf_ktime_get_ns();
  wait->wait_ns = now > wait->since_ns ? now - wait->since_ns : 0;
  begin_queueing(wait, task, now, trusted);
  return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(wakeup_trusted, struct task_struct *task) {
  return wakes(task, true);
}

SEC("raw_tp/sched_wakeup")
int BPF_PROG(wakeup_raw, struct task_struct *task) {
  return wakes(task, false);
}

// Of a thread that nothing is known of yet.
static __always_inline void begin_entry(struct thread_wait *wait) {
  wait->kernel_hash = wait->user_hash = STACK_EMPTY;
  if (!stack_period_ns) return;
  wait->until_stack_ns = 1 + bpf_get_prandom_u32() % stack_period_ns;
}

static __always_inline bool is_of_interest(struct task_struct *task) {
  return keep_kernel_threads || !is_kernel_thread(task);
}

static __always_inline int starts(struct task_struct *child, bool trusted) {
  struct thread_wait first = {};
  if (!is_of_interest(child)) return 0;
  begin_entry(&first);
  begin_thread(child, &first, trusted);  // missing, it is thread_unknown
  return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(fork_trusted, struct task_struct *parent,
             struct task_struct *child) {
  return starts(child, true);
}

SEC("raw_tp/sched_process_fork")
int BPF_PROG(fork_raw, struct task_struct *parent, struct task_struct *child) {
  return starts(child, false);
}

// It has its parent's user and cgroup, which is current.
static __always_inline int begins_to_wait(struct task_struct *task,
                                          bool trusted) {
  if (is_left_out(task, trusted)) return 0;
  struct thread_wait *wait = wait_of(task, trusted);
  if (!wait || wait->state != THREAD_UNKNOWN) return 0;
  is_preempted(wait, task, bpf_ktime_get_ns(), WAIT_NEW, trusted);
  return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(new_trusted, struct task_struct *task) {
  return begins_to_wait(task, true);
}

SEC("raw_tp/sched_wakeup_new")
int BPF_PROG(new_raw, struct task_struct *task) {
  return begins_to_wait(task, false);
}

// Runs as the thread that has just come to this CPU, with preemption off. The
// stack is what it was when the thread left: it has not run since.
static __always_inline int take_arrival_stack(void *context) {
  __u32 zero = 0;
  struct arrival *arrival = bpf_map_lookup_elem(&arrivals, &zero);
  struct task_struct *task = current_task();
  if (!arrival || arrival->task != (__u64)task) return 0;
  arrival->task = 0;
  struct sample_key key = {
      .pid = task_pid(task),
      .tid = key_tid ? task_tid(task) : 0,
      .cpu = -1,
      .cgroup = key_cgroup ? bpf_get_current_cgroup_id() : 0,
  };
  struct sample_context sampled = {context, NULL};
  describe_sample(&sampled, &key, task);
  count_stack(&key, arrival);
  return 0;
}

// 6.16: at the end of __schedule() and of schedule_tail().
SEC("raw_tp/sched_exit_tp")
int arrive_tracepoint(void *context) { return take_arrival_stack(context); }

// Where that is missing; attached under the name that the compiler has given
// it. It is not inlined into both of its callers.
SEC("kprobe")
int arrive_kprobe(void *context) { return take_arrival_stack(context); }

// Contexts of iterators (kernel/bpf/task_iter.c, 5.8).
struct bpf_iter_meta {
  struct seq_file *seq;
};

struct bpf_iter__task {
  struct bpf_iter_meta *meta;
  struct task_struct *task;  // none: the end
};

static __always_inline bool is_chosen(struct task_struct *task) {
  __u32 pid = task_pid(task);
  if (own_pid && pid == own_pid) return false;
  return is_of_interest(task) &&
         task_passes_filters(task, pid, filter_targets ? task_tid(task) : 0);
}

// Where a thread is that has not switched yet since the other programs run.
// What runs needs no entry: its next switch tells.
static __always_inline void find_state(struct thread_wait *wait,
                                       struct task_struct *task, bool trusted) {
  __u64 now = bpf_ktime_get_ns();
  if (is_on_cpu(task, trusted)) return;
  if (wait->state != THREAD_UNKNOWN) return;
  if (stays_runnable(task, trusted)) {
    is_preempted(wait, task, now, WAIT_PREEMPTED, trusted);
  } else {
    falls_asleep(wait, task, task_state(task, trusted), now, trusted);
  }
  wait->flags |= WAIT_OPEN_START;
}

// Twice at the start: entries for all threads before the other programs are
// attached, and then the states of those that have not switched since.
static __always_inline int finds(struct bpf_iter__task *context, bool trusted) {
  struct task_struct *task = context->task;
  if (!task || !is_of_interest(task)) return 0;
  if (!trusted && !find_states) measure_saved_registers(task);
  struct thread_wait *wait = wait_of(task, trusted);
  if (!wait) {
    struct thread_wait first = {};
    begin_entry(&first);
    if (begin_thread(task, &first, trusted)) wait = wait_of(task, trusted);
  }
  if (wait && find_states && is_chosen(task)) find_state(wait, task, trusted);
  return 0;
}

SEC("iter/task")
int find_trusted(struct bpf_iter__task *context) {
  return finds(context, true);
}

SEC("iter/task")
int find_raw(struct bpf_iter__task *context) { return finds(context, false); }

// At the end, or for a report before it: the waits that go on. Those of a
// report will enter when they end.
static __always_inline int tells(struct bpf_iter__task *context, bool trusted) {
  struct task_struct *task = context->task;
  if (!task || !is_chosen(task)) return 0;
  struct thread_wait *wait = wait_of(task, trusted);
  if (!wait || wait->state <= THREAD_RUNS) return 0;
  // What the pass at the start has found may have come to a CPU under its eyes.
  // Before the end any thread may.
  bool may_run = !end_ns || wait->flags & WAIT_OPEN_START;
  if (may_run && is_on_cpu(task, trusted)) return 0;
  struct arrival waited = {};
  struct open_wait record = {};
  measure(&waited, wait, task, end_ns ? end_ns : bpf_ktime_get_ns(), trusted);
  if (end_ns ? !keep_lengths(&waited) : !drop_lengths(&waited)) return 0;
  record.key.kind = waited.kind;
  record.key.reason.syscall = WAIT_NO_SYSCALL;
  record.key.reason.flags = wait->flags;
  if (waited.kind != WAIT_RUN_QUEUE) {
    record.key.reason = reason_of(task, wait->flags, trusted);
  }
  record.key.reason.flags |= WAIT_OPEN_END;
  describe_thread(&record.key, task, trusted);
  record.wait_ns = waited.wait_ns;
  record.queue_ns = waited.queue_ns;
  record.throttled_ns = waited.throttled_ns;
  record.tid = thread_id(task, trusted);
  bpf_seq_write(context->meta->seq, &record, sizeof(record));
  return 0;
}

SEC("iter/task")
int tell_trusted(struct bpf_iter__task *context) {
  return tells(context, true);
}

SEC("iter/task")
int tell_raw(struct bpf_iter__task *context) { return tells(context, false); }
