// SPDX-License-Identifier: Apache-2.0
// A library that has a getaddrinfo() of its own, and returns for each name the
// IPv4 address in $FOREIGN_ADDRESS. Under the name of a C library anybody can
// map it.
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>

struct found {
  struct addrinfo entry;
  struct sockaddr_in address;
};

int getaddrinfo(const char* name, const char* service,
                const struct addrinfo* hints, struct addrinfo** list) {
  const char* text = getenv("FOREIGN_ADDRESS");
  struct found* found = calloc(1, sizeof(*found));
  (void)name, (void)service, (void)hints;
  if (!found || !text || !inet_aton(text, &found->address.sin_addr)) {
    free(found);
    return EAI_FAIL;
  }
  found->address.sin_family = AF_INET;
  found->entry = (struct addrinfo){.ai_family = AF_INET,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_addrlen = sizeof(found->address),
                                   .ai_addr = (void*)&found->address};
  *list = &found->entry;
  return 0;
}

void freeaddrinfo(struct addrinfo* list) { free(list); }
