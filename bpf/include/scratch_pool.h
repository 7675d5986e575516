// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Memory to gather a large record in: a pool that all CPUs share, so that it
// does not grow with their number. A slot is claimed by who inserts its key,
// which is atomic, and not by CPU: where tracepoints can be preempted
// (PREEMPT_RT), a second program on the CPU finds the first one's slot taken.
//
// Define SCRATCH_SLOT, the type of a slot, before this is included.
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

// A power of two. A slot is taken for some microseconds.
#define SCRATCH_SLOTS 16

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SCRATCH_SLOTS);
  __type(key, __u32);
  __type(value, SCRATCH_SLOT);
} scratch_slots SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SCRATCH_SLOTS);
  __type(key, __u32);
  __type(value, __u8);
} scratch_taken SEC(".maps");

// The number of a slot that is the caller's until release_slot(), or
// SCRATCH_SLOTS when all are taken.
static __always_inline __u32 claim_slot(void) {
  __u32 first = bpf_get_smp_processor_id();
  for (__u32 i = 0; i < SCRATCH_SLOTS; ++i) {
    __u32 slot = (first + i) & (SCRATCH_SLOTS - 1);
    __u8 taken = 1;
    if (!bpf_map_update_elem(&scratch_taken, &slot, &taken, BPF_NOEXIST)) {
      return slot;
    }
  }
  return SCRATCH_SLOTS;
}

static __always_inline void release_slot(__u32 slot) {
  bpf_map_delete_elem(&scratch_taken, &slot);
}
