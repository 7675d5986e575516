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

#include "ring.h"
#include "scratch.h"
#include "stack_copy.h"
#include "task.h"
#include "unwind.h"

// Where a sample is taken: the program's context, and the registers of what was
// interrupted (a kernel address; null where the program knows none).
struct sample_context {
  void *context;
  const void *registers;
};

const volatile bool want_kernel_stacks = true;
const volatile bool want_user_stacks = true;
const volatile __u64 pressure_rows = 8192;  // rows that ask for an early drain

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
  if (size > offsetof(struct stack_scratch, frame_count)) return;  // never
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

// Sends the frames in the scratch space; returns their hash.
static __always_inline __u64 send_frames(__u32 level,
                                         struct stack_scratch *space,
                                         __u64 frames, enum stack_side side,
                                         enum stack_reason reason) {
  __u64 hash = hash_frames(level, frames,
                           hash_seed ^ (frames << 16 | side << 8 | reason));
  send_stack(space, hash, frames, side, reason);
  return hash;
}

// Takes one side of the current stack; returns its hash, or its reason when it
// has no frames.
static __always_inline __u64 take_stack(void *context, __u32 level,
                                        struct stack_scratch *space,
                                        enum stack_side side) {
  long bytes =
      bpf_get_stack(context, space->frames, STACK_MAX_FRAMES * sizeof(__u64),
                    side == STACK_USER ? BPF_F_USER_STACK : 0);
  if (bytes < 0) return STACK_FAILED;
  __u32 frames = (__u64)bytes / sizeof(__u64);
  if (frames == 0) return STACK_EMPTY;
  // A stack as deep as the limit was probably cut: the helper does not say.
  return send_frames(level, space, frames, side,
                     frames < frame_limit ? STACK_WHOLE : STACK_CUT);
}

// User space can walk it when the rows are there; or, slower, by more registers
// than rows keep.
static __always_inline bool is_for_user_space(int reason) {
  return reason == STACK_PENDING || reason == STACK_UNSUPPORTED;
}

// A stack that cannot be walked yet is copied, with what was walked of it: the
// copy may have less. One that cannot be copied is that.
static __always_inline __u64 walk_user_stack(__u32 level,
                                             struct stack_scratch *space,
                                             const struct sample_key *key,
                                             const void *interrupted) {
  int reason =
      unwind_mode == UNWIND_MODE_COPY ? STACK_PENDING : walk_frames(level);
  __u64 frames = space->frame_count;
  if (frames > STACK_MAX_FRAMES) return STACK_FAILED;  // never
  __u64 walked = reason;
  if (frames > 1 || (frames && !is_for_user_space(reason))) {
    walked = send_frames(level, space, frames, STACK_USER, reason);
  }
  if (!is_for_user_space(reason)) return walked;
  __u64 hash = send_copy(level, (__u64)interrupted, key->pid,
                         walked < STACK_REASONS ? 0 : walked);
  if (hash) return hash;
  if (frames != 1) return walked;
  return send_frames(level, space, frames, STACK_USER, reason);
}

static __always_inline __u64 take_user_stack(struct sample_context *sampled,
                                             __u32 level,
                                             struct stack_scratch *space,
                                             const struct sample_key *key,
                                             struct task_struct *task) {
  if (!want_user_stacks) return STACK_NOT_ASKED;
  if (is_kernel_thread(task)) return STACK_KERNEL_THREAD;
  // Of a process outside our PID namespace nothing is known to walk with.
  if (unwind_mode != UNWIND_MODE_FP && key->pid) {
    if (!BPF_CORE_READ(task, mm)) return STACK_EMPTY;
    if (begin_walk(space, key, task, sampled->registers)) {
      // A worker of the kernel's (io_uring, vhost) has never been in user mode.
      if (!space->walk.pc && !space->walk.registers[UNWIND_SP]) {
        return STACK_EMPTY;
      }
      return walk_user_stack(level, space, key, sampled->registers);
    }
  }
  return take_stack(sampled->context, level, space, STACK_USER);
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

static __always_inline void take_stacks(struct sample_context *sampled,
                                        struct sample_key *key,
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
  key->kernel_hash = want_kernel_stacks ? take_stack(sampled->context, level,
                                                     space, STACK_KERNEL)
                                        : STACK_NOT_ASKED;
  key->user_hash = take_user_stack(sampled, level, space, key, task);
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
static __always_inline void record_sample(struct sample_context *sampled,
                                          struct sample_key *key,
                                          struct task_struct *task,
                                          __u64 weight) {
  key->start_ns = BPF_CORE_READ(task, group_leader, start_time);
  key->exec_id = BPF_CORE_READ(task, group_leader, self_exec_id);
  bpf_get_current_comm(key->comm, sizeof(key->comm));
  send_image(key, task);
  take_stacks(sampled, key, task);
  count_sample(key, weight);
}
