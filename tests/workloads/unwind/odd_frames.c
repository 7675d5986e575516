// SPDX-License-Identifier: Apache-2.0
// odd_frames MS: frames that are laid out in unusual ways: realigned, of a size
// that is known at run time only, large, with a red zone below, with more
// arguments than registers, and one that never returns.
#include <alloca.h>
#include <setjmp.h>
#include <stdarg.h>

#include "known.h"

static jmp_buf way_out;

KNOWN static void red_zone_work(void) {
  volatile uint64_t below[8] = {work_sink};
  for (int i = 0; i < 5000; ++i) below[i & 7] += below[(i + 1) & 7] * 31 + 1;
  work_sink += below[0];
}

KNOWN static int many_arguments(int a, int b, int c, int d, int e, int f, int g,
                                int h) {
  red_zone_work();
  return a + b + c + d + e + f + g + h;
}

KNOWN static int variadic(int count, ...) {
  va_list all;
  va_start(all, count);
  int sum = va_arg(all, int);
  va_end(all);
  return sum + many_arguments(1, 2, 3, 4, 5, 6, sum, count);
}

KNOWN static int large(void) {
  volatile char room[12000];
  room[work_sink & 0xfff] = 1;
  return variadic(2, 3, 4) + room[0];
}

// The size is known when it runs: the frame is found through a register.
KNOWN static int run_time_size(int size) {
  volatile char* room = alloca(size);
  room[size - 1] = 1;
  return large() + room[size - 1];
}

KNOWN __attribute__((force_align_arg_pointer)) static int realigned(int size) {
  volatile char room[64] __attribute__((aligned(64)));
  room[size & 63] = 1;
  return run_time_size(size) + room[0];
}

KNOWN __attribute__((target("avx2"))) static int wide_locals(int size) {
  typedef int Wide __attribute__((vector_size(32)));
  volatile Wide wide = {size};
  return realigned(size) + wide[0];
}

// The call is its last instruction: the return address is another function's.
__attribute__((noipa, noreturn)) static void never_returns(int size) {
  work_sink += wide_locals(size);
  longjmp(way_out, 1);
}

__attribute__((noipa, noreturn)) static void ends_in_a_call(int size) {
  never_returns(size);
}

KNOWN static void one_round(int size) {
  if (setjmp(way_out) == 0) ends_in_a_call(size);
}

int main(int argc, char** argv) {
  if (argc != 2) return usage("odd_frames MS");
  say("chain main one_round ends_in_a_call never_returns wide_locals realigned "
      "run_time_size large variadic many_arguments red_zone_work");
  work_for(argv[1]);
  for (int size = 1000; time_left(); size = 1000 + (size * 7) % 3000)
    one_round(size);
  return 0;
}
