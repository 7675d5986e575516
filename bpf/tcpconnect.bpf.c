// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// tcpconnect: each attempt to connect by TCP, from the socket's way through its
// states; and those that fail before it has any, from the call that returns.
#include "kernel_types.h"
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "tcpconnect.h"
#include "ancestry.h"
#include "connect_attempt.h"
#include "connect_call.h"
#include "event_ring.h"
#include "filter.h"
#include "socket.h"
#include "socket_marks.h"

const volatile bool want_ancestry = false;
const volatile bool want_failed_only = false;
const volatile bool filter_ports = false;
const volatile __u16 wanted_family = 0;  // 0: both
const volatile __u64 least_latency_ns = 0;
const volatile __u64 most_latency_ns = ~0ULL;
// Whoever connects is wanted, so that what began unseen is too.
const volatile bool everybody = true;

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// By the address of the socket, from the start of an attempt until its end is
// reported.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, CONNECT_MOST_ATTEMPTS);
  __type(key, __u64);
  __type(value, struct connect_record);
} attempts SEC(".maps");

// By the address of the socket; those of an attempt that has none yet by the
// thread that makes it.
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

// Attempts that found no place in the table, and have not ended yet.
__s64 unfollowed = 0;

// What entries start as; on no program's stack is room for them.
const struct connect_record no_record = {};
const struct connect_ancestry no_ancestry = {};

static __always_inline struct connect_record *attempt_of(struct sock *sk) {
  __u64 key = (__u64)sk;
  return bpf_map_lookup_elem(&attempts, &key);
}

static __always_inline void forget(__u64 key) {
  bpf_map_delete_elem(&attempts, &key);
  if (want_ancestry) bpf_map_delete_elem(&ancestries, &key);
}

static __always_inline bool is_chosen(void) {
  return everybody || passes_filters(current_pid(), current_tid());
}

static __always_inline bool goes_where_wanted(__u16 port, bool ipv4) {
  if (wanted_family && ipv4 != (wanted_family == AF_INET)) return false;
  return !filter_ports || bpf_map_lookup_elem(&ports, &port);
}

static __always_inline bool head_goes_where_wanted(
    const struct socket_head *head) {
  __u8 remote[ADDRESS_SIZE] = {};
  if (!wanted_family && !filter_ports) return true;
  copy_remote(remote, head);
  return goes_where_wanted(head_remote_port(head), is_ipv4(remote));
}

// Parents of who connects now; a function of a number, which the verifier looks
// at once.
__noinline int put_ancestors(__u64 key) {
  if (bpf_map_update_elem(&ancestries, &key, &no_ancestry, BPF_ANY)) return 0;
  struct connect_ancestry *ancestry = bpf_map_lookup_elem(&ancestries, &key);
  struct task_struct *at = BPF_CORE_READ(current_task(), group_leader);
  if (!ancestry) return 0;
  for (int i = 0; i < CONNECT_MOST_ANCESTORS && !is_first_process(at); ++i) {
    if (!step_to_parent(&at, &ancestry->parents[i])) break;
    ancestry->count = i + 1;
  }
  return 0;
}

// With the header of its attempt: user space shows those that are pending.
static __always_inline void keep_ancestry(__u64 key,
                                          const struct event_header *header) {
  put_ancestors(key);
  struct connect_ancestry *kept = bpf_map_lookup_elem(&ancestries, &key);
  if (kept) kept->header = *header;
}

static __always_inline struct connect_ancestry *ancestry_of(__u64 key) {
  if (!want_ancestry) return NULL;
  struct connect_ancestry *found = bpf_map_lookup_elem(&ancestries, &key);
  if (!found) ledger_count(LEDGER_parents_lost);
  return found;
}

// Behind the first record, whose header says that there is more. Where it finds
// no room user space counts it.
static __always_inline void send_ancestry(struct connect_ancestry *ancestry,
                                          const struct event_header *header) {
  ancestry->header = *header;
  ancestry->header.type = CONNECT_ANCESTRY;
  ancestry->header.more = 0;
  ancestry->header.rest = 1;
  send_event(ancestry, sizeof(*ancestry));
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
  if (record->flags & CONNECT_END_UNSEEN) ledger_count(LEDGER_exit_missing);
  if (!is_wanted(record)) return;
  struct connect_ancestry *ancestry = ancestry_of((__u64)sk);
  record->header.more = ancestry != NULL;
  if (!send_event(record, sizeof(*record))) {
    ledger_count(LEDGER_event_ring_full);
  } else if (ancestry) {
    send_ancestry(ancestry, &record->header);
  }
}

// An attempt without an end: it was not seen, or the call it failed in was not.
static __always_inline void report_unfinished(struct connect_record *record,
                                              struct sock *sk) {
  if (record->state == CONNECT_PENDING) {
    record->latency_ns = bpf_ktime_get_ns() - record->header.time_ns;
  }
  record->flags |= CONNECT_END_UNSEEN;
  report(record, sk);
}

static __always_inline void describe_start(struct sock *sk,
                                           const struct socket_head *head) {
  struct connect_record *record = attempt_of(sk);
  if (!record) return;
  describe_caller(record);
  describe_socket(record, sk, head);
  compare_asked(record, sk);
  if (want_ancestry) keep_ancestry((__u64)sk, &record->header);
  barrier();  // user space may be reading
  record->state = CONNECT_PENDING;
}

static __always_inline bool wants_start(const struct socket_head *head) {
  if (!is_chosen()) {
    ledger_count(LEDGER_not_target);
    return false;
  }
  if (!head_goes_where_wanted(head)) {
    ledger_count(LEDGER_other_destination);
    return false;
  }
  return true;
}

// One that is not followed shows when it ends, if everybody's do.
static __always_inline int leave_out_start(struct sock *sk) {
  if (everybody) {
    put_mark(sk, MARK_UNFOLLOWED);
    __sync_fetch_and_add(&unfollowed, 1);
  } else {
    put_mark(sk, MARK_LEFT_OUT);
    ledger_count(LEDGER_attempts_full);
  }
  return 0;
}

static __always_inline bool make_entry(struct sock *sk) {
  __u64 key = (__u64)sk;
  struct connect_record *old = attempt_of(sk);
  if (old) report_unfinished(old, sk);
  return !bpf_map_update_elem(&attempts, &key, &no_record, BPF_ANY);
}

// In the context of who connects, which holds the lock of the socket.
static __always_inline int attempt_starts(struct sock *sk,
                                          const struct socket_head *head) {
  ledger_count(LEDGER_entered);
  if (!wants_start(head)) return 0;
  if (!make_entry(sk)) return leave_out_start(sk);
  describe_start(sk, head);
  return 0;
}

// The same for the second program: what was left out or had no room was counted
// by the first.
static __always_inline int unseen_attempt_starts(
    struct sock *sk, const struct socket_head *head) {
  if (!is_chosen() || !head_goes_where_wanted(head)) return 0;
  if (mark_of(sk) > MAX_ERRNO || !make_entry(sk)) return 0;
  ledger_count(LEDGER_entered);
  describe_start(sk, head);
  return 0;
}

// In whatever context that happens.
static __always_inline int attempt_ends(struct connect_record *record,
                                        struct sock *sk, int state) {
  if (record->state != CONNECT_PENDING) return 0;
  describe_end(record, sk);
  judge_end(record, sk, state);
  if (record->state == CONNECT_RETURNING) return 0;
  report(record, sk);
  if (record->error) put_mark(sk, record->error);
  forget((__u64)sk);
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

static __always_inline void describe_unknown(struct connect_record *record,
                                             struct sock *sk,
                                             const struct socket_head *head,
                                             int state) {
  record->header.time_ns = bpf_ktime_get_ns();
  describe_socket(record, sk, head);
  describe_end(record, sk);
  judge_end(record, sk, state);
  record->latency_ns = 0;
  record->flags |= CONNECT_START_UNSEEN;
}

// Of what began before us, or was not followed, only the end is known. It was
// counted at its start if there was no place for it.
static __always_inline int report_unknown(struct sock *sk,
                                          const struct socket_head *head,
                                          int state, __u32 mark) {
  if (mark == MARK_UNFOLLOWED) {
    __sync_fetch_and_add(&unfollowed, -1);
  } else {
    ledger_count(LEDGER_entered);
  }
  struct connect_record *record = new_record();
  if (!record) return 0;
  describe_unknown(record, sk, head, state);
  if (!is_wanted(record)) {
    bpf_ringbuf_discard(record, 0);
    return 0;
  }
  ledger_count(LEDGER_start_unseen);
  bpf_ringbuf_submit(record, 0);
  return 0;
}

// What fails in its call is told by that, unless it was left out; the caller is
// then current.
static __always_inline int unknown_attempt_ends(struct sock *sk,
                                                const struct socket_head *head,
                                                int state) {
  __u32 mark = mark_of(sk);
  __u32 error = state == TCP_CLOSE ? BPF_CORE_READ(sk, sk_err) : 0;
  if (state == TCP_CLOSE && !error && fails_in_call(sk)) {
    if (mark == MARK_UNFOLLOWED) {
      put_mark(sk, MARK_UNFOLLOWED_RETURNING);
    } else if (!is_chosen() || !head_goes_where_wanted(head)) {
      put_mark(sk, MARK_LEFT_OUT);
    }
    return 0;
  }
  if (error) {
    put_mark(sk, error);
  } else if (mark) {
    remove_mark(sk);
  }
  if (!everybody || mark == MARK_LEFT_OUT || !head_goes_where_wanted(head)) {
    return 0;
  }
  return report_unknown(sk, head, state, mark);
}

SEC("raw_tp/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int from, int to) {
  bool start = starts(from, to);
  if (!start && !ends(from, to)) return 0;
  struct connect_record *record = start ? NULL : attempt_of(sk);
  if (record) return attempt_ends(record, sk, to);
  if (from == TCP_SYN_RECV) return 0;
  struct socket_head head;
  read_head(&head, sk);
  if (!is_tcp(sk, &head)) return 0;
  return start ? attempt_starts(sk, &head)
               : unknown_attempt_ends(sk, &head, to);
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
  struct socket_head head;
  read_head(&head, sk);
  return is_tcp(sk, &head) ? unseen_attempt_starts(sk, &head) : 0;
}

// The local port, too, is known by now. Not each SYN that is sent again comes
// by: what the socket has counted is right.
SEC("raw_tp/tcp_retransmit_skb")
int BPF_PROG(on_retransmit, struct sock *sk) {
  struct connect_record *record = attempt_of(sk);
  if (!record || record->state != CONNECT_PENDING) return 0;
  record->retransmits = BPF_CORE_READ((struct tcp_sock *)sk, total_retrans);
  record->local_port = local_port(sk);
  return 0;
}

SEC("raw_tp/tcp_destroy_sock")
int BPF_PROG(on_destroy, struct sock *sk) {
  if (mark_of(sk)) remove_mark(sk);
  struct connect_record *record = attempt_of(sk);
  if (!record) return 0;
  report_unfinished(record, sk);
  forget((__u64)sk);
  return 0;
}

// What a socket without an entry has to do with a call of it that failed.
enum call_meaning {
  CALL_FAILS_ITSELF,
  CALL_OF_KNOWN_ATTEMPT,
  CALL_OF_UNFOLLOWED
};

// A socket that has failed tells its error to the next call, or that it has
// already told it (ECONNABORTED): __inet_stream_connect(), net/ipv4/af_inet.c.
// A call that fails before it comes to that, as by a bad address, is its own.
static __always_inline enum call_meaning meaning_of(struct sock *sk,
                                                    long error) {
  __u32 mark = mark_of(sk);
  bool of_call = mark == MARK_LEFT_OUT || mark == MARK_UNFOLLOWED_RETURNING;
  if (!of_call && mark != error && (!mark || error != ECONNABORTED)) {
    return CALL_FAILS_ITSELF;
  }
  if (mark == MARK_UNFOLLOWED_RETURNING) {
    __sync_fetch_and_add(&unfollowed, -1);
    remove_mark(sk);
    return CALL_OF_UNFOLLOWED;
  }
  if (BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_CLOSE) {
    return CALL_FAILS_ITSELF;
  }
  remove_mark(sk);
  return CALL_OF_KNOWN_ATTEMPT;
}

// It has failed in the call of the thread that made it. What an entry of
// another thread's attempt is about goes on, whatever this call has met.
static __always_inline bool returns_to_us(const struct connect_record *record) {
  return record->state == CONNECT_RETURNING &&
         record->header.tid == (__u32)bpf_get_current_pid_tgid();
}

static __always_inline int attempt_returns(struct connect_record *record,
                                           struct sock *sk, long error) {
  record->error = error;
  report(record, sk);
  forget((__u64)sk);
  return 0;
}

// A socket goes where its family does when the address does not tell.
static __always_inline bool wants_failure(struct sock *sk,
                                          const struct asked_address *asked) {
  if (!is_chosen()) {
    ledger_count(LEDGER_not_target);
    return false;
  }
  bool ipv4 = asked->whole ? is_ipv4(asked->address) : family_of(sk) == AF_INET;
  if (!goes_where_wanted(asked->port, ipv4)) {
    ledger_count(LEDGER_other_destination);
    return false;
  }
  return true;
}

// Another thread may have begun an attempt on this socket: who fails here has
// parents of his own.
static __always_inline int report_failure(struct sock *sk, long error,
                                          const struct asked_address *asked) {
  __u64 key = bpf_get_current_pid_tgid();
  struct connect_record *record = new_record();
  if (!record) return 0;
  describe_failure(record, sk, error, asked);
  if (!is_wanted(record)) {
    bpf_ringbuf_discard(record, 0);
    return 0;
  }
  struct event_header header = record->header;
  if (want_ancestry) put_ancestors(key);
  struct connect_ancestry *ancestry = ancestry_of(key);
  record->header.more = ancestry != NULL;
  bpf_ringbuf_submit(record, 0);
  if (!ancestry) return 0;
  send_ancestry(ancestry, &header);
  bpf_map_delete_elem(&ancestries, &key);
  return 0;
}

// To connect to no family is to disconnect.
static __always_inline int call_failed(struct sock *sk, long error,
                                       const struct asked_address *asked) {
  struct connect_record *record = attempt_of(sk);
  if (record && returns_to_us(record))
    return attempt_returns(record, sk, error);
  enum call_meaning meaning =
      record ? CALL_FAILS_ITSELF : meaning_of(sk, error);
  if (meaning == CALL_OF_KNOWN_ATTEMPT || tells_old_end(sk, error)) return 0;
  if (asked->readable && asked->family == AF_UNSPEC) return 0;
  if (meaning != CALL_OF_UNFOLLOWED) ledger_count(LEDGER_entered);
  return wants_failure(sk, asked) ? report_failure(sk, error, asked) : 0;
}

// Of a socket that does not block the call has let go, and on a fast network an
// answer has come by then. The program learns of it as of any other error.
static __always_inline int note_soft_error(struct sock *sk) {
  struct connect_record *record = attempt_of(sk);
  if (!record || record->state != CONNECT_PENDING) return 0;
  int error = BPF_CORE_READ(sk, sk_err_soft);
  if (!error) return 0;
  record->soft_latency_ns = bpf_ktime_get_ns() - record->header.time_ns;
  record->soft_error = error;
  return 0;
}

static __always_inline struct sock *socket_of_call(__u32 descriptor) {
  struct file *file = file_of(descriptor);
  struct socket *socket = file ? socket_of_file(file) : NULL;
  return socket ? tcp_of(socket) : NULL;
}

static __always_inline int system_call_goes_on(long error) {
  struct connect_call call = {};
  if (error != EINPROGRESS || !read_connect_call(&call)) return 0;
  struct sock *sk = socket_of_call(call.descriptor);
  return sk ? note_soft_error(sk) : 0;
}

static __always_inline bool is_send(__u32 name) { return name != SYS_CONNECT; }

// A socket that may not use Fast Open has not tried to connect.
static __always_inline int system_call_failed(long error, bool with_sends) {
  struct connect_call call = {};
  __u32 name = read_connect_call(&call);
  if (!name || (is_send(name) && (!with_sends || error == EOPNOTSUPP))) {
    return 0;
  }
  struct sock *sk = socket_of_call(call.descriptor);
  if (!sk) return 0;
  struct asked_address asked = {};
  read_sockaddr(&asked, call.address, call.size, true);
  return call_failed(sk, error, &asked);
}

static __always_inline int system_call_returns(long result, bool with_sends) {
  if (!is_failure(result)) return 0;
  if (goes_on(-result)) return system_call_goes_on(-result);
  return system_call_failed(-result, with_sends);
}

// Where functions can be traced, failures cost nothing but themselves. Their
// own argument is left alone: to some kernels it is of no known type (5.10).
#define ON_RETURN(name, function)                       \
  SEC("fexit/" #function)                               \
  int BPF_PROG(name, const void *unused, long result) { \
    return system_call_returns(result, false);          \
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
  if (!is_failure(result) || read_connect_call(&call)) return 0;
  struct socket *socket = socket_of_file(file);
  struct sock *sk = socket ? tcp_of(socket) : NULL;
  if (!sk) return 0;
  if (result == -EINPROGRESS) return note_soft_error(sk);
  if (goes_on(-result)) return 0;
  read_sockaddr(&asked, (__u64)address, size, false);
  return call_failed(sk, -result, &asked);
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
  read_sockaddr(&asked, (__u64)address, size, false);
  return call_failed(sk, -result, &asked);
}

// Elsewhere at the end of every system call of the machine, as execsnoop does.
SEC("raw_tp/sys_exit")
int BPF_PROG(on_return, const void *unused, long result) {
  return system_call_returns(result, true);
}
