// SPDX-License-Identifier: Apache-2.0
// The vDSO: code that the kernel maps into every process, without a file.
#pragma once

#include <expected>

#include "symbol/elf_file.h"
#include "symbol/reason.h"

namespace sightline::symbol {

// The 64-bit vDSO image of the running kernel, copied from our own memory: all
// 64-bit processes have the same. Offsets into a process's `[vdso]` mapping are
// its file offsets. `not_mapped` if the kernel was started with vdso=0.
// Thread-safe.
std::expected<ElfFile, Reason> open_vdso();

}  // namespace sightline::symbol
