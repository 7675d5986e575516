// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The ring, and the memory of what crossed it lately.
#pragma once

#include <stdbool.h>

#include "count.h"
#include "sample.h"

const volatile __u64 hash_seed = 0;  // random: collisions can't be made

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

// Wakes user space only when a quarter of the ring is in use; it also comes by
// itself at each drain.
static __always_inline __u64 wake_flags(bool urgent) {
  bool filling = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >
                 bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE) / 4;
  return urgent || filling ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

// Returns false, counted, when the ring had no room.
static __always_inline bool send(void *record, __u64 size, bool urgent) {
  if (!bpf_ringbuf_output(&ring, record, size, wake_flags(urgent))) return true;
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
