// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Sends a copy of the user stack and registers, for user space to walk.
#pragma once

#include "ring.h"
#include "scratch.h"
#include "unwind.h"

// Reads in pieces that end where a page does: one that is not resident leaves a
// hole. Returns up to where something could be read.
static __always_inline __u64 copy_stack(__u8 *bytes, __u64 address,
                                        __u32 *holes) {
  __u64 end = 0;
  *holes = 0;
  for (__u32 i = 0; i < COPY_BYTES / COPY_PIECE; ++i) {
    __u64 begin = copy_piece_begin(address, i);
    __u64 size = copy_piece_begin(address, i + 1) - begin;
    if (begin > COPY_BYTES - COPY_PIECE || size > COPY_PIECE) break;
    if (bpf_probe_read_user(bytes + begin, size,
                            (const void *)(address + begin))) {
      *holes |= 1 << i;
    } else {
      end = begin + size;
    }
  }
  return end;
}

static __always_inline __u32 copy_below(struct copy_record *record, __u64 sp) {
  return bpf_probe_read_user(record->below, COPY_BELOW,
                             (const void *)(sp - COPY_BELOW))
             ? 0
             : COPY_BELOW;
}

// What tells this sample's copy from all others.
static __always_inline __u64 copy_hash(__u64 time_ns, __u64 thread) {
  __u64 cpu = bpf_get_smp_processor_id();
  __u64 hash = hash_step(hash_seed, hash_seed ^ RECORD_COPY, time_ns);
  return hash_finish(hash_step(hash_seed, hash, thread << 16 | cpu));
}

// The other half of the ring is for stacks that are walked already.
static __always_inline bool has_room_for_copy(void) {
  if (unwind_mode == UNWIND_MODE_COPY) return true;
  return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) <
         bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE) / 2;
}

// Sends what lies behind what was sent; returns how much that was.
__noinline __u64 send_more(__u64 hash, __u64 address) {
  if (!has_room_for_copy()) return 0;
  struct copy_more_record *record =
      bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
  if (!record) return 0;
  record->header.type = RECORD_COPY_MORE;
  record->header.size = sizeof(*record);
  record->header.time_ns = bpf_ktime_get_ns();
  record->hash = hash;
  __u32 holes;
  __u64 done = copy_stack(record->bytes, address, &holes);
  record->byte_count = done;
  record->holes = holes;
  bpf_ringbuf_submit(record, wake_flags(false));
  return done;
}

// Returns the hash that the copy stands under; 0 where the ring has no room.
// Takes the registers anew: the walk has changed them.
__noinline __u64 send_copy(__u32 level, __u64 interrupted, __u32 pid,
                           __u64 partial_hash) {
  struct stack_scratch *space = scratch_of(level);
  struct task_struct *task = (struct task_struct *)bpf_get_current_task();
  if (!space ||
      !take_user_registers(&space->walk, task, (const void *)interrupted)) {
    return 0;
  }
  if (!has_room_for_copy()) return 0;
  struct copy_record *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
  if (!record) return 0;
  __u64 now = bpf_ktime_get_ns();
  __u64 hash = copy_hash(now, bpf_get_current_pid_tgid());
  record->header.type = RECORD_COPY;
  record->header.size = sizeof(*record);
  record->header.time_ns = now;
  record->hash = hash;
  record->partial_hash = partial_hash;
  record->start_ns = BPF_CORE_READ(task, group_leader, start_time);
  record->pid = pid;
  record->exec_id = BPF_CORE_READ(task, group_leader, self_exec_id);
  record->pc = space->walk.pc;
#pragma unroll
  for (int i = 0; i < COPY_REGISTERS; ++i) {
    record->registers[i] = space->walk.registers[i];
  }
  __u64 sp = space->walk.registers[UNWIND_SP];
  __u32 holes;
  __u64 done = copy_stack(record->bytes, sp, &holes);
  record->byte_count = done;
  record->holes = holes;
  record->from_call = space->walk.from_call;
  record->below_count = copy_below(record, sp);
  // User space should soon know what it takes to walk the next one here.
  bpf_ringbuf_submit(record, wake_flags(unwind_mode != UNWIND_MODE_COPY));
  for (int i = 1; i < COPY_RECORDS && copy_is_full(done); ++i) {
    sp += done;
    done = send_more(hash, sp);
  }
  return hash;
}
