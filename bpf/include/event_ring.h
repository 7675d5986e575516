// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The ring of an event tool: records of variable size, in the order in which
// they happened.
#pragma once

#include <stdbool.h>

#include "count.h"
#include "event.h"

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 2 << 20);
} events SEC(".maps");

// User space is woken by a record that finds it with nothing left to read, and
// by no other (bpf_ringbuf_commit, kernel/bpf/ringbuf.c): it then reads at its
// own pace, so that a storm costs it some fifty wakeups a second. Returns
// false when there was no room; the caller counts what that means.
static __always_inline bool send_event(void *record, __u64 size) {
  return bpf_ringbuf_output(&events, record, size, 0) == 0;
}
