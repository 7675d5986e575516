// SPDX-License-Identifier: Apache-2.0
// syscalls SECONDS: nothing but system calls, from `calling`.
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "work.h"

__attribute__((noinline)) static void calling(int64_t end_ns) {
  do {
    for (int i = 0; i < 1000; ++i) raw_syscall(SYS_getppid, 0, 0);
  } while (clock_ns(CLOCK_MONOTONIC) < end_ns);
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fputs("usage: syscalls SECONDS\n", stderr);
    return 2;
  }
  calling(clock_ns(CLOCK_MONOTONIC) + (int64_t)(atof(argv[1]) * 1e9));
  return 0;
}
