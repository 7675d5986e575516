// SPDX-License-Identifier: Apache-2.0
// lookups: looks each line of its standard input up by getaddrinfo() and says
// what it got: `PID ADDRESS...`, or `PID failed`. A line `port 80` looks up a
// port without a name.
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void print_address(const struct sockaddr* address) {
  char text[INET6_ADDRSTRLEN];
  const void* from =
      address->sa_family == AF_INET
          ? (const void*)&((const struct sockaddr_in*)address)->sin_addr
          : (const void*)&((const struct sockaddr_in6*)address)->sin6_addr;
  printf(" %s", inet_ntop(address->sa_family, from, text, sizeof(text)));
}

static void look_up(const char* name, const char* port) {
  struct addrinfo* list = NULL;
  struct addrinfo hints = {.ai_family = AF_UNSPEC};
  printf("%d", getpid());
  if (getaddrinfo(name, port, &hints, &list)) {
    puts(" failed");
    return;
  }
  for (const struct addrinfo* at = list; at; at = at->ai_next) {
    if (at->ai_socktype == SOCK_STREAM) print_address(at->ai_addr);
  }
  puts("");
  freeaddrinfo(list);
}

int main(void) {
  char line[1024];
  while (fgets(line, sizeof(line), stdin)) {
    line[strcspn(line, "\n")] = 0;
    if (strncmp(line, "port ", 5) == 0) {
      look_up(NULL, line + 5);
    } else {
      look_up(line, NULL);
    }
    fflush(stdout);
  }
  return 0;
}
