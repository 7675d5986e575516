// SPDX-License-Identifier: Apache-2.0
// vforks MS: children of vfork, which work on their parent's stack for 20 ms
// before they execute another program.
#define _GNU_SOURCE
#include <sys/wait.h>
#include <unistd.h>

#include "known.h"

KNOWN static void borrowed_work(void) {
  int64_t end_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + 20000000;
  do work_a_little();
  while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < end_ns);
}

KNOWN static void run_child(void) {
  int status;
  pid_t child = vfork();
  if (child == 0) {
    borrowed_work();
    execl("/bin/true", "true", (char*)NULL);
    _exit(127);
  }
  if (waitpid(child, &status, 0) != child || status != 0) exit(1);
}

int main(int argc, char** argv) {
  if (argc != 2) return usage("vforks MS");
  say("chain main run_child borrowed_work");
  for (long left = atol(argv[1]) / 20; left > 0; --left) run_child();
  return 0;
}
