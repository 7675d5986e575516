// SPDX-License-Identifier: Apache-2.0
// signals MS [alternate]: nearly all time in signal handlers, on the same or on
// an alternate stack. One signal is raised, at a known place; one comes from a
// timer, at any instruction.
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "known.h"

KNOWN static void raised_work(void) { work_a_little(); }
KNOWN static void timer_work(void) { work_a_little(); }

KNOWN static void on_raised(int number) {
  (void)number;
  raised_work();
}

KNOWN static void on_timer(int number) {
  (void)number;
  for (int i = 0; i < 100; ++i) timer_work();
}

KNOWN static void raise_one(void) { raise(SIGUSR1); }

// Short frames, so that the timer often comes between two of them.
KNOWN static void short_leaf(int left) { work_sink += left; }
KNOWN static void short_frames(void) {
  for (int i = 0; i < 1000; ++i) short_leaf(i);
}

static void handle(int number, void (*handler)(int), int flags) {
  struct sigaction action = {.sa_handler = handler,
                             .sa_flags = SA_RESTART | flags};
  sigaction(number, &action, NULL);
}

static void use_another_stack(void) {
  stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
  sigaltstack(&stack, NULL);
}

int main(int argc, char** argv) {
  if (argc < 2) return usage("signals MS [alternate]");
  int alternate = argc > 2 && strcmp(argv[2], "alternate") == 0;
  say("chain main raise_one * on_raised raised_work");
  say("chain main * on_timer timer_work");
  if (alternate) use_another_stack();
  handle(SIGUSR1, on_raised, alternate ? SA_ONSTACK : 0);
  handle(SIGALRM, on_timer, alternate ? SA_ONSTACK : 0);
  work_for(argv[1]);
  struct itimerval each = {{0, 2000}, {0, 2000}};
  setitimer(ITIMER_REAL, &each, NULL);
  while (time_left()) {
    raise_one();
    short_frames();
  }
  return 0;
}
