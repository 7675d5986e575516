// SPDX-License-Identifier: Apache-2.0
// children COUNT MS: runs COUNT processes one after the other, each a program
// of its own (fork and exec of this same file) that takes MS milliseconds of
// CPU time in child_work. Prints their process ids.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "work.h"

__attribute__((noinline)) static void child_work(int64_t ns) {
  do work_a_little();
  while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < ns);
}

static int run_child(const char* ms) {
  pid_t child = fork();
  if (child == 0) {
    execl("/proc/self/exe", "children", "-c", ms, NULL);
    _exit(127);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) return 1;
  printf("%d\n", child);
  return 0;
}

int main(int argc, char** argv) {
  if (argc != 3) {
    fputs("usage: children COUNT MS\n", stderr);
    return 2;
  }
  if (strcmp(argv[1], "-c") == 0) {
    child_work(atoll(argv[2]) * 1000000);
    return 0;
  }
  for (int left = atoi(argv[1]); left > 0; --left) {
    if (run_child(argv[2]) != 0) return 1;
  }
  return 0;
}
