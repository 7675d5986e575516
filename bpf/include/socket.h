// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The kernel's sockets: the fields that are read, and the way from a descriptor
// to a TCP socket.
#pragma once

#include <stdbool.h>

#include "kernel_types.h"
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), \
                             apply_to = record)

struct net {
  struct ns_common ns;
};

typedef struct {
  struct net *net;
} possible_net_t;

struct in6_addr {
  unsigned char bytes[16];
};

struct sock_common {
  __u32 skc_daddr;
  __u32 skc_rcv_saddr;
  __u16 skc_dport;
  unsigned short skc_family;
  volatile unsigned char skc_state;
  int skc_bound_dev_if;
  possible_net_t skc_net;
  struct in6_addr skc_v6_daddr;
  struct in6_addr skc_v6_rcv_saddr;
};

// include/uapi/linux/net.h: no connect has been accepted yet.
typedef enum { SS_UNCONNECTED = 1 } socket_state;

struct socket;

typedef struct {
  int owned;
} socket_lock_t;

struct sock {
  struct sock_common __sk_common;
  socket_lock_t sk_lock;
  __u16 sk_protocol;  // a bit-field before 5.6
  int sk_err;
  int sk_err_soft;
  unsigned int sk_shutdown : 2;  // none since 5.5
  struct socket *sk_socket;
};

struct socket {
  socket_state state;
  struct file *file;
  struct sock *sk;
};

struct inet_sock {
  __u16 inet_sport;
};

struct tcp_sock {
  __u32 write_seq;
  __u32 segs_out;
  __u32 total_retrans;
  __u8 syn_data : 1;
  __u8 syn_fastopen : 1;
  bool is_mptcp;  // 5.6, with CONFIG_MPTCP
};

struct mptcp_sock {
  struct sock *first;  // subflow; 5.7, with CONFIG_MPTCP
};

#pragma clang attribute pop

// include/linux/socket.h, include/uapi/linux/in.h, include/net/tcp_states.h.
#define AF_UNSPEC 0
#define AF_INET 2
#define AF_INET6 10
#define MSG_FASTOPEN 0x20000000
#define PROTOCOL_TCP 6
#define SHUTDOWN_MASK 3  // include/net/sock.h
#define PROTOCOL_MPTCP 262
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_CLOSE 7
// include/uapi/linux/stat.h.
#define S_IFMT 00170000
#define S_IFSOCK 0140000

#define ADDRESS_SIZE 16

// An IPv4 address is kept as the IPv6 address that stands for it (RFC 4291,
// 2.5.5.2), as the kernel itself does in skc_v6_daddr.
static __always_inline void put_ipv4(__u8 *address, __u32 ipv4) {
  __builtin_memset(address, 0, 10);
  address[10] = 0xff;
  address[11] = 0xff;
  __builtin_memcpy(address + 12, &ipv4, 4);
}

static __always_inline bool is_ipv4(const __u8 *address) {
  __u64 high;
  __u32 prefix;
  __builtin_memcpy(&high, address, 8);
  __builtin_memcpy(&prefix, address + 8, 4);
  return !high && prefix == bpf_htonl(0xffff);
}

static __always_inline bool same_address(const __u8 *a, const __u8 *b) {
  __u64 left[2], right[2];
  __builtin_memcpy(left, a, ADDRESS_SIZE);
  __builtin_memcpy(right, b, ADDRESS_SIZE);
  return left[0] == right[0] && left[1] == right[1];
}

static __always_inline __u16 family_of(struct sock *sk) {
  return BPF_CORE_READ(sk, __sk_common.skc_family);
}

// What names the two ends of a socket, read at once: the kernel's memory costs
// by the read and not by the byte. All of it lies in the first 88 bytes of a
// socket (struct sock_common, include/net/sock.h, 5.10 to 7.2).
struct socket_head {
  __u8 bytes[96];
} __attribute__((aligned(8)));

#define HEAD_FIELD(head, field)                  \
  (*(typeof(((struct sock_common *)NULL)->field) \
         *)((head)->bytes + bpf_core_field_offset(struct sock_common, field)))

static __always_inline void read_head(struct socket_head *head,
                                      struct sock *sk) {
  bpf_probe_read_kernel(head, sizeof(*head), sk);
}

static __always_inline bool is_internet(__u16 family) {
  return family == AF_INET || family == AF_INET6;
}

static __always_inline __u16 head_family(const struct socket_head *head) {
  return HEAD_FIELD(head, skc_family);
}

static __always_inline __u16 head_remote_port(const struct socket_head *head) {
  return bpf_ntohs(HEAD_FIELD(head, skc_dport));
}

// A kernel without IPv6 has no place for its addresses.
static __always_inline void copy_remote(__u8 *address,
                                        const struct socket_head *head) {
  struct sock_common *common = NULL;
  if (head_family(head) == AF_INET) {
    put_ipv4(address, HEAD_FIELD(head, skc_daddr));
  } else if (bpf_core_field_exists(common->skc_v6_daddr)) {
    __builtin_memcpy(address, &HEAD_FIELD(head, skc_v6_daddr), ADDRESS_SIZE);
  }
}

static __always_inline void copy_local(__u8 *address,
                                       const struct socket_head *head) {
  struct sock_common *common = NULL;
  if (head_family(head) == AF_INET) {
    put_ipv4(address, HEAD_FIELD(head, skc_rcv_saddr));
  } else if (bpf_core_field_exists(common->skc_v6_rcv_saddr)) {
    __builtin_memcpy(address, &HEAD_FIELD(head, skc_v6_rcv_saddr),
                     ADDRESS_SIZE);
  }
}

// skc_num is cleared before a socket that fails is closed; this stays.
static __always_inline __u16 local_port(struct sock *sk) {
  return bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
}

static __always_inline bool is_mptcp(struct sock *sk) {
  struct tcp_sock *tcp = (struct tcp_sock *)sk;
  return bpf_core_field_exists(tcp->is_mptcp) && BPF_CORE_READ(tcp, is_mptcp);
}

static __always_inline struct socket *socket_of_file(struct file *file) {
  unsigned short mode = BPF_CORE_READ(file, f_inode, i_mode);
  if ((mode & S_IFMT) != S_IFSOCK) return NULL;
  return BPF_CORE_READ(file, private_data);
}

static __always_inline struct file *file_of(__u32 descriptor) {
  struct task_struct *task = (struct task_struct *)bpf_get_current_task();
  struct fdtable *table = BPF_CORE_READ(task, files, fdt);
  if (descriptor >= BPF_CORE_READ(table, max_fds)) return NULL;
  struct file **files = BPF_CORE_READ(table, fd);
  struct file *file = NULL;
  bpf_probe_read_kernel(&file, sizeof(file), files + descriptor);
  return file;
}

// The TCP socket behind it; of MPTCP the first subflow, which is what connects.
static __always_inline struct sock *tcp_of(struct socket *socket) {
  struct sock *sk = BPF_CORE_READ(socket, sk);
  if (!sk || !is_internet(family_of(sk))) return NULL;
  __u16 protocol = BPF_CORE_READ(sk, sk_protocol);
  if (protocol == PROTOCOL_TCP) return sk;
  struct mptcp_sock *mptcp = (struct mptcp_sock *)sk;
  if (protocol != PROTOCOL_MPTCP || !bpf_core_field_exists(mptcp->first)) {
    return NULL;
  }
  return BPF_CORE_READ(mptcp, first);
}
