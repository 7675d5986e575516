// SPDX-License-Identifier: Apache-2.0
// throwing MS: C++ exceptions, thrown below eight frames that each have
// something to clean up, and caught above them.
#include "known.h"

struct Guard {
  ~Guard() { work_sink = work_sink + 1; }
};

extern "C" {

KNOWN void throw_deep(int depth) {
  Guard guard;
  if (depth == 0) throw depth;
  throw_deep(depth - 1);
}

KNOWN void catch_it(void) {
  try {
    throw_deep(7);
  } catch (int thrown) {
    work_sink = work_sink + thrown;
  }
}
}

int main(int argc, char** argv) {
  if (argc != 2) return usage("throwing MS");
  say("chain main catch_it throw_deep");
  say("chain main catch_it throw_deep*8 __cxa_throw");
  work_for(argv[1]);
  while (time_left()) {
    for (int i = 0; i < 100; ++i) catch_it();
  }
  return 0;
}
