// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The ring of an event tool: records of variable size, in the order in which
// they happened.
#pragma once

#include <stdbool.h>

#include "count.h"
#include "event.h"

#define EVENT_RING_SIZE (2 << 20)

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, EVENT_RING_SIZE);
} events SEC(".maps");

// User space is woken by a record that finds it with nothing left to read
// (bpf_ringbuf_commit, kernel/bpf/ringbuf.c): it then reads at its own pace, so
// that a storm costs it some fifty wakeups a second. Large records fill the
// ring before that, and wake it again and again. Returns false when there was
// no room; the caller counts what that means.
static __always_inline bool send_event(void *record, __u64 size) {
  __u64 unread = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
  // Not a branch, which doubles what the verifiers of 5.10 and 6.1 follow.
  __u64 filling = (EVENT_RING_SIZE / 4 - unread) >> 63;
  __u64 flags = filling * BPF_RB_FORCE_WAKEUP;
  return bpf_ringbuf_output(&events, record, size, flags) == 0;
}
