// SPDX-License-Identifier: Apache-2.0
// What random_chains and the libraries that it loads share.
#pragma once

#include <stdint.h>

struct Walk {
  uint64_t random;
  uint64_t sum;
  uint64_t ends;
  int left;  // calls to go
};
