// SPDX-License-Identifier: Apache-2.0
// threads COUNT MS: so many threads that each take MS milliseconds of CPU time.
// Prints the CPU time of the whole process in nanoseconds.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "work.h"

static int64_t each_ns;

__attribute__((noinline)) static void thread_work(void) {
  do work_a_little();
  while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < each_ns);
}

static void* run(void* unused) {
  thread_work();
  return unused;
}

int main(int argc, char** argv) {
  if (argc != 3) {
    fputs("usage: threads COUNT MS\n", stderr);
    return 2;
  }
  int count = atoi(argv[1]);
  each_ns = atoll(argv[2]) * 1000000;
  pthread_t* threads = calloc(count, sizeof *threads);
  for (int i = 0; i < count; ++i) {
    if (pthread_create(&threads[i], NULL, run, NULL) != 0) return 1;
  }
  for (int i = 0; i < count; ++i) pthread_join(threads[i], NULL);
  free(threads);
  printf("%lld\n", (long long)clock_ns(CLOCK_PROCESS_CPUTIME_ID));
  return 0;
}
