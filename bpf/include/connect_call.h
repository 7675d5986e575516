// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The system call that asks for a connection: by which descriptor, and to
// where.
#pragma once

#include <stdbool.h>

#include "socket.h"
#include "syscall_args.h"

// arch/x86/entry/syscalls/syscall_{64,32}.tbl.
#define NR_CONNECT 42
#define NR_SHUTDOWN 48
#define NR_SENDTO 44
#define NR_SENDMSG 46
#define NR_SENDMMSG 307
#define NR_COMPAT_SOCKETCALL 102
#define NR_COMPAT_SENDMMSG 345
#define NR_COMPAT_CONNECT 362
#define NR_COMPAT_SENDTO 369
#define NR_COMPAT_SENDMSG 370
#define NR_COMPAT_SHUTDOWN 373
// The calls that socketcall() stands for, include/uapi/linux/net.h.
#define SYS_CONNECT 3
#define SYS_SHUTDOWN 13
#define SYS_SENDTO 11
#define SYS_SENDMSG 16
#define SYS_SENDMMSG 20

// include/uapi/linux/in.h; net/ipv6/tcp_ipv6.c takes one without a scope, too
// (SIN6_LEN_RFC2133).
#define SOCKADDR_IN_SIZE 16
#define SOCKADDR_IN6_LEAST_SIZE 24
#define SOCKADDR_MOST_SIZE 128  // struct sockaddr_storage; none is read beyond

struct connect_call {
  __u64 address;  // in the memory of the caller
  __u32 size;     // of the address
  __u32 descriptor;
};

// All zeros where the caller's memory could not be read.
struct asked_address {
  __u8 address[ADDRESS_SIZE];
  __u16 port;
  __u16 family;
  bool readable;  // `family` was read
  bool whole;     // the address and the port were, too
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

// The arguments that socketcall() has in memory: six of 32 bits, and behind the
// first three there may be no more. Returns which call it is.
static __always_inline __u32 unpack_socketcall(struct syscall_args *args) {
  __u32 values[6] = {};
  __u32 name = args->values[0];
  __u64 from = args->values[1];
  bpf_probe_read_user(values, 12, (void *)from);
  bpf_probe_read_user(values + 3, 12, (void *)(from + 12));
  for (int i = 0; i < 6; ++i) args->values[i] = values[i];
  return name;
}

// The address that a struct msghdr begins with, and its size.
static __always_inline void take_message_address(struct connect_call *call,
                                                 __u64 message, bool compat) {
  __u32 words[3] = {};
  bpf_probe_read_user(words, compat ? 8 : 12, (void *)message);
  call->address = words[0];
  call->size = compat ? words[1] : words[2];
  if (!compat) call->address |= (__u64)words[1] << 32;
}

// A call that sends connects as well with MSG_FASTOPEN, and only then.
static __always_inline void take_address(struct connect_call *call, __u32 name,
                                         const struct syscall_args *args) {
  const __u64 *values = args->values;
  __u64 flags = name == SYS_SENDMSG ? values[2] : values[3];
  call->descriptor = values[0];
  if (name == SYS_CONNECT) {
    call->address = values[1];
    call->size = values[2];
  } else if (!(flags & MSG_FASTOPEN)) {
    return;
  } else if (name == SYS_SENDTO) {
    call->address = values[4];
    call->size = values[5];
  } else if (name == SYS_SENDMSG || name == SYS_SENDMMSG) {
    take_message_address(call, values[1], args->compat);
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
  take_address(call, name, &args);
  return name == SYS_CONNECT || call->address ? name : 0;
}

// The current task is in shutdown().
static __noinline int is_in_shutdown(void) {
  struct syscall_args args = {};
  read_syscall(&args);
  if (!args.compat) return args.number == NR_SHUTDOWN;
  return args.number == NR_COMPAT_SHUTDOWN ||
         (args.number == NR_COMPAT_SOCKETCALL &&
          args.values[0] == SYS_SHUTDOWN);
}

static __always_inline long read_either(void *to, __u32 size, __u64 from,
                                        bool of_user) {
  return of_user ? bpf_probe_read_user(to, size, (void *)from)
                 : bpf_probe_read_kernel(to, size, (void *)from);
}

// A struct sockaddr, in the memory of the user or of the kernel. One of a size
// that the kernel refuses to read, or too short for its family, names no
// address (move_addr_to_kernel(), net/socket.c).
static __always_inline void read_sockaddr(struct asked_address *asked,
                                          __u64 from, __u32 size,
                                          bool of_user) {
  struct {
    __u16 family;
    __u16 port;
    __u32 ipv4;
  } head = {};
  if (size < sizeof(head.family) || size > SOCKADDR_MOST_SIZE) return;
  if (read_either(&head, sizeof(head), from, of_user)) return;
  asked->readable = true;
  asked->family = head.family;
  if (head.family == AF_INET && size >= SOCKADDR_IN_SIZE) {
    put_ipv4(asked->address, head.ipv4);
    asked->whole = true;
  } else if (head.family == AF_INET6 && size >= SOCKADDR_IN6_LEAST_SIZE) {
    // Behind the flow information.
    asked->whole =
        !read_either(asked->address, ADDRESS_SIZE, from + 8, of_user);
  }
  if (asked->whole) asked->port = bpf_ntohs(head.port);
}
