// SPDX-License-Identifier: Apache-2.0
// What the workloads share: clocks, work that takes CPU time, and system calls
// without the C library, whose functions have no frame pointers and would hide
// their callers.
#pragma once

#include <stdint.h>
#include <time.h>

static inline int64_t clock_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static volatile uint64_t work_sink;

// A few microseconds of arithmetic.
static inline void work_a_little(void) {
  uint64_t value = work_sink;
  for (int i = 0; i < 5000; ++i) value = value * 6364136223846793005ULL + 1;
  work_sink = value;
}

static inline long raw_syscall(long number, long first, long second) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(first), "S"(second)
                   : "rcx", "r11", "memory");
  return result;
}
