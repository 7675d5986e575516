// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What is known of sockets that have no entry in the table of attempts.
#pragma once

#include "kernel_types.h"
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "socket.h"
#include "tcpconnect.h"

// By the address of a socket without an entry: the error of an attempt that was
// reported, which a call may still fetch and which is then no other attempt; or
// one of enum mark. The oldest make room.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, CONNECT_MOST_MARKS);
  __type(key, __u64);
  __type(value, __u32);
} marks SEC(".maps");

enum mark {
  MARK_NONE = 0,
  // Above all errors: the attempt was left out by a filter, and so is the
  // failure of its call.
  MARK_LEFT_OUT = 1 << 16,
  // There was no place for it; it is one of `unfollowed`.
  MARK_UNFOLLOWED,
  // The same, once it has failed in its call, which tells of it.
  MARK_UNFOLLOWED_RETURNING,
};

static __always_inline void put_mark(struct sock *sk, __u32 mark) {
  __u64 key = (__u64)sk;
  bpf_map_update_elem(&marks, &key, &mark, BPF_ANY);
}

static __always_inline __u32 mark_of(struct sock *sk) {
  __u64 key = (__u64)sk;
  __u32 *mark = bpf_map_lookup_elem(&marks, &key);
  return mark ? *mark : MARK_NONE;
}

static __always_inline void remove_mark(struct sock *sk) {
  __u64 key = (__u64)sk;
  bpf_map_delete_elem(&marks, &key);
}
