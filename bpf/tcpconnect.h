// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the two halves of tcpconnect share: the records of the ring, which are
// the entries of the table of attempts too.
#pragma once

#include <linux/types.h>
#ifdef __cplusplus
#include <cstddef>
#endif

#include "event.h"

#define CONNECT_NAME_SIZE 16  // TASK_COMM_LEN, include/linux/sched.h
#define CONNECT_ADDRESS_SIZE 16

// Attempts that are pending at the same time.
#define CONNECT_MOST_ATTEMPTS 16384
// Sockets without an entry of which something is known.
#define CONNECT_MOST_MARKS 8192
#define CONNECT_MOST_ANCESTORS 32

enum connect_type {
  CONNECT_ATTEMPT = 1,
  CONNECT_ANCESTRY,  // the rest of one
};

enum connect_state {
  CONNECT_PENDING = 1,
  // It failed inside of the system call, whose return has the error.
  CONNECT_RETURNING,
};

enum connect_flag {
  CONNECT_OK = 1,             // the connection was established
  CONNECT_ABORTED = 2,        // by the program itself: close(), shutdown()
  CONNECT_IMMEDIATE = 4,      // it failed before the socket tried to connect
  CONNECT_END_UNSEEN = 8,     // it ended, and nothing told how
  CONNECT_START_UNSEEN = 16,  // who it was, and since when, is not known
  CONNECT_FAST_OPEN = 32,     // the SYN has the Fast Open option
  CONNECT_SYN_DATA = 64,      // ... and data
  CONNECT_MPTCP = 128,        // the SYN asks for MPTCP
  CONNECT_ASKED = 256,        // `asked` was read
  CONNECT_REWRITTEN = 512,    // ... and is not where the socket went
  CONNECT_NO_REMOTE = 1024,   // an address that could not be read, is too
                              // short, or not of the internet
};

// Addresses are IPv6; an IPv4 address is mapped into it. Ports are numbers of
// this machine's byte order.
struct connect_record {
  struct event_header header;  // its time is that of the start
  __u64 latency_ns;            // from the start to the end
  __u64 soft_latency_ns;       // ... to the soft error
  __u64 cgroup;
  __u32 pid;  // in the tool's PID namespace, as all but header.tid
  __u32 tid;
  __u32 parent;
  __u32 uid;
  __u32 netns;
  __u32 interface;  // that the socket is bound to, also by a scope; or 0
  __s32 error;      // errno, or 0
  __u32 retransmits;
  __u16 state;
  __u16 flags;
  __u16 family;  // of the socket
  __u16 asked_family;
  __u16 local_port;
  __u16 remote_port;
  __u16 asked_port;
  // What an ICMP message told while the system call held the socket: the kernel
  // goes on trying, and whoever asks for the socket's error gets this one.
  __u16 soft_error;
  __u8 local[CONNECT_ADDRESS_SIZE];
  __u8 remote[CONNECT_ADDRESS_SIZE];
  __u8 asked[CONNECT_ADDRESS_SIZE];  // before a cgroup's program changed it
  char comm[CONNECT_NAME_SIZE];
  char parent_comm[CONNECT_NAME_SIZE];
};

#ifdef __cplusplus
static_assert(sizeof(connect_record) ==
                  offsetof(connect_record, parent_comm) + CONNECT_NAME_SIZE,
              "no padding, whose bytes would come from the kernel");
#endif

struct connect_ancestry {
  struct event_header header;
  __u64 count;
  struct event_ancestor parents[CONNECT_MOST_ANCESTORS];  // nearest first
};
