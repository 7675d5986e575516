// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// One attempt to connect, as its record tells it: who made it, from where to
// where, and what came of it.
#pragma once

#include <stdbool.h>

#include "kernel_types.h"
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "connect_call.h"
#include "socket.h"
#include "task.h"
#include "tcpconnect.h"

// include/uapi/asm-generic/errno*.h, include/linux/errno.h.
#define EINTR 4
#define EAGAIN 11
#define EPIPE 32
#define EOPNOTSUPP 95
#define ECONNABORTED 103
#define ECONNRESET 104
#define EISCONN 106
#define ETIMEDOUT 110
#define ECONNREFUSED 111
#define EALREADY 114
#define EINPROGRESS 115
#define ERESTARTSYS 512
#define ERESTART_RESTARTBLOCK 516

static __always_inline bool is_tcp(struct sock *sk,
                                   const struct socket_head *head) {
  return is_internet(head_family(head)) &&
         BPF_CORE_READ(sk, sk_protocol) == PROTOCOL_TCP;
}

static __always_inline bool starts(int from, int to) {
  return from == TCP_CLOSE && to == TCP_SYN_SENT;
}

// SYN_RECV comes behind SYN_SENT when both sides connect to one another. Other
// sockets in it are those of a server.
static __always_inline bool ends(int from, int to) {
  return (from == TCP_SYN_SENT || from == TCP_SYN_RECV) && to != TCP_SYN_RECV;
}

// Who connects, since now.
static __always_inline void describe_caller(struct connect_record *record) {
  struct task_struct *task = current_task();
  struct task_struct *parent =
      BPF_CORE_READ(task, group_leader, real_parent, group_leader);
  record->header.time_ns = bpf_ktime_get_ns();
  record->header.tid = bpf_get_current_pid_tgid();
  record->cgroup = bpf_get_current_cgroup_id();
  record->pid = current_pid();
  record->tid = current_tid();
  record->parent = task_pid(parent);
  record->uid = bpf_get_current_uid_gid();
  bpf_get_current_comm(record->comm, sizeof(record->comm));
  bpf_core_read_str(record->parent_comm, sizeof(record->parent_comm),
                    &parent->comm);
}

static __always_inline void describe_local(struct connect_record *record,
                                           struct sock *sk,
                                           const struct socket_head *head) {
  struct net *netns = HEAD_FIELD(head, skc_net).net;
  record->header.type = CONNECT_ATTEMPT;
  record->family = head_family(head);
  record->netns = BPF_CORE_READ(netns, ns.inum);
  record->interface = HEAD_FIELD(head, skc_bound_dev_if);
  record->local_port = local_port(sk);
  copy_local(record->local, head);
  if (is_mptcp(sk)) record->flags |= CONNECT_MPTCP;
}

static __always_inline void describe_socket(struct connect_record *record,
                                            struct sock *sk,
                                            const struct socket_head *head) {
  describe_local(record, sk, head);
  record->remote_port = head_remote_port(head);
  copy_remote(record->remote, head);
}

static __always_inline void keep_asked(struct connect_record *record,
                                       const struct asked_address *asked) {
  record->flags |= CONNECT_ASKED;
  record->asked_family = asked->family;
  record->asked_port = asked->port;
  __builtin_memcpy(record->asked, asked->address, ADDRESS_SIZE);
}

// The call is about this socket, and not about another that its kernel half
// opens on the way.
static __always_inline bool is_of_call(struct sock *sk, __u32 descriptor) {
  struct file *file = file_of(descriptor);
  return file && file == BPF_CORE_READ(sk, sk_socket, file);
}

// A cgroup's program may send a socket elsewhere, and what the caller has asked
// for is then only in its own memory.
static __noinline int compare_asked(struct connect_record *record,
                                    struct sock *sk) {
  struct connect_call call = {};
  struct asked_address asked = {};
  if (!record || !read_connect_call(&call)) return 0;
  read_sockaddr(&asked, call.address, call.size, true);
  if (!asked.whole) return 0;
  bool same = asked.port == record->remote_port &&
              same_address(asked.address, record->remote);
  if (!same && !is_of_call(sk, call.descriptor)) return 0;
  keep_asked(record, &asked);
  if (!same) record->flags |= CONNECT_REWRITTEN;
  return 0;
}

// tcp_v4_connect() and tcp_v6_connect() may still fail behind SYN_SENT (no port
// is left). The call then returns the error, and the socket has none; it was
// not yet said to connect. A subflow of MPTCP never is: there, nothing was
// sent.
static __always_inline bool fails_in_call(struct sock *sk) {
  if (is_mptcp(sk)) return !BPF_CORE_READ((struct tcp_sock *)sk, segs_out);
  return BPF_CORE_READ(sk, sk_socket, state) == SS_UNCONNECTED;
}

// The address is the one it began with; the port may have been chosen since.
static __always_inline void describe_end(struct connect_record *record,
                                         struct sock *sk) {
  struct tcp_sock *tcp = (struct tcp_sock *)sk;
  record->latency_ns = bpf_ktime_get_ns() - record->header.time_ns;
  record->retransmits = BPF_CORE_READ(tcp, total_retrans);
  record->local_port = local_port(sk);
  if (BPF_CORE_READ_BITFIELD_PROBED(tcp, syn_data)) {
    record->flags |= CONNECT_FAST_OPEN | CONNECT_SYN_DATA;
  }
  if (BPF_CORE_READ_BITFIELD_PROBED(tcp, syn_fastopen)) {
    record->flags |= CONNECT_FAST_OPEN;
  }
}

// The program has given the attempt up. close() has said so by now, and other
// ends say it later (__tcp_close(), tcp_done(), net/ipv4/tcp.c); shutdown() and
// connect() to no family are in their call.
static __noinline int is_given_up(struct sock *sk) {
  struct connect_call call = {};
  struct asked_address asked = {};
  if (BPF_CORE_READ_BITFIELD_PROBED(sk, sk_shutdown) == SHUTDOWN_MASK) return 1;
  if (!BPF_CORE_READ(sk, sk_lock.owned)) return 0;
  if (is_in_shutdown()) return 1;
  if (!read_connect_call(&call)) return 0;
  read_sockaddr(&asked, call.address, call.size, true);
  return asked.readable && asked.family == AF_UNSPEC;
}

// Without an error it was given up, by who may have been told why by a soft one
// (tcp_v4_err(), net/ipv4/tcp_ipv4.c); or else somebody has fetched the error
// in the moment before the socket was closed.
static __always_inline void judge_end(struct connect_record *record,
                                      struct sock *sk, int state) {
  if (state == TCP_ESTABLISHED) {
    record->flags |= CONNECT_OK;
    return;
  }
  record->error = BPF_CORE_READ(sk, sk_err);
  if (record->error) return;
  if (fails_in_call(sk)) {
    record->state = CONNECT_RETURNING;
  } else if (record->soft_error) {
    record->error = record->soft_error;
    record->latency_ns = record->soft_latency_ns;
  } else if (is_given_up(sk)) {
    record->flags |= CONNECT_ABORTED;
  } else {
    record->flags |= CONNECT_END_UNSEEN;
  }
}

// The attempt goes on, or there is a connection already. No attempt ends with
// EAGAIN; many other calls do.
static __always_inline bool goes_on(long error) {
  return error == EINPROGRESS || error == EALREADY || error == EISCONN ||
         error == EINTR || error == EAGAIN ||
         (error >= ERESTARTSYS && error <= ERESTART_RESTARTBLOCK);
}

// The call fetches how an attempt or a connection has ended that we know
// nothing of any more. A socket that has sent nothing has had none.
static __always_inline bool tells_old_end(struct sock *sk, long error) {
  bool of_connection = error == ECONNREFUSED || error == ECONNRESET ||
                       error == ECONNABORTED || error == ETIMEDOUT ||
                       error == EPIPE;
  return of_connection && BPF_CORE_READ((struct tcp_sock *)sk, write_seq);
}

static __always_inline void describe_failure(
    struct connect_record *record, struct sock *sk, long error,
    const struct asked_address *asked) {
  struct socket_head head;
  read_head(&head, sk);
  describe_caller(record);
  describe_local(record, sk, &head);
  record->error = error;
  record->flags |= CONNECT_IMMEDIATE;
  record->asked_family = asked->family;
  record->remote_port = asked->port;
  __builtin_memcpy(record->remote, asked->address, ADDRESS_SIZE);
  if (!asked->whole) record->flags |= CONNECT_NO_REMOTE;
}
