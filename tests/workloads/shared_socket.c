// SPDX-License-Identifier: Apache-2.0
// shared_socket CASE ARGUMENT...: what two calls of one socket have to do with
// each other, and says what a tool that watches must have seen: for each
// attempt a line with the remote port, its errno, and 0.
//   meddled COUNT    refused attempts, while another thread hands the same
//                    socket an address that cannot be read, all the time
//   asked_twice ADDRESS ADDRESS   to the first, whose error is taken from the
//                    socket; a call that tells that there was one, which is no
//                    attempt; and to the second with the same socket
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static atomic_int shared = -1;  // -2: the end

static void give_up(const char* what) {
  perror(what);
  exit(2);
}

static int new_socket(int flags) {
  int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
  if (fd < 0) give_up("socket");
  return fd;
}

static int connect_to(int fd, const struct sockaddr_in* to) {
  return connect(fd, (const struct sockaddr*)to, sizeof(*to)) ? errno : 0;
}

static void* meddle(void* count) {
  for (int fd = atomic_load(&shared); fd != -2; fd = atomic_load(&shared)) {
    if (fd < 0) continue;
    if (connect(fd, (struct sockaddr*)8, sizeof(struct sockaddr_in)) != 0 &&
        errno == EFAULT) {
      ++*(long*)count;
    }
  }
  return NULL;
}

// A port where nobody listens, and nobody will as long as it is bound.
static struct sockaddr_in nobody(void) {
  struct sockaddr_in to = {.sin_family = AF_INET,
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof(to);
  int fd = new_socket(0);
  if (bind(fd, (struct sockaddr*)&to, size) != 0) give_up("bind");
  getsockname(fd, (struct sockaddr*)&to, &size);
  return to;
}

static int meddled(int count) {
  struct sockaddr_in to = nobody();
  pthread_t thread;
  long meddlings = 0;
  if (pthread_create(&thread, NULL, meddle, &meddlings) != 0) return 2;
  for (int i = 0; i < count; ++i) {
    int fd = new_socket(0);
    atomic_store(&shared, fd);
    printf("%d %d 0\n", ntohs(to.sin_port), connect_to(fd, &to));
  }
  atomic_store(&shared, -2);
  pthread_join(thread, NULL);
  while (meddlings-- > 0) printf("0 %d 0\n", EFAULT);
  return 0;
}

static struct sockaddr_in target(const char* address) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(80)};
  if (inet_pton(AF_INET, address, &to.sin_addr) != 1) give_up("inet_pton");
  return to;
}

static int asked_twice(const char* first, const char* second) {
  struct sockaddr_in to = target(first);
  int fd = new_socket(SOCK_NONBLOCK);
  int error = 0;
  socklen_t size = sizeof(error);
  connect_to(fd, &to);
  poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  printf("80 %d 0\n", error);
  if (connect_to(fd, &to) != ECONNABORTED) give_up("connect");
  to = target(second);
  printf("80 %d 0\n", connect_to(fd, &to));
  return 0;
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  if (argc == 3 && strcmp(what, "meddled") == 0) return meddled(atoi(argv[2]));
  if (argc == 4 && strcmp(what, "asked_twice") == 0) {
    return asked_twice(argv[2], argv[3]);
  }
  fprintf(stderr, "usage: shared_socket meddled COUNT | asked_twice A B\n");
  return 2;
}
