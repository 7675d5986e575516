// SPDX-License-Identifier: Apache-2.0
// Waits whose length is known by the program's own clock.
//
//   waits sleeps THREADS COUNT US   each thread sleeps COUNT times
//   waits convoy THREADS COUNT US   each takes one mutex COUNT times and sleeps
//                                   while it has it
//   waits burn MS                   one thread takes CPU time for so long
//
// Each thread prints `TID WAITED_NS WALL_NS CPU_NS VOLUNTARY INVOLUNTARY`: what
// it waited in what its mode is about (sleeps, the mutex; 0 for burn), how long
// it lived, for how long it had a CPU, and how often it left one, by the
// kernel's own count.
#define _GNU_SOURCE  // SYS_gettid, RUSAGE_THREAD
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "work.h"

static struct timespec each;
static int count;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static int64_t now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

__attribute__((noinline)) static int64_t sleep_once(void) {
  int64_t before = now_ns();
  raw_syscall(SYS_nanosleep, (long)&each, 0);
  return now_ns() - before;
}

static int64_t sleeps(void) {
  int64_t waited = 0;
  for (int i = 0; i < count; ++i) waited += sleep_once();
  return waited;
}

static int64_t convoy(void) {
  int64_t waited = 0;
  for (int i = 0; i < count; ++i) {
    int64_t before = now_ns();
    pthread_mutex_lock(&mutex);
    waited += now_ns() - before;
    sleep_once();
    pthread_mutex_unlock(&mutex);
  }
  return waited;
}

static int64_t burn(void) {
  int64_t end = now_ns() + each.tv_sec * 1000000000LL + each.tv_nsec;
  while (now_ns() < end) work_a_little();
  return 0;
}

static int64_t (*mode)(void);

// Printed by the first thread, so that nobody waits for standard output.
struct account {
  pthread_t thread;
  long tid;
  int64_t waited_ns, wall_ns, cpu_ns;
  struct rusage usage;
};

static void* run(void* data) {
  struct account* account = data;
  int64_t began = now_ns();
  account->tid = syscall(SYS_gettid);
  account->waited_ns = mode();
  getrusage(RUSAGE_THREAD, &account->usage);
  account->wall_ns = now_ns() - began;
  account->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  return NULL;
}

static void print(const struct account* account) {
  printf("%ld %lld %lld %lld %ld %ld\n", account->tid,
         (long long)account->waited_ns, (long long)account->wall_ns,
         (long long)account->cpu_ns, account->usage.ru_nvcsw,
         account->usage.ru_nivcsw);
}

static int run_threads(int threads) {
  struct account* all = calloc(threads, sizeof *all);
  if (!all) return 1;
  for (int i = 0; i < threads; ++i) {
    if (pthread_create(&all[i].thread, NULL, run, &all[i]) != 0) return 1;
  }
  for (int i = 0; i < threads; ++i) pthread_join(all[i].thread, NULL);
  for (int i = 0; i < threads; ++i) print(&all[i]);
  free(all);
  return 0;
}

static void set_length(long long ns) {
  each.tv_sec = ns / 1000000000;
  each.tv_nsec = ns % 1000000000;
}

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "burn") == 0) {
    mode = burn;
    set_length(atoll(argv[2]) * 1000000);
    return run_threads(1);
  }
  if (argc == 5 && strcmp(argv[1], "sleeps") == 0) mode = sleeps;
  if (argc == 5 && strcmp(argv[1], "convoy") == 0) mode = convoy;
  if (!mode) {
    fputs("usage: waits sleeps|convoy THREADS COUNT US, waits burn MS\n",
          stderr);
    return 2;
  }
  count = atoi(argv[3]);
  set_length(atoll(argv[4]) * 1000);
  return run_threads(atoi(argv[2]));
}
