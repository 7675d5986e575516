// SPDX-License-Identifier: Apache-2.0
// What the programs of this folder share. Each prints what its stacks must look
// like, then works; tests/stacks.py reads both:
//
//   chain NAME...       frames that follow one another, callers first. A stack
//                       with the last of them has them all. NAME*3 stands for
//                       three frames, * for any number.
//   edge CALLER CALLEE  one that may call CALLEE, which has no other callers
//   root NAME           threads begin here too; its caller has no name
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "../work.h"

// A function that has a frame and its name, whatever the optimiser thinks.
#define KNOWN __attribute__((noipa))

static int64_t known_end_ns;

static inline void say(const char* truth) {
  puts(truth);
  fflush(stdout);
}

// The first argument: milliseconds of CPU time to work for.
static inline void work_for(const char* ms) {
  known_end_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + atoll(ms) * 1000000;
}

static inline int time_left(void) {
  return clock_ns(CLOCK_PROCESS_CPUTIME_ID) < known_end_ns;
}

static inline int usage(const char* text) {
  fprintf(stderr, "usage: %s\n", text);
  return 2;
}
