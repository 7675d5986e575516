// SPDX-License-Identifier: Apache-2.0
// in_vdso MS: reads the clock, which the kernel's code in the process does.
#include "known.h"

KNOWN static void read_clock(void) {
  struct timespec now;
  for (int i = 0; i < 1000; ++i) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    work_sink += now.tv_nsec;
  }
}

int main(int argc, char** argv) {
  if (argc != 2) return usage("in_vdso MS");
  say("chain main read_clock");
  work_for(argv[1]);
  while (time_left()) read_clock();
  return 0;
}
