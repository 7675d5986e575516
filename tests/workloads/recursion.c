// SPDX-License-Identifier: Apache-2.0
// recursion DEPTH MS: takes MS milliseconds of CPU time below DEPTH calls of
// one function.
#include <stdio.h>
#include <stdlib.h>

#include "work.h"

static int64_t end_ns;

__attribute__((noinline)) static void bottom(void) {
  do work_a_little();
  while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < end_ns);
}

__attribute__((noinline)) static void descend(int depth) {
  if (depth > 1) {
    descend(depth - 1);
  } else {
    bottom();
  }
}

int main(int argc, char** argv) {
  if (argc != 3) {
    fputs("usage: recursion DEPTH MS\n", stderr);
    return 2;
  }
  end_ns = atoll(argv[2]) * 1000000;
  descend(atoi(argv[1]));
  return 0;
}
