// SPDX-License-Identifier: Apache-2.0
// dwarf_main SECONDS: runs all copies of dwarf_unit.cpp in turn, for so much
// CPU time at least. copies.h has a line COPY(FUNCTION) for each.
#include <cstdio>
#include <cstdlib>
#include <ctime>

#define COPY(function) extern "C" int function();
#include "copies.h"
#undef COPY

#define COPY(function) function,
static int (*const copies[])() = {
#include "copies.h"
};

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: dwarf_main SECONDS\n", stderr);
    return 2;
  }
  const std::clock_t end = std::atoi(argv[1]) * CLOCKS_PER_SEC;
  do {
    for (auto* run_copy : copies) run_copy();
  } while (std::clock() < end);
  return 0;
}
