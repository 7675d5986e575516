// SPDX-License-Identifier: Apache-2.0
// A program whose profile is known: three functions share its time 60, 30 and
// 10 % by counted iterations of one and the same loop. At its end it prints the
// CPU time that each really took, measured by its own clock, since the machine
// may have treated them unequally: NAME NANOSECONDS PERCENT, one a line.
//
//   spin SECONDS      runs until it has had that much CPU time (a decimal
//                     number): as many samples on a busy machine as on an idle
//                     one
//   spin -r ROUNDS    runs that many rounds
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { kStep = 20000 };  // iterations for one percent of one round

static volatile uint64_t sink;

static int64_t clock_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

// Each function has its own multiplier, or the compiler would fold the three
// into one.
#define HOT_FUNCTION(name, percent, multiplier)               \
  __attribute__((noinline, noclone)) static void name(void) { \
    uint64_t value = sink;                                    \
    for (int i = 0; i < (percent) * kStep; ++i)               \
      value = value * (multiplier) + 1;                       \
    sink = value;                                             \
  }

HOT_FUNCTION(hot_sixty, 60, 6364136223846793005ULL)
HOT_FUNCTION(hot_thirty, 30, 2862933555777941757ULL)
HOT_FUNCTION(hot_ten, 10, 3935559000370003845ULL)

static struct {
  const char* name;
  void (*run)(void);
  int64_t spent_ns;
} functions[] = {{"hot_sixty", hot_sixty, 0},
                 {"hot_thirty", hot_thirty, 0},
                 {"hot_ten", hot_ten, 0}};
enum { kFunctions = sizeof functions / sizeof *functions };

__attribute__((noinline)) static void run_round(void) {
  for (int i = 0; i < kFunctions; ++i) {
    int64_t before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    functions[i].run();
    functions[i].spent_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
  }
}

static void print_truth(void) {
  double total = 0;
  for (int i = 0; i < kFunctions; ++i) total += functions[i].spent_ns;
  for (int i = 0; i < kFunctions; ++i)
    printf("%s %lld %.3f\n", functions[i].name,
           (long long)functions[i].spent_ns,
           total > 0 ? 100 * functions[i].spent_ns / total : 0);
}

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "-r") == 0) {
    for (long left = atol(argv[2]); left > 0; --left) run_round();
  } else if (argc == 2) {
    double enough = atof(argv[1]) * 1e9;
    do run_round();
    while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < enough);
  } else {
    fputs("usage: spin SECONDS | spin -r ROUNDS\n", stderr);
    return 2;
  }
  print_truth();
  return 0;
}
