// SPDX-License-Identifier: Apache-2.0
// The library of late_library.
#include "known.h"

void late_enter(void (*call_back)(void));

KNOWN static void late_middle(void (*call_back)(void), volatile int* left) {
  while (--*left > 0) call_back();
}

KNOWN void late_enter(void (*call_back)(void)) {
  volatile int left[17];
  left[0] = 3;
  late_middle(call_back, left);
}
