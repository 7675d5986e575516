// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Counting under the ledger's names, per CPU.
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "ledger.h"

struct ledger_counts {
  __u64 counts[LEDGER_COUNT];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct ledger_counts);
} ledger SEC(".maps");

// Atomic although per CPU: an NMI may land between the load and the store.
static __always_inline void ledger_count(enum ledger_index index) {
  __u32 zero = 0;
  struct ledger_counts *counts = bpf_map_lookup_elem(&ledger, &zero);
  if (counts) __sync_fetch_and_add(&counts->counts[index], 1);
}
