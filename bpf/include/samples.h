// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The samples core, kernel half: what a stack tool calls once for each sample.
//
// Counts live in a hash map that user space swaps for an empty one at each
// drain (live_counts, an array of maps): a program works on the map that it
// found, and the swap returns only after every program that found the old one
// has ended (maybe_wait_bpf_programs, kernel/bpf/syscall.c, since 5.0). So no
// increment is lost and user space never locks a map that an NMI may need.
//
// Frames cross the ring once for each new hash. What was sent is remembered in
// `seen`, which may forget; it remembers only what the ring took.
#pragma once

#include <stdbool.h>

#include "count.h"
#include "sample.h"
#include "task.h"

const volatile bool want_kernel_stacks = true;
const volatile bool want_user_stacks = true;
const volatile __u64 hash_seed = 0;         // random: collisions can't be made
const volatile __u64 pressure_rows = 8192;  // rows that ask for an early drain

// Contexts that can nest on one CPU: task, softirq, hardirq, NMI.
#define SCRATCH_LEVELS 4

// Rows in the current map, and whether a drain was asked for; user space resets
// both at each swap.
__u64 rows_in_epoch = 0;
bool drain_asked = false;

struct counts_map {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16384);  // preallocated: perf programs need it before 6.1
  __type(key, struct sample_key);
  __type(value, struct sample_value);
};

struct counts_map counts_a SEC(".maps");
struct counts_map counts_b SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 1);
  __type(key, __u32);
  __array(values, struct counts_map);
} live_counts SEC(".maps") = {.values = {&counts_a}};

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 2 << 20);
} ring SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SEEN_SETS);
  __type(key, __u32);
  __type(value, struct seen_set);
} seen SEC(".maps");

// Frames that are hashed in one turn of the loop.
#define HASH_BLOCK 16

struct stack_scratch {
  struct stack_record record;
  __u64 frames[STACK_MAX_FRAMES + HASH_BLOCK];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, SCRATCH_LEVELS);
  __type(key, __u32);
  __type(value, struct stack_scratch);
} scratch SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} scratch_depth SEC(".maps");

// Wakes user space only when a quarter of the ring is in use; it also comes by
// itself at each drain. Returns false, counted, when the ring had no room.
static __always_inline bool send(void *record, __u64 size, bool urgent) {
  bool filling = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >
                 bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE) / 4;
  __u64 flags = urgent || filling ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
  if (!bpf_ringbuf_output(&ring, record, size, flags)) return true;
  ledger_count(LEDGER_ring_full);
  return false;
}

static __always_inline struct seen_set *seen_set_of(__u64 hash) {
  __u32 index = hash & (SEEN_SETS - 1);
  return bpf_map_lookup_elem(&seen, &index);
}

static __always_inline void remember(struct seen_set *set, __u64 hash) {
  set->slots[seen_victim(set, hash) & (SEEN_WAYS - 1)] = hash;
}

static __always_inline void send_image(const struct sample_key *key,
                                       struct task_struct *task) {
  __u64 hash = hash_step(hash_seed, 0, key->start_ns);
  hash = hash_step(hash_seed, hash, (__u64)key->pid << 32 | key->exec_id);
  hash = hash_finish(hash);
  struct seen_set *set = seen_set_of(hash);
  if (!set || seen_find(set, hash) >= 0) return;
  struct image_record record = {
      .header = {.type = RECORD_IMAGE,
                 .size = sizeof(record),
                 .time_ns = bpf_ktime_get_ns()},
      .start_ns = key->start_ns,
      .start_boottime_ns = BPF_CORE_READ(task, group_leader, start_boottime),
      .pid = key->pid,
      .exec_id = key->exec_id,
      .uid = (__u32)bpf_get_current_uid_gid(),
      .kernel_thread = is_kernel_thread(task),
  };
  BPF_CORE_READ_INTO(&record.comm, task, group_leader, comm);
  if (send(&record, sizeof(record), true)) remember(set, hash);
}

static __always_inline void send_stack(struct stack_scratch *space, __u64 hash,
                                       __u32 frames, enum stack_side side,
                                       enum stack_reason reason) {
  struct seen_set *set = seen_set_of(hash);
  if (!set || seen_find(set, hash) >= 0) return;
  __u64 size = sizeof(space->record) + frames * sizeof(__u64);
  if (size > sizeof(*space)) return;  // for the verifier
  space->record = (struct stack_record){
      .header = {.type = RECORD_STACK,
                 .size = size,
                 .time_ns = bpf_ktime_get_ns()},
      .hash = hash,
      .frame_count = frames,
      .side = side,
      .reason = reason,
  };
  if (send(space, size, false)) remember(set, hash);
}

static __always_inline __u64 stack_failed(enum stack_side side) {
  ledger_count(side == STACK_USER ? LEDGER_user_stack_failed
                                  : LEDGER_kernel_stack_failed);
  return STACK_FAILED;
}

// A stack as deep as the limit was probably cut: the helper does not say.
static __always_inline enum stack_reason cut_reason(__u32 frames, __u32 limit,
                                                    enum stack_side side) {
  if (frames < limit) return STACK_WHOLE;
  ledger_count(side == STACK_USER ? LEDGER_user_stack_cut
                                  : LEDGER_kernel_stack_cut);
  return STACK_CUT;
}

const volatile __u32 frame_limit = STACK_MAX_FRAMES;  // min(ours, the sysctl)

// Frames are hashed in blocks, the last one filled up with zeros: the verifier
// follows each turn of a loop back to its start, which for a thousand turns is
// most of the load time. A global function is verified by itself, once; it may
// not take a pointer into a map before 5.12, so it looks the frames up again.
__noinline __u64 hash_frames(__u32 level, __u64 frames, __u64 hash) {
  struct stack_scratch *space = bpf_map_lookup_elem(&scratch, &level);
  if (!space || frames > STACK_MAX_FRAMES) return 0;
#pragma unroll
  for (int i = 0; i < HASH_BLOCK; ++i) space->frames[frames + i] = 0;
  for (__u64 block = 0; block < STACK_MAX_FRAMES; block += HASH_BLOCK) {
    if (block >= frames) break;
#pragma unroll
    for (int i = 0; i < HASH_BLOCK; ++i) {
      hash = hash_step(hash_seed, hash, space->frames[block + i]);
    }
  }
  return hash_finish(hash);
}

// Takes one side of the current stack; returns its hash, or its reason when it
// has no frames.
static __always_inline __u64 take_stack(void *context, __u32 level,
                                        struct stack_scratch *space,
                                        enum stack_side side) {
  long bytes =
      bpf_get_stack(context, space->frames, STACK_MAX_FRAMES * sizeof(__u64),
                    side == STACK_USER ? BPF_F_USER_STACK : 0);
  if (bytes < 0) return stack_failed(side);
  __u32 frames = (__u64)bytes / sizeof(__u64);
  if (frames == 0) return STACK_EMPTY;
  enum stack_reason reason = cut_reason(frames, frame_limit, side);
  __u64 hash = hash_frames(level, frames,
                           hash_seed ^ (frames << 16 | side << 8 | reason));
  send_stack(space, hash, frames, side, reason);
  return hash;
}

// User stacks: by frame pointers, in the helper. The call that walks without
// them goes here.
static __always_inline __u64 take_user_stack(void *context, __u32 level,
                                             struct stack_scratch *space,
                                             struct task_struct *task) {
  if (!want_user_stacks) return STACK_NOT_ASKED;
  if (is_kernel_thread(task)) return STACK_KERNEL_THREAD;
  return take_stack(context, level, space, STACK_USER);
}

// While a guest runs both sides are empty (perf_guest_state, since 5.16;
// before, the callchain was refused the same way).
static __always_inline void mark_guest(struct sample_key *key,
                                       struct task_struct *task) {
  bool nothing =
      key->kernel_hash == STACK_EMPTY &&
      (key->user_hash == STACK_EMPTY || key->user_hash == STACK_FAILED);
  if (nothing && BPF_CORE_READ(task, flags) & PF_VCPU) {
    key->kernel_hash = STACK_GUEST;
  }
}

static __always_inline void take_stacks(void *context, struct sample_key *key,
                                        struct task_struct *task) {
  __u32 zero = 0;
  __u32 *depth = bpf_map_lookup_elem(&scratch_depth, &zero);
  if (!depth) return;
  __u32 level = *depth;
  struct stack_scratch *space = bpf_map_lookup_elem(&scratch, &level);
  if (!space) {
    ledger_count(LEDGER_scratch_busy);
    key->kernel_hash = key->user_hash = STACK_NESTED;
    return;
  }
  // Whoever interrupts us restores the depth before it returns, so a plain
  // increment is enough as long as callers run with preemption off.
  *depth = level + 1;
  key->kernel_hash = want_kernel_stacks
                         ? take_stack(context, level, space, STACK_KERNEL)
                         : STACK_NOT_ASKED;
  key->user_hash = take_user_stack(context, level, space, task);
  mark_guest(key, task);
  *depth = level;
}

// Says, about once an epoch, that the map fills faster than the timer drains
// it.
static __always_inline void ask_for_drain(void) {
  __sync_fetch_and_add(&rows_in_epoch, 1);
  if (rows_in_epoch < pressure_rows || drain_asked) return;
  struct record_header record = {.type = RECORD_PRESSURE,
                                 .size = sizeof(record),
                                 .time_ns = bpf_ktime_get_ns()};
  // Asked again by the next row when the ring had no room.
  drain_asked = send(&record, sizeof(record), true);
}

static __always_inline void count_sample(const struct sample_key *key,
                                         __u64 weight) {
  __u32 zero = 0;
  void *counts = bpf_map_lookup_elem(&live_counts, &zero);
  if (!counts) return;  // never: user space always leaves a map there
  struct sample_value *value = bpf_map_lookup_elem(counts, key);
  if (!value) {
    struct sample_value empty = {};
    if (!bpf_map_update_elem(counts, key, &empty, BPF_NOEXIST)) ask_for_drain();
    value = bpf_map_lookup_elem(counts, key);
  }
  if (!value) {
    ledger_count(LEDGER_table_full);
    return;
  }
  __sync_fetch_and_add(&value->count, 1);
  __sync_fetch_and_add(&value->sum, weight);
}

// Records one sample of the current task. The caller has filled the optional
// fields of the key; the rest is filled here.
static __always_inline void record_sample(void *context, struct sample_key *key,
                                          struct task_struct *task,
                                          __u64 weight) {
  key->start_ns = BPF_CORE_READ(task, group_leader, start_time);
  key->exec_id = BPF_CORE_READ(task, group_leader, self_exec_id);
  bpf_get_current_comm(key->comm, sizeof(key->comm));
  send_image(key, task);
  take_stacks(context, key, task);
  count_sample(key, weight);
}
