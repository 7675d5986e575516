// SPDX-License-Identifier: Apache-2.0
// stepped: goes once through frames of all kinds, for tests/oracle, which
// executes it one instruction at a time.
#include <alloca.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>

#include "known.h"
#include "tiny.h"

namespace {

volatile int sink;
jmp_buf way_out;

KNOWN void leaf(void) { sink = sink + 1; }

KNOWN void red_zone(void) {
  volatile int below[20];
  for (int i = 0; i < 20; ++i) below[i] = sink;
  sink = below[7];
}

// Uses all registers, so that it saves all that are the caller's.
KNOWN uint64_t saves_all(uint64_t n) {
  uint64_t a = n + sink, b = a * 3, c = b * 5, d = c * 7, e = d * 9, f = e * 11;
  leaf();
  return a ^ (b + (c ^ (d + (e ^ f))));
}

// The frame is made on one of two paths only.
KNOWN int late_frame(int n) {
  if (n == 0) return sink;
  volatile char room[100];
  room[n] = 1;
  leaf();
  return room[n];
}

KNOWN int run_time_size(int n) {
  volatile char* room = static_cast<char*>(alloca(n));
  room[n - 1] = 1;
  red_zone();
  return room[n - 1];
}

KNOWN __attribute__((force_align_arg_pointer)) int realigned(int n) {
  volatile char room[64] __attribute__((aligned(64)));
  room[n & 63] = 1;
  return run_time_size(n) + room[0];
}

KNOWN int many_arguments(int a, int b, int c, int d, int e, int f, int g,
                         int h) {
  leaf();
  return a + b + c + d + e + f + g + h;
}

KNOWN int recursion(int n) { return n == 0 ? sink : recursion(n - 1) + n; }

KNOWN __attribute__((optimize("optimize-sibling-calls"))) int tail_call(int n) {
  return recursion(n + 2);
}

__attribute__((noipa, noreturn)) void never_returns(void) {
  leaf();
  longjmp(way_out, 1);
}

__attribute__((noipa, noreturn)) void ends_in_a_call(void) { never_returns(); }

KNOWN void jumps_out(void) {
  if (setjmp(way_out) == 0) ends_in_a_call();
}

struct Guard {
  ~Guard() { sink = sink + 1; }
};

KNOWN void throws(int depth) {
  Guard guard;
  if (depth == 0) throw depth;
  throws(depth - 1);
}

KNOWN void catches(void) {
  try {
    throws(1);
  } catch (int) {
    leaf();
  }
}

KNOWN int compare(const void* one, const void* other) {
  return *static_cast<const int*>(one) - *static_cast<const int*>(other);
}

KNOWN void sorts(void) {
  int values[] = {5, 3, 4, 1, 2};
  qsort(values, 5, sizeof *values, compare);
}

KNOWN void prints(void) {
  char text[100];
  snprintf(text, sizeof text, "%s %d", "text", sink);
  sink = static_cast<int>(strlen(text));
}

KNOWN void calls_stubs(void) {
  tiny_one();
  tiny_one();
  tiny_two();
}

KNOWN void reads_clock(void) {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
}

KNOWN void on_signal(int) { leaf(); }

KNOWN void raises(void) { raise(SIGUSR1); }

void handle(int number, int flags) {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART | flags;
  sigaction(number, &action, nullptr);
}

KNOWN void everything(void) {
  sink = static_cast<int>(saves_all(3)) + late_frame(0) + late_frame(7);
  realigned(50);
  sink = many_arguments(1, 2, 3, 4, 5, 6, 7, 8) + tail_call(2);
  jumps_out();
  calls_stubs();
  sorts();
  reads_clock();
  raises();
  prints();
  catches();
}

}  // namespace

int main() {
  stack_t other = {};
  other.ss_sp = malloc(1 << 16);
  other.ss_size = 1 << 16;
  sigaltstack(&other, nullptr);
  handle(SIGUSR1, 0);
  handle(SIGUSR2, SA_ONSTACK);
  // The MARK_BEGIN and MARK_END of marks.h.
  __asm__ volatile("nopl 0x49474542(%rax)");
  everything();
  __asm__ volatile("nopl 0x454e4f44(%rax)");
  return 0;
}
