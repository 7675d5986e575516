// SPDX-License-Identifier: Apache-2.0
// A library whose functions take no time beside the stubs that lead to them.
#include "tiny.h"

void tiny_one(void) {}
void tiny_two(void) {}
