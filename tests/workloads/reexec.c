// SPDX-License-Identifier: Apache-2.0
// reexec MS COMMAND [ARG...]: takes MS milliseconds of CPU time in before_exec,
// and then executes the command in the same process.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "work.h"

__attribute__((noinline)) static void before_exec(int64_t ns) {
  do work_a_little();
  while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < ns);
}

int main(int argc, char** argv) {
  if (argc < 3) {
    fputs("usage: reexec MS COMMAND [ARG...]\n", stderr);
    return 2;
  }
  before_exec(atoll(argv[1]) * 1000000);
  execvp(argv[2], argv + 2);
  perror(argv[2]);
  return 127;
}
