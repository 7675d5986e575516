// SPDX-License-Identifier: Apache-2.0
// unique_stacks COUNT RATE: takes COUNT page faults in `fault`, at most RATE a
// second, each with a stack of its own: the number of the fault, in binary, is
// spelt by a chain of calls to bit_zero or bit_one.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "work.h"

enum { kBits = 17, kPage = 4096 };

static volatile char* page;

__attribute__((noinline)) static void fault(void) { *page = 1; }

static void spell(unsigned number, int bits);

// noipa, or the compiler would make one function of the two.
#define BIT_FUNCTION(name)                                             \
  __attribute__((noipa)) static void name(unsigned number, int bits) { \
    spell(number >> 1, bits - 1);                                      \
  }

BIT_FUNCTION(bit_zero)
BIT_FUNCTION(bit_one)

__attribute__((noinline)) static void spell(unsigned number, int bits) {
  if (bits == 0) {
    fault();
  } else if (number & 1) {
    bit_one(number, bits);
  } else {
    bit_zero(number, bits);
  }
}

// The pauses are not made up for when the machine is slow: a burst would be
// another test.
static void pause_for(int64_t ns) {
  struct timespec time = {ns / 1000000000, ns % 1000000000};
  nanosleep(&time, NULL);
}

int main(int argc, char** argv) {
  if (argc != 3) {
    fputs("usage: unique_stacks COUNT RATE\n", stderr);
    return 2;
  }
  unsigned count = (unsigned)atol(argv[1]);
  int64_t rate = atoll(argv[2]);
  page = mmap(NULL, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
              -1, 0);
  if (page == MAP_FAILED || count > 1U << kBits || rate < 1) return 1;
  for (unsigned i = 0; i < count; ++i) {
    if (i % 64 == 0) pause_for(64000000000 / rate);
    madvise((void*)page, kPage, MADV_DONTNEED);
    spell(i, kBits);
  }
  return 0;
}
