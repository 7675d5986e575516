// SPDX-License-Identifier: Apache-2.0
// A library that is loaded late.
#include "work.h"

void late_work(void);

__attribute__((noinline)) void late_work(void) { work_a_little(); }
