// SPDX-License-Identifier: Apache-2.0
// hostile_name HEX MS: takes a thread name made of any bytes, given in
// hexadecimal, and then MS milliseconds of CPU time.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "work.h"

static void take_name(const char* hex) {
  char name[16] = "";
  for (size_t i = 0; i < 15 && hex[2 * i] != 0 && hex[2 * i + 1] != 0; ++i) {
    char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
    name[i] = (char)strtol(digits, NULL, 16);
  }
  prctl(PR_SET_NAME, name);
}

int main(int argc, char** argv) {
  if (argc != 3) {
    fputs("usage: hostile_name HEX MS\n", stderr);
    return 2;
  }
  take_name(argv[1]);
  do work_a_little();
  while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < atoll(argv[2]) * 1000000);
  return 0;
}
