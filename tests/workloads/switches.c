// SPDX-License-Identifier: Apache-2.0
// switches COUNT: sleeps COUNT times in `switching` and prints how often the
// kernel says that the thread left its CPU meanwhile.
#define _GNU_SOURCE  // RUSAGE_THREAD
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "work.h"

static long switches_so_far(void) {
  struct rusage usage;
  raw_syscall(SYS_getrusage, RUSAGE_THREAD, (long)&usage);
  return usage.ru_nvcsw + usage.ru_nivcsw;
}

__attribute__((noinline)) static long switching(int count) {
  long before = switches_so_far();
  struct timespec moment = {0, 1000};
  for (int i = 0; i < count; ++i) {
    raw_syscall(SYS_nanosleep, (long)&moment, 0);
  }
  return switches_so_far() - before;
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fputs("usage: switches COUNT\n", stderr);
    return 2;
  }
  printf("%ld\n", switching(atoi(argv[1])));
  return 0;
}
