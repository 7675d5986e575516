// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the two halves of libcommon/dns/lookups share: the record of a call of
// getaddrinfo() that found something.
#pragma once

#include <linux/types.h>

#include "event.h"

// Longer names are in no name server (RFC 1035, 2.3.4), and are left out.
#define LOOKUP_NAME_SIZE 256
#define LOOKUP_MOST_ADDRESSES 16
// Entries of the list that are looked at: there is one for each kind of socket.
#define LOOKUP_MOST_ENTRIES 64

enum lookup_type { LOOKUP_DONE = 1 };

struct lookup_address {
  __u64 words[2];  // 16 bytes in network order; IPv4 as ::ffff:a.b.c.d
};

// As long as there are addresses.
struct lookup_record {
  struct event_header header;  // the time is that of the return
  __u64 cgroup;                // as bpf_get_current_cgroup_id() has it
  __u32 uid;                   // in the initial user namespace
  __u32 pid;                   // in the tool's PID namespace
  __u32 count;                 // of addresses
  __u32 unused;
  char name[LOOKUP_NAME_SIZE];
  struct lookup_address addresses[LOOKUP_MOST_ADDRESSES];
};
