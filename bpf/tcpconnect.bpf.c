// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// tcpconnect: each attempt to connect by TCP, from the socket's way through its
// states; and those that fail before it has any, from the call that returns.
#include "kernel_types.h"
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "tcpconnect.h"
#include "ancestry.h"
#include "connect_call.h"
#include "event_ring.h"
#include "filter.h"
#include "socket.h"

const volatile bool want_ancestry = false;
const volatile bool want_failed_only = false;
const volatile bool filter_ports = false;
const volatile __u16 wanted_family = 0;  // 0: both
const volatile __u64 least_latency_ns = 0;
const volatile __u64 most_latency_ns = ~0ULL;
// Whoever connects is wanted, so that what began unseen is too.
const volatile bool everybody = true;

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

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// By the address of the socket, from the start of an attempt until it has ended
// or the socket is gone.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, CONNECT_MOST_ATTEMPTS);
  __type(key, __u64);
  __type(value, struct connect_record);
} attempts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);  // resized by user space when ancestry is wanted
  __type(key, __u64);
  __type(value, struct connect_ancestry);
} ancestries SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);  // resized by user space when there are ports
  __type(key, __u16);
  __type(value, __u8);
} ports SEC(".maps");

// What entries start as; on no program's stack is room for them.
const struct connect_record no_record = {};
const struct connect_ancestry no_ancestry = {};

static __always_inline struct connect_record *attempt_of(struct sock *sk) {
  __u64 key = (__u64)sk;
  return bpf_map_lookup_elem(&attempts, &key);
}

static __always_inline void forget(struct sock *sk) {
  __u64 key = (__u64)sk;
  bpf_map_delete_elem(&attempts, &key);
  if (want_ancestry) bpf_map_delete_elem(&ancestries, &key);
}

static __always_inline bool is_chosen(void) {
  struct task_struct *task = current_task();
  if (everybody) return true;
  return passes_filters(task_pid(task), task_tid(task));
}

static __always_inline bool goes_where_wanted(__u16 port, bool ipv4) {
  if (wanted_family && ipv4 != (wanted_family == AF_INET)) return false;
  return !filter_ports || bpf_map_lookup_elem(&ports, &port);
}

static __always_inline bool socket_goes_where_wanted(struct sock *sk) {
  __u8 remote[ADDRESS_SIZE];
  if (!wanted_family && !filter_ports) return true;
  read_remote(remote, sk);
  return goes_where_wanted(remote_port(sk), is_ipv4(remote));
}

// Who connects, since now.
static __always_inline void describe_caller(struct connect_record *record) {
  struct task_struct *task = current_task();
  struct task_struct *parent =
      BPF_CORE_READ(task, group_leader, real_parent, group_leader);
  record->header.time_ns = bpf_ktime_get_ns();
  record->header.tid = bpf_get_current_pid_tgid();
  record->cgroup = bpf_get_current_cgroup_id();
  record->pid = task_pid(task);
  record->tid = task_tid(task);
  record->parent = task_pid(parent);
  record->uid = bpf_get_current_uid_gid();
  bpf_get_current_comm(record->comm, sizeof(record->comm));
  bpf_core_read_str(record->parent_comm, sizeof(record->parent_comm),
                    &parent->comm);
}

static __always_inline void describe_local(struct connect_record *record,
                                           struct sock *sk) {
  record->header.type = CONNECT_ATTEMPT;
  record->family = family_of(sk);
  record->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
  record->local_port = local_port(sk);
  read_local(record->local, sk);
  if (is_mptcp(sk)) record->flags |= CONNECT_MPTCP;
}

static __always_inline void describe_socket(struct connect_record *record,
                                            struct sock *sk) {
  describe_local(record, sk);
  record->remote_port = remote_port(sk);
  read_remote(record->remote, sk);
}

static __always_inline void keep_asked(struct connect_record *record,
                                       const struct asked_address *asked) {
  record->flags |= CONNECT_ASKED;
  record->asked_family = asked->family;
  record->asked_port = asked->port;
  __builtin_memcpy(record->asked, asked->address, ADDRESS_SIZE);
}

// A cgroup's program may send a socket elsewhere, and what the caller has asked
// for is then only in its own memory.
static __noinline int compare_asked(struct connect_record *record) {
  struct connect_call call = {};
  struct asked_address asked = {};
  if (!record || !read_connect_call(&call)) return 0;
  if (!read_sockaddr(&asked, call.address, true)) return 0;
  keep_asked(record, &asked);
  if (asked.port != record->remote_port ||
      !same_address(asked.address, record->remote)) {
    record->flags |= CONNECT_REWRITTEN;
  }
  return 0;
}

// Parents of who connects now; a function of a number, which the verifier looks
// at once.
__noinline int put_ancestors(__u64 sk) {
  if (bpf_map_update_elem(&ancestries, &sk, &no_ancestry, BPF_ANY)) return 0;
  struct connect_ancestry *ancestry = bpf_map_lookup_elem(&ancestries, &sk);
  struct task_struct *at = BPF_CORE_READ(current_task(), group_leader);
  if (!ancestry) return 0;
  for (int i = 0; i < CONNECT_MOST_ANCESTORS && !is_first_process(at); ++i) {
    if (!step_to_parent(&at, &ancestry->parents[i])) break;
    ancestry->count = i + 1;
  }
  return 0;
}

// The parents of an attempt whose first record has gone out.
static __always_inline void send_ancestors(struct sock *sk,
                                           const struct event_header *header) {
  __u64 key = (__u64)sk;
  struct connect_ancestry *ancestry = bpf_map_lookup_elem(&ancestries, &key);
  if (!ancestry) return;
  ancestry->header = *header;
  ancestry->header.type = CONNECT_ANCESTRY;
  ancestry->header.more = 0;
  ancestry->header.rest = 1;
  if (!send_event(ancestry, sizeof(*ancestry))) {
    ledger_count(LEDGER_parents_lost);
  }
}

// What the filters leave out that only the end can tell.
static __always_inline bool is_wanted(const struct connect_record *record) {
  if (record->latency_ns < least_latency_ns ||
      record->latency_ns > most_latency_ns) {
    ledger_count(LEDGER_other_latency);
    return false;
  }
  if (want_failed_only && (record->flags & CONNECT_OK)) {
    ledger_count(LEDGER_not_failed);
    return false;
  }
  return true;
}

static __always_inline void report(struct connect_record *record,
                                   struct sock *sk) {
  record->state = CONNECT_REPORTED;
  if (record->flags & CONNECT_END_UNSEEN) ledger_count(LEDGER_exit_missing);
  if (!is_wanted(record)) return;
  record->header.more = want_ancestry && sk;
  if (!send_event(record, sizeof(*record))) {
    ledger_count(LEDGER_event_ring_full);
    return;
  }
  if (record->header.more) send_ancestors(sk, &record->header);
}

// An attempt without an end: it was not seen, or the call it failed in was not.
static __always_inline void report_unfinished(struct connect_record *record,
                                              struct sock *sk) {
  if (record->state == CONNECT_REPORTED) return;
  if (record->state == CONNECT_PENDING) {
    record->latency_ns = bpf_ktime_get_ns() - record->header.time_ns;
  }
  record->flags |= CONNECT_END_UNSEEN;
  report(record, sk);
}

static __always_inline void describe_start(struct sock *sk) {
  struct connect_record *record = attempt_of(sk);
  if (!record) return;
  record->state = CONNECT_PENDING;
  describe_caller(record);
  describe_socket(record, sk);
  compare_asked(record);
  if (want_ancestry) put_ancestors((__u64)sk);
}

static __always_inline bool wants_start(struct sock *sk) {
  if (!is_chosen()) {
    ledger_count(LEDGER_not_target);
    return false;
  }
  if (!socket_goes_where_wanted(sk)) {
    ledger_count(LEDGER_other_destination);
    return false;
  }
  return true;
}

// In the context of who connects, which holds the lock of the socket.
static __always_inline int attempt_starts(struct sock *sk) {
  __u64 key = (__u64)sk;
  ledger_count(LEDGER_entered);
  if (!wants_start(sk)) return 0;
  struct connect_record *old = attempt_of(sk);
  if (old) report_unfinished(old, sk);
  if (bpf_map_update_elem(&attempts, &key, &no_record, BPF_ANY)) {
    ledger_count(LEDGER_attempts_full);
    return 0;
  }
  describe_start(sk);
  return 0;
}

// The same for the second program, which cannot tell why there is no entry:
// what was left out or had no room was counted by the first.
static __always_inline int unseen_attempt_starts(struct sock *sk) {
  __u64 key = (__u64)sk;
  if (!is_chosen() || !socket_goes_where_wanted(sk)) return 0;
  struct connect_record *old = attempt_of(sk);
  if (old) report_unfinished(old, sk);
  if (bpf_map_update_elem(&attempts, &key, &no_record, BPF_ANY)) return 0;
  ledger_count(LEDGER_entered);
  describe_start(sk);
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

static __always_inline void describe_end(struct connect_record *record,
                                         struct sock *sk) {
  struct tcp_sock *tcp = (struct tcp_sock *)sk;
  record->latency_ns = bpf_ktime_get_ns() - record->header.time_ns;
  record->retransmits = BPF_CORE_READ(tcp, total_retrans);
  record->local_port = local_port(sk);
  read_local(record->local, sk);
  if (BPF_CORE_READ_BITFIELD_PROBED(tcp, syn_data)) {
    record->flags |= CONNECT_FAST_OPEN | CONNECT_SYN_DATA;
  }
  if (BPF_CORE_READ_BITFIELD_PROBED(tcp, syn_fastopen)) {
    record->flags |= CONNECT_FAST_OPEN;
  }
}

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
  } else {
    record->flags |= CONNECT_ABORTED;
  }
}

// In whatever context that happens.
static __always_inline int attempt_ends(struct connect_record *record,
                                        struct sock *sk, int state) {
  if (record->state != CONNECT_PENDING) return 0;
  describe_end(record, sk);
  judge_end(record, sk, state);
  if (record->state == CONNECT_RETURNING) return 0;
  report(record, sk);
  if (!record->error) forget(sk);
  return 0;
}

// A record of what has no entry, in the ring. It is to be sent or dropped.
static __always_inline struct connect_record *new_record(void) {
  struct connect_record *record =
      bpf_ringbuf_reserve(&events, sizeof(*record), 0);
  if (record) {
    *record = no_record;
  } else {
    ledger_count(LEDGER_event_ring_full);
  }
  return record;
}

// Of what began before us only the end is known.
static __always_inline int unknown_attempt_ends(struct sock *sk, int state) {
  if (!everybody || !socket_goes_where_wanted(sk)) return 0;
  ledger_count(LEDGER_entered);
  struct connect_record *record = new_record();
  if (!record) return 0;
  record->header.time_ns = bpf_ktime_get_ns();
  describe_socket(record, sk);
  describe_end(record, sk);
  judge_end(record, sk, state);
  record->latency_ns = 0;
  record->flags |= CONNECT_START_UNSEEN;
  if (!is_wanted(record)) {
    bpf_ringbuf_discard(record, 0);
    return 0;
  }
  ledger_count(LEDGER_start_unseen);
  bpf_ringbuf_submit(record, 0);
  return 0;
}

static __always_inline bool is_tcp(struct sock *sk) {
  return BPF_CORE_READ(sk, sk_protocol) == PROTOCOL_TCP && is_internet(sk);
}

static __always_inline bool starts(int from, int to) {
  return from == TCP_CLOSE && to == TCP_SYN_SENT;
}

// SYN_RECV comes behind SYN_SENT when both sides connect to one another. Other
// sockets in it are those of a server.
static __always_inline bool ends(int from, int to) {
  return (from == TCP_SYN_SENT || from == TCP_SYN_RECV) && to != TCP_SYN_RECV;
}

SEC("raw_tp/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int from, int to) {
  if (starts(from, to)) return is_tcp(sk) ? attempt_starts(sk) : 0;
  if (!ends(from, to)) return 0;
  struct connect_record *record = attempt_of(sk);
  if (record) return attempt_ends(record, sk, to);
  if (from == TCP_SYN_SENT && is_tcp(sk)) return unknown_attempt_ends(sk, to);
  return 0;
}

// Where the kernel leaves a program out because it is already running on that
// CPU, interrupted or preempted (prog->active, since 6.1), this one does what
// was left: what the first has seen has an entry, or has none any more.
SEC("raw_tp/inet_sock_set_state")
int BPF_PROG(on_state_again, struct sock *sk, int from, int to) {
  if (!starts(from, to) && !ends(from, to)) return 0;
  struct connect_record *record = attempt_of(sk);
  if (ends(from, to)) return record ? attempt_ends(record, sk, to) : 0;
  if (record && record->state == CONNECT_PENDING) return 0;
  return is_tcp(sk) ? unseen_attempt_starts(sk) : 0;
}

// The local port, too, is known by now.
SEC("raw_tp/tcp_retransmit_skb")
int BPF_PROG(on_retransmit, struct sock *sk) {
  struct connect_record *record = attempt_of(sk);
  if (!record || record->state != CONNECT_PENDING) return 0;
  ++record->retransmits;
  record->local_port = local_port(sk);
  return 0;
}

SEC("raw_tp/tcp_destroy_sock")
int BPF_PROG(on_destroy, struct sock *sk) {
  struct connect_record *record = attempt_of(sk);
  if (!record) return 0;
  report_unfinished(record, sk);
  forget(sk);
  return 0;
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

static __always_inline int attempt_returns(struct connect_record *record,
                                           struct sock *sk, long error) {
  if (record->state == CONNECT_PENDING) return 0;
  if (record->state == CONNECT_RETURNING) {
    record->error = error;
    report(record, sk);
  }
  forget(sk);
  return 0;
}

static __always_inline bool wants_failure(const struct asked_address *asked) {
  if (!is_chosen()) {
    ledger_count(LEDGER_not_target);
    return false;
  }
  if (!goes_where_wanted(asked->port, is_ipv4(asked->address))) {
    ledger_count(LEDGER_other_destination);
    return false;
  }
  return true;
}

static __always_inline void describe_failure(
    struct connect_record *record, struct sock *sk, long error,
    const struct asked_address *asked) {
  describe_caller(record);
  describe_local(record, sk);
  record->error = error;
  record->flags |= CONNECT_IMMEDIATE;
  record->asked_family = asked->family;
  record->remote_port = asked->port;
  __builtin_memcpy(record->remote, asked->address, ADDRESS_SIZE);
  if (asked->family != AF_INET && asked->family != AF_INET6) {
    record->flags |= CONNECT_NO_REMOTE;
  }
}

static __always_inline int report_failure(struct sock *sk, long error,
                                          const struct asked_address *asked) {
  struct connect_record *record = new_record();
  if (!record) return 0;
  describe_failure(record, sk, error, asked);
  if (!is_wanted(record)) {
    bpf_ringbuf_discard(record, 0);
    return 0;
  }
  struct event_header header = record->header;
  record->header.more = want_ancestry;
  bpf_ringbuf_submit(record, 0);
  if (want_ancestry) {
    put_ancestors((__u64)sk);
    send_ancestors(sk, &header);
    forget(sk);
  }
  return 0;
}

// `asked` is all zeros where it could not be read. To connect to no family is
// to disconnect.
static __always_inline int call_failed(struct sock *sk, long error,
                                       const struct asked_address *asked,
                                       bool readable) {
  struct connect_record *record = attempt_of(sk);
  if (record) return attempt_returns(record, sk, error);
  if (tells_old_end(sk, error)) return 0;
  if (readable && asked->family == AF_UNSPEC) return 0;
  ledger_count(LEDGER_entered);
  return wants_failure(asked) ? report_failure(sk, error, asked) : 0;
}

static __always_inline bool is_send(__u32 name) { return name != SYS_CONNECT; }

// A socket that may not use Fast Open has not tried to connect.
static __always_inline int system_call_failed(long error, bool with_sends) {
  struct connect_call call = {};
  __u32 name = read_connect_call(&call);
  if (!name || (is_send(name) && (!with_sends || error == EOPNOTSUPP))) {
    return 0;
  }
  struct file *file = file_of(call.descriptor);
  struct socket *socket = file ? socket_of_file(file) : NULL;
  struct sock *sk = socket ? tcp_of(socket) : NULL;
  if (!sk) return 0;
  struct asked_address asked = {};
  bool readable = read_sockaddr(&asked, call.address, true);
  return call_failed(sk, error, &asked, readable);
}

// Where functions can be traced, failures cost nothing but themselves. Their
// own argument is left alone: to some kernels it is of no known type (5.10).
#define ON_RETURN(name, function)                       \
  SEC("fexit/" #function)                               \
  int BPF_PROG(name, const void *unused, long result) { \
    if (!is_failure(result) || goes_on(-result)) {      \
      return 0;                                         \
    }                                                   \
    return system_call_failed(-result, false);          \
  }
ON_RETURN(after_connect, __x64_sys_connect)
ON_RETURN(after_compat_connect, __ia32_sys_connect)
ON_RETURN(after_compat_socketcall, __ia32_compat_sys_socketcall)

// io_uring's way to connect. Where the compiler has left it in the way of the
// system call too, that is looked at when it returns.
SEC("fexit/__sys_connect_file")
int BPF_PROG(after_connect_file, struct file *file, void *address, int size,
             int flags, int result) {
  struct connect_call call = {};
  struct asked_address asked = {};
  if (!is_failure(result) || goes_on(-result)) return 0;
  if (read_connect_call(&call)) return 0;
  struct socket *socket = socket_of_file(file);
  struct sock *sk = socket ? tcp_of(socket) : NULL;
  if (!sk) return 0;
  bool readable = read_sockaddr(&asked, (__u64)address, false);
  return call_failed(sk, -result, &asked, readable);
}

// Those that send and connect at once.
SEC("fexit/__inet_stream_connect")
int BPF_PROG(after_fast_open, struct socket *socket, void *address, int size,
             int flags, int is_sendmsg, int result) {
  struct asked_address asked = {};
  if (!is_sendmsg || !address || !is_failure(result) || goes_on(-result)) {
    return 0;
  }
  struct sock *sk = tcp_of(socket);
  if (!sk) return 0;
  bool readable = read_sockaddr(&asked, (__u64)address, false);
  return call_failed(sk, -result, &asked, readable);
}

// Elsewhere at the end of every system call of the machine, as execsnoop does.
SEC("raw_tp/sys_exit")
int BPF_PROG(on_return, const void *unused, long result) {
  if (!is_failure(result) || goes_on(-result)) return 0;
  return system_call_failed(-result, true);
}
