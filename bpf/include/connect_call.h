// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The system call that asks for a connection: by which descriptor, and to
// where.
#pragma once

#include <stdbool.h>

#include "socket.h"
#include "syscall_args.h"

// arch/x86/entry/syscalls/syscall_{64,32}.tbl.
#define NR_CONNECT 42
#define NR_SENDTO 44
#define NR_SENDMSG 46
#define NR_SENDMMSG 307
#define NR_COMPAT_SOCKETCALL 102
#define NR_COMPAT_SENDMMSG 345
#define NR_COMPAT_CONNECT 362
#define NR_COMPAT_SENDTO 369
#define NR_COMPAT_SENDMSG 370
// The calls that socketcall() stands for, include/uapi/linux/net.h.
#define SYS_CONNECT 3
#define SYS_SENDTO 11
#define SYS_SENDMSG 16
#define SYS_SENDMMSG 20

struct connect_call {
  __u64 address;  // in the memory of the caller
  __u32 descriptor;
};

struct asked_address {
  __u8 address[ADDRESS_SIZE];
  __u16 port;
  __u16 family;
};

static __always_inline __u32 name_of_call(long number, bool compat) {
  switch (number) {
    case NR_CONNECT:
      return compat ? 0 : SYS_CONNECT;
    case NR_SENDTO:
      return compat ? 0 : SYS_SENDTO;
    case NR_SENDMSG:
      return compat ? 0 : SYS_SENDMSG;
    case NR_SENDMMSG:
      return compat ? 0 : SYS_SENDMMSG;
    case NR_COMPAT_CONNECT:
      return compat ? SYS_CONNECT : 0;
    case NR_COMPAT_SENDTO:
      return compat ? SYS_SENDTO : 0;
    case NR_COMPAT_SENDMSG:
      return compat ? SYS_SENDMSG : 0;
    case NR_COMPAT_SENDMMSG:
      return compat ? SYS_SENDMMSG : 0;
    default:
      return 0;
  }
}

// The arguments that socketcall() has in memory. Returns which call it is.
static __always_inline __u32 unpack_socketcall(struct syscall_args *args) {
  __u32 values[5] = {};
  __u32 name = args->values[0];
  bpf_probe_read_user(values, sizeof(values), (void *)args->values[1]);
  for (int i = 0; i < 5; ++i) args->values[i] = values[i];
  return name;
}

// The address that a struct msghdr begins with.
static __always_inline __u64 message_address(__u64 message, bool compat) {
  __u64 address = 0;
  bpf_probe_read_user(&address, compat ? 4 : 8, (void *)message);
  return address;
}

// A call that sends connects as well with MSG_FASTOPEN, and only then.
static __always_inline __u64 address_of_call(__u32 name,
                                             const struct syscall_args *args) {
  const __u64 *values = args->values;
  switch (name) {
    case SYS_CONNECT:
      return values[1];
    case SYS_SENDTO:
      return values[3] & MSG_FASTOPEN ? values[4] : 0;
    case SYS_SENDMSG:
      return values[2] & MSG_FASTOPEN ? message_address(values[1], args->compat)
                                      : 0;
    case SYS_SENDMMSG:
      return values[3] & MSG_FASTOPEN ? message_address(values[1], args->compat)
                                      : 0;
    default:
      return 0;
  }
}

// Returns which call the current task is in, 0 for one that does not connect.
// A function of its own, for the registers need half a stack.
static __noinline __u32 read_connect_call(struct connect_call *call) {
  struct syscall_args args = {};
  read_syscall(&args);
  __u32 name = args.compat && args.number == NR_COMPAT_SOCKETCALL
                   ? unpack_socketcall(&args)
                   : name_of_call(args.number, args.compat);
  call->descriptor = args.values[0];
  call->address = address_of_call(name, &args);
  return name == SYS_CONNECT || call->address ? name : 0;
}

// A struct sockaddr, in the memory of the user or of the kernel. False when it
// could not be read.
static __always_inline bool read_sockaddr(struct asked_address *asked,
                                          __u64 from, bool of_user) {
  struct {
    __u16 family;
    __u16 port;
    __u32 ipv4;
  } head = {};
  const void *at = (const void *)from;
  long failed = of_user ? bpf_probe_read_user(&head, sizeof(head), at)
                        : bpf_probe_read_kernel(&head, sizeof(head), at);
  if (failed) return false;
  asked->family = head.family;
  if (head.family == AF_INET) put_ipv4(asked->address, head.ipv4);
  if (head.family == AF_INET6) {
    at += 8;  // behind the flow information
    failed = of_user ? bpf_probe_read_user(asked->address, ADDRESS_SIZE, at)
                     : bpf_probe_read_kernel(asked->address, ADDRESS_SIZE, at);
  }
  if (head.family == AF_INET || head.family == AF_INET6) {
    asked->port = bpf_ntohs(head.port);
  }
  return !failed;
}
