// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Sends a copy of the user stack and registers, for user space to walk.
#pragma once

#include "ring.h"
#include "scratch.h"
#include "unwind.h"

// Reads in pieces that end where a page does, so that what can be read is read.
static __always_inline __u32 copy_stack(struct copy_record *record, __u64 sp) {
  __u64 piece = COPY_PIECE - (sp & (COPY_PIECE - 1));
  __u64 done = 0;
#pragma unroll
  for (__u32 i = 0; i < COPY_MAX_BYTES / COPY_PIECE; ++i) {
    if (i * COPY_PIECE >= copy_bytes) break;
    if (done > COPY_MAX_BYTES - COPY_PIECE || piece > COPY_PIECE) break;
    if (bpf_probe_read_user(record->bytes + done, piece,
                            (const void *)(sp + done))) {
      break;
    }
    done += piece;
    piece = COPY_PIECE;
  }
  return done;
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

// Returns the hash that the copy stands under; 0 where the ring has no room.
// Takes the registers anew: the walk has changed them.
__noinline __u64 send_copy(__u32 level, __u64 interrupted, __u64 start_ns,
                           __u32 pid, __u32 exec_id) {
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
  record->start_ns = start_ns;
  record->pid = pid;
  record->exec_id = exec_id;
  record->pc = space->walk.pc;
#pragma unroll
  for (int i = 0; i < COPY_REGISTERS; ++i) {
    record->registers[i] = space->walk.registers[i];
  }
  record->byte_count = copy_stack(record, space->walk.registers[UNWIND_SP]);
  record->from_call = space->walk.from_call;
  // User space should soon know what it takes to walk the next one here.
  bpf_ringbuf_submit(record, wake_flags(unwind_mode != UNWIND_MODE_COPY));
  return hash;
}
