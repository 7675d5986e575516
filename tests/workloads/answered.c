// SPDX-License-Identifier: Apache-2.0
// answered NAME ADDRESS [unasked]: is a name server on 127.0.0.1:53, asks it
// for the name, is told that IPv4 address, and connects to it, port 9, which
// need not be open. With `unasked` the answer comes and no question before it.
// Ends with 3 where somebody else has port 53.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { header_size = 12, flags_at = 2, answers_at = 7 };

static void give_up(const char* what) {
  perror(what);
  exit(errno == EADDRINUSE ? 3 : 2);
}

static int udp_socket(int port, struct sockaddr_in* own) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  socklen_t size = sizeof(*own);
  *own = (struct sockaddr_in){.sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (fd < 0 || bind(fd, (const struct sockaddr*)own, sizeof(*own)) ||
      getsockname(fd, (struct sockaddr*)own, &size)) {
    give_up("port");
  }
  return fd;
}

// One question for an A record of class IN (RFC 1035, 4.1). Returns its size.
static size_t write_question(unsigned char* to, const char* name) {
  static const unsigned char head[header_size] = {0x5a, 0xa5, 1, 0, 0, 1};
  static const unsigned char tail[] = {0, 0, 1, 0, 1};
  unsigned char* at = to + header_size;
  memcpy(to, head, sizeof(head));
  for (const char* label = name; *label;) {
    size_t length = strcspn(label, ".");
    *at++ = (unsigned char)length;
    memcpy(at, label, length);
    at += length;
    label += length + (label[length] == '.');
  }
  memcpy(at, tail, sizeof(tail));
  return (size_t)(at + sizeof(tail) - to);
}

// Makes it the answer: one record, whose owner is what was asked for.
static size_t answer(unsigned char* message, size_t size, struct in_addr to) {
  static const unsigned char record[] = {0xc0, header_size, 0, 1, 0, 1,
                                         0,    0,           0, 9, 0, 4};
  message[flags_at] = 0x81;
  message[answers_at] = 1;
  memcpy(message + size, record, sizeof(record));
  memcpy(message + size + sizeof(record), &to, sizeof(to));
  return size + sizeof(record) + sizeof(to);
}

static void pass(int from, int to, const struct sockaddr_in* address,
                 unsigned char* message, size_t size) {
  if (sendto(from, message, size, 0, (const struct sockaddr*)address,
             sizeof(*address)) != (ssize_t)size ||
      recv(to, message, size, 0) != (ssize_t)size) {
    give_up("message");
  }
}

int main(int argc, char** argv) {
  unsigned char message[512];
  struct sockaddr_in servers, own,
      target = {.sin_family = AF_INET, .sin_port = htons(9)};
  if (argc < 3 || strlen(argv[1]) > 253 ||
      !inet_aton(argv[2], &target.sin_addr)) {
    return 2;
  }
  int server = udp_socket(53, &servers);
  int client = udp_socket(0, &own);
  size_t size = write_question(message, argv[1]);
  if (argc == 3) pass(client, server, &servers, message, size);
  size = answer(message, size, target.sin_addr);
  pass(server, client, &own, message, size);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) give_up("socket");
  if (connect(fd, (const struct sockaddr*)&target, sizeof(target)) == 0) {
    puts("connected");
  }
  return 0;
}
