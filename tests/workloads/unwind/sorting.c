// SPDX-License-Identifier: Apache-2.0
// sorting MS: qsort with a callback, the C library between two frames of ours.
#include "known.h"

KNOWN static void compare_work(void) { work_a_little(); }

KNOWN static int compare(const void* one, const void* other) {
  compare_work();
  return *(const int*)one - *(const int*)other;
}

KNOWN static void sort_them(void) {
  int values[64];
  for (int i = 0; i < 64; ++i) values[i] = i * 37 % 64;
  qsort(values, 64, sizeof *values, compare);
  work_sink += values[0];
}

int main(int argc, char** argv) {
  if (argc != 2) return usage("sorting MS");
  say("chain main sort_them * compare compare_work");
  work_for(argv[1]);
  while (time_left()) sort_them();
  return 0;
}
