// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The registers that a walk knows, by their DWARF numbers.
#pragma once

#include "sample.h"

// DWARF numbers of the stack and the frame pointer: psABI figure 3.36,
// AADWARF64 4.1.
#if defined(__TARGET_ARCH_arm64) || defined(__aarch64__)
#define UNWIND_ARM64 1
#define UNWIND_FP 29
#define UNWIND_RETURN 30  // the link register
#define UNWIND_SP 31
#else
#define UNWIND_ARM64 0
#define UNWIND_FP 6
#define UNWIND_SP 7
#endif
#define UNWIND_REGISTERS COPY_REGISTERS
#define UNWIND_BIT(number) (1ULL << (number))
