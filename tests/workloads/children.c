// SPDX-License-Identifier: Apache-2.0
// children COUNT MS [EVERY]: runs COUNT processes one after the other, each a
// program of its own (fork and exec of this same file) that takes MS
// milliseconds of CPU time in child_work. With EVERY only each EVERYth
// executes, the others are copies of their parent. Prints their process ids.
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

static int run_child(const char* ms, int executes) {
  pid_t child = fork();
  if (child == 0) {
    if (executes) execl("/proc/self/exe", "children", "-c", ms, NULL);
    if (!executes) child_work(atoll(ms) * 1000000);
    _exit(executes ? 127 : 0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) return 1;
  printf("%d\n", child);
  return 0;
}

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4 || (argc == 4 && atoi(argv[3]) < 1)) {
    fputs("usage: children COUNT MS [EVERY]\n", stderr);
    return 2;
  }
  if (strcmp(argv[1], "-c") == 0) {
    child_work(atoll(argv[2]) * 1000000);
    return 0;
  }
  int every = argc == 4 ? atoi(argv[3]) : 1;
  for (int left = atoi(argv[1]); left > 0; --left) {
    if (run_child(argv[2], left % every == 0) != 0) return 1;
  }
  return 0;
}
