// SPDX-License-Identifier: Apache-2.0
// connects CASE [ARGUMENT...]: connects by TCP in every way there is, and says
// what a tool that watches must have seen: for each attempt a line with the
// remote port, the errno that it came to (0 for a connection), and the local
// port of a connection.
//   ok COUNT | v6 COUNT | mapped COUNT   to a listener of its own, on loopback
//   poll COUNT       without blocking: poll(), and the error by SO_ERROR
//   again COUNT      without blocking, and the result by another connect()
//   refused COUNT    to a port where nobody listens
//   refused_poll COUNT | refused_again COUNT   the same without blocking
//   old_error        a connection that is reset before connect() asks for it
//   fastopen COUNT   sendto() with MSG_FASTOPEN; fastopen_refused COUNT
//   deferred         TCP_FASTOPEN_CONNECT: the SYN leaves with the first data
//   mptcp COUNT | mptcp_refused COUNT
//   uring COUNT | uring_refused COUNT    by io_uring; exit status 3 without it
//   self             a socket to itself, which is a simultaneous open
//   exhausted COUNT  from a range of ports that is used up by now
//   taken            from a port that another connection to there has
//   family           to an address of AF_UNIX; short: one cut off; fault: none
//   compat COUNT     by the system call of 32 bits, refused
//   unspec           AF_UNSPEC, which is no attempt, and too short for that
//   unanswered       to a listener whose queue is full, and left so until input
//   to ADDRESS PORT COUNT            blocking, wherever that is; poll_to: not
//   user_timeout ADDRESS PORT MS     gives up after so long (TCP_USER_TIMEOUT)
//   send_timeout ADDRESS PORT MS     connect() gives up, the socket does not
//   interrupted ADDRESS PORT MS      by a signal, after so long
//   begun ADDRESS PORT COUNT         without blocking, and left so until input
//   closed ADDRESS PORT COUNT        without blocking, and closed at once
//   shut ADDRESS PORT COUNT          ... and shut down
//   named ADDRESS PORT NAME          under that name
//   serve ADDRESS PORT               listens until input; prints the port
//   storm COUNT WORKERS              each with a byte both ways; prints the
//                                    nanoseconds
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "work.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

struct target {
  struct sockaddr_storage address;
  socklen_t size;
};

static void give_up(const char* what) {
  perror(what);
  exit(2);
}

static struct target target_of(const char* text, int port) {
  struct target to = {0};
  struct sockaddr_in* four = (struct sockaddr_in*)&to.address;
  struct sockaddr_in6* six = (struct sockaddr_in6*)&to.address;
  if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons((uint16_t)port);
    to.size = sizeof(*four);
  } else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons((uint16_t)port);
    to.size = sizeof(*six);
  } else {
    errno = EINVAL;
    give_up(text);
  }
  return to;
}

static const struct sockaddr* address_of(const struct target* to) {
  return (const struct sockaddr*)&to->address;
}

static int port_of(int fd) {
  struct sockaddr_in6 here = {0};
  socklen_t size = sizeof(here);
  getsockname(fd, (struct sockaddr*)&here, &size);
  return ntohs(here.sin6_port);  // where sockaddr_in has it too
}

static int remote_port(const struct target* to) {
  return ntohs(((const struct sockaddr_in*)&to->address)->sin_port);
}

static void say(const struct target* to, int error, int fd) {
  printf("%d %d %d\n", remote_port(to), error, error ? 0 : port_of(fd));
  fflush(stdout);
}

static int new_socket(const struct target* to, int flags) {
  int fd = socket(to->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  if (fd < 0) give_up("socket");
  return fd;
}

// `to` gets the port that was chosen, unless there is one.
static int listen_at(struct target* to) {
  int fd = new_socket(to, 0);
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &(int){100}, sizeof(int));
  if (bind(fd, address_of(to), to->size) != 0) give_up("bind");
  if (listen(fd, 1000) != 0) give_up("listen");
  ((struct sockaddr_in*)&to->address)->sin_port = htons((uint16_t)port_of(fd));
  return fd;
}

// A port where nobody listens, and nobody will as long as it is bound.
static struct target nobody_at(const char* address) {
  struct target to = target_of(address, 0);
  int fd = new_socket(&to, 0);
  if (bind(fd, address_of(&to), to.size) != 0) give_up("bind");
  ((struct sockaddr_in*)&to.address)->sin_port = htons((uint16_t)port_of(fd));
  return to;
}

static int try(int fd, const struct target* to) {
  return connect(fd, address_of(to), to->size) == 0 ? 0 : errno;
}

static int wait_writable(int fd) {
  struct pollfd wait = {.fd = fd, .events = POLLOUT};
  return poll(&wait, 1, -1);
}

static int socket_error(int fd) {
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

enum way { BLOCKING, POLL, AGAIN };

static int connect_by(enum way way, int fd, const struct target* to) {
  int error = try(fd, to);
  if (way == BLOCKING || error != EINPROGRESS) return error;
  wait_writable(fd);
  if (way == POLL) return socket_error(fd);
  error = try(fd, to);
  return error == EISCONN ? 0 : error;
}

static int connect_all(const struct target* to, int count, enum way way) {
  for (int i = 0; i < count; ++i) {
    int fd = new_socket(to, way == BLOCKING ? 0 : SOCK_NONBLOCK);
    say(to, connect_by(way, fd, to), fd);
    close(fd);
  }
  return 0;
}

static int succeed(const char* listener, const char* address, int count,
                   enum way way) {
  struct target here = target_of(listener, 0);
  listen_at(&here);
  struct target to = target_of(address, remote_port(&here));
  return connect_all(&to, count, way);
}

static int refuse(int count, enum way way) {
  struct target to = nobody_at("127.0.0.1");
  return connect_all(&to, count, way);
}

// The reset comes while nobody has asked yet how connect() ended.
static int old_error(void) {
  struct target to = target_of("127.0.0.1", 0);
  int listener = listen_at(&to);
  int fd = new_socket(&to, SOCK_NONBLOCK);
  try(fd, &to);
  wait_writable(fd);
  int local = port_of(fd);
  int peer = accept(listener, NULL, NULL);
  struct linger now = {.l_onoff = 1};
  setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close(peer);
  struct pollfd wait = {.fd = fd};
  poll(&wait, 1, -1);
  if (try(fd, &to) != ECONNRESET) give_up("not reset");
  printf("%d 0 %d\n", remote_port(&to), local);
  return 0;
}

static int fast_open(struct target to, int count) {
  for (int i = 0; i < count; ++i) {
    int fd = new_socket(&to, 0);
    ssize_t sent =
        sendto(fd, "hello", 5, MSG_FASTOPEN, address_of(&to), to.size);
    say(&to, sent == 5 ? 0 : errno, fd);
    close(fd);
  }
  return 0;
}

static int deferred(void) {
  struct target to = target_of("127.0.0.1", 0);
  listen_at(&to);
  fast_open(to, 1);  // fetches the cookie
  int fd = new_socket(&to, 0);
  setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &(int){1}, sizeof(int));
  if (try(fd, &to) != 0) give_up("connect");
  if (write(fd, "hello", 5) != 5) give_up("write");
  wait_writable(fd);
  say(&to, 0, fd);
  return 0;
}

static int multipath(struct target to, int count) {
  for (int i = 0; i < count; ++i) {
    int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
    if (fd < 0) return 3;
    say(&to, try(fd, &to), fd);
    close(fd);
  }
  return 0;
}

struct uring {
  int fd;
  unsigned* tail;
  unsigned* index;
  unsigned* cq_head;
  unsigned* cq_tail;
  struct io_uring_sqe* entries;
  struct io_uring_cqe* results;
  unsigned cq_mask;
};

static void* map_ring(int fd, size_t size, off_t offset) {
  void* at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                  fd, offset);
  if (at == MAP_FAILED) give_up("mmap");
  return at;
}

// One entry at a time. Returns false where the kernel has no io_uring.
static bool open_ring(struct uring* ring) {
  struct io_uring_params with = {0};
  ring->fd = (int)syscall(SYS_io_uring_setup, 4, &with);
  if (ring->fd < 0) return false;
  char* sq =
      map_ring(ring->fd, with.sq_off.array + with.sq_entries * sizeof(unsigned),
               IORING_OFF_SQ_RING);
  char* cq =
      map_ring(ring->fd,
               with.cq_off.cqes + with.cq_entries * sizeof(struct io_uring_cqe),
               IORING_OFF_CQ_RING);
  ring->entries = map_ring(
      ring->fd, with.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
  ring->tail = (unsigned*)(sq + with.sq_off.tail);
  ring->index = (unsigned*)(sq + with.sq_off.array);
  ring->cq_head = (unsigned*)(cq + with.cq_off.head);
  ring->cq_tail = (unsigned*)(cq + with.cq_off.tail);
  ring->cq_mask = *(unsigned*)(cq + with.cq_off.ring_mask);
  ring->results = (struct io_uring_cqe*)(cq + with.cq_off.cqes);
  return true;
}

static int connect_by_ring(struct uring* ring, int fd,
                           const struct target* to) {
  struct io_uring_sqe* entry = &ring->entries[0];
  memset(entry, 0, sizeof(*entry));
  entry->opcode = IORING_OP_CONNECT;
  entry->fd = fd;
  entry->addr = (uint64_t)(uintptr_t)&to->address;
  entry->off = to->size;
  ring->index[*ring->tail & 3] = 0;
  __atomic_store_n(ring->tail, *ring->tail + 1, __ATOMIC_RELEASE);
  if (syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL,
              0) < 0) {
    give_up("io_uring_enter");
  }
  unsigned head = *ring->cq_head;
  int result = ring->results[head & ring->cq_mask].res;
  __atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
  return -result;
}

static int by_uring(struct target to, int count) {
  struct uring ring;
  if (!open_ring(&ring)) return 3;
  for (int i = 0; i < count; ++i) {
    int fd = new_socket(&to, 0);
    say(&to, connect_by_ring(&ring, fd, &to), fd);
    close(fd);
  }
  return 0;
}

static int to_itself(void) {
  struct target to = target_of("127.0.0.1", 0);
  int fd = new_socket(&to, 0);
  if (bind(fd, address_of(&to), to.size) != 0) give_up("bind");
  to = target_of("127.0.0.1", port_of(fd));
  say(&to, try(fd, &to), fd);
  return 0;
}

// None is closed, so that no port becomes free.
static int exhausted(int count) {
  struct target to = target_of("127.0.0.1", 80);  // not of the range
  listen_at(&to);
  for (int i = 0; i < count; ++i) {
    int fd = new_socket(&to, 0);
    say(&to, try(fd, &to), fd);
  }
  return 0;
}

static int taken(void) {
  struct target to = target_of("127.0.0.1", 0);
  listen_at(&to);
  struct target from = target_of("127.0.0.1", 0);
  for (int i = 0; i < 2; ++i) {
    int fd = new_socket(&to, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, address_of(&from), from.size) != 0) give_up("bind");
    from = target_of("127.0.0.1", port_of(fd));
    say(&to, try(fd, &to), fd);
  }
  return 0;
}

static int bad_address(const char* how) {
  struct target to = target_of("127.0.0.1", 7);
  int fd = new_socket(&to, 0);
  struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "/nowhere"};
  int result = 0;
  if (strcmp(how, "family") == 0) {
    result = connect(fd, (struct sockaddr*)&path, sizeof(path));
  } else if (strcmp(how, "short") == 0) {
    result = connect(fd, address_of(&to), 6);
  } else {
    result = connect(fd, (struct sockaddr*)8, sizeof(struct sockaddr_in));
  }
  printf("0 %d 0\n", result ? errno : 0);
  return 0;
}

// The call takes what lies below 4 GiB; 3 is connect (linux/net.h).
static int compat(int count) {
  struct target to = nobody_at("127.0.0.1");
  uint32_t* low = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  if (low == MAP_FAILED) give_up("mmap");
  memcpy(low + 64, &to.address, to.size);
  for (int i = 0; i < count; ++i) {
    long result;
    low[0] = (uint32_t)new_socket(&to, 0);
    low[1] = (uint32_t)(uintptr_t)(low + 64);
    low[2] = to.size;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(102L), "b"(3L), "c"((long)low)
                     : "memory", "r8", "r9", "r10", "r11");
    if (result == -ENOSYS) return 3;
    say(&to, (int)-result, -1);
  }
  return 0;
}

static int unspecified(void) {
  struct target to = target_of("127.0.0.1", 0);
  listen_at(&to);
  int fd = new_socket(&to, 0);
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  connect(fd, &none, sizeof(none));
  connect(fd, &none, 1);
  printf("0 %d 0\n", errno);
  say(&to, try(fd, &to), fd);
  connect(fd, &none, sizeof(none));
  return 0;
}

// A listener with as many connections as it may have drops further SYNs
// (tcp_conn_request, net/ipv4/tcp_input.c).
static int unanswered(void) {
  struct target to = target_of("127.0.0.1", 0);
  int listener = listen_at(&to);
  if (listen(listener, 0) != 0) give_up("listen");
  int first = new_socket(&to, 0);
  say(&to, try(first, &to), first);
  int second = new_socket(&to, SOCK_NONBLOCK);
  say(&to, try(second, &to), second);
  fflush(stdout);
  getchar();
  return 0;
}

static void on_signal(int number) { (void)number; }

static int give_up_after(const char* how, struct target to, int ms) {
  int fd = new_socket(&to, 0);
  struct timeval after = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
  if (strcmp(how, "user_timeout") == 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
  } else if (strcmp(how, "send_timeout") == 0) {
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &after, sizeof(after));
  } else {
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = after}, NULL);
  }
  say(&to, try(fd, &to), fd);
  getchar();
  return 0;
}

static int begin_all(const char* how, struct target to, int count) {
  for (int i = 0; i < count; ++i) {
    int fd = new_socket(&to, SOCK_NONBLOCK);
    say(&to, try(fd, &to), fd);
    if (strcmp(how, "closed") == 0) close(fd);
    if (strcmp(how, "shut") == 0) shutdown(fd, SHUT_RDWR);
  }
  if (strcmp(how, "begun") == 0) getchar();
  return 0;
}

// A question and its answer, of a byte each.
static void exchange(int fd, int peer) {
  char byte = 0;
  if (write(fd, &byte, 1) != 1 || read(peer, &byte, 1) != 1 ||
      write(peer, &byte, 1) != 1 || read(fd, &byte, 1) != 1) {
    give_up("exchange");
  }
}

static void connect_often(const struct target* to, int listener, int count) {
  struct linger now = {.l_onoff = 1};  // without TIME_WAIT
  for (int i = 0; i < count; ++i) {
    int fd = new_socket(to, 0);
    int error = try(fd, to);
    if (error != 0) exit(error);
    int peer = accept(listener, NULL, NULL);
    exchange(fd, peer);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
    close(peer);
  }
}

// Each to a listener of its own, so that no other's connection is accepted.
static int storm(int count, int workers) {
  int64_t begin = clock_ns(CLOCK_MONOTONIC);
  int failed = 0;
  for (int i = 0; i < workers; ++i) {
    if (fork() == 0) {
      struct target to = target_of("127.0.0.1", 0);
      int listener = listen_at(&to);
      connect_often(&to, listener, count);
      exit(0);
    }
  }
  for (int status; wait(&status) > 0;) failed |= status;
  printf("%lld\n", (long long)(clock_ns(CLOCK_MONOTONIC) - begin));
  return failed != 0;
}

static int serve(struct target to) {
  listen_at(&to);
  printf("%d\n", remote_port(&to));
  fflush(stdout);
  getchar();
  return 0;
}

static struct target listener_here(void) {
  struct target to = target_of("127.0.0.1", 0);
  listen_at(&to);
  return to;
}

static int here(const char* what, int count) {
  bool refused = strstr(what, "refused") != NULL;
  if (strcmp(what, "ok") == 0) {
    return succeed("127.0.0.1", "127.0.0.1", count, BLOCKING);
  }
  if (strcmp(what, "v6") == 0) return succeed("::1", "::1", count, BLOCKING);
  if (strcmp(what, "mapped") == 0) {
    return succeed("::", "::ffff:127.0.0.1", count, BLOCKING);
  }
  if (strcmp(what, "poll") == 0) {
    return succeed("127.0.0.1", "127.0.0.1", count, POLL);
  }
  if (strcmp(what, "again") == 0) {
    return succeed("127.0.0.1", "127.0.0.1", count, AGAIN);
  }
  if (strcmp(what, "refused") == 0) return refuse(count, BLOCKING);
  if (strcmp(what, "refused_poll") == 0) return refuse(count, POLL);
  if (strcmp(what, "refused_again") == 0) return refuse(count, AGAIN);
  if (strcmp(what, "exhausted") == 0) return exhausted(count);
  if (strcmp(what, "compat") == 0) return compat(count);
  struct target to = refused ? nobody_at("127.0.0.1") : listener_here();
  if (strncmp(what, "fastopen", 8) == 0) return fast_open(to, count);
  if (strncmp(what, "mptcp", 5) == 0) return multipath(to, count);
  if (strncmp(what, "uring", 5) == 0) return by_uring(to, count);
  fprintf(stderr, "connects: no case '%s'\n", what);
  return 2;
}

static int elsewhere(const char* what, struct target to, const char* last) {
  if (strcmp(what, "to") == 0) return connect_all(&to, atoi(last), BLOCKING);
  if (strcmp(what, "poll_to") == 0) return connect_all(&to, atoi(last), POLL);
  if (strcmp(what, "named") == 0) {
    prctl(PR_SET_NAME, last);
    return connect_all(&to, 1, BLOCKING);
  }
  if (strcmp(what, "begun") == 0 || strcmp(what, "closed") == 0 ||
      strcmp(what, "shut") == 0) {
    return begin_all(what, to, atoi(last));
  }
  return give_up_after(what, to, atoi(last));
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  if (argc == 5) {
    return elsewhere(what, target_of(argv[2], atoi(argv[3])), argv[4]);
  }
  if (strcmp(what, "serve") == 0)
    return serve(target_of(argv[2], atoi(argv[3])));
  if (strcmp(what, "storm") == 0) return storm(atoi(argv[2]), atoi(argv[3]));
  if (argc == 3) return here(what, atoi(argv[2]));
  if (strcmp(what, "old_error") == 0) return old_error();
  if (strcmp(what, "deferred") == 0) return deferred();
  if (strcmp(what, "self") == 0) return to_itself();
  if (strcmp(what, "taken") == 0) return taken();
  if (strcmp(what, "unspec") == 0) return unspecified();
  if (strcmp(what, "unanswered") == 0) return unanswered();
  return bad_address(what);
}
