// SPDX-License-Identifier: Apache-2.0
// Mini-debuginfo: the names of local functions that a distribution leaves
// inside its stripped programs, as an ELF file of its own compressed with xz in
// the section .gnu_debugdata (GDB manual, "MiniDebugInfo"; Fedora has it in
// every package). Its symbol table lacks what .dynsym has.
#pragma once

#include <expected>

#include "symbol/elf_file.h"
#include "symbol/reason.h"

namespace sightline::symbol {

// Decompresses it into a file in memory. `no_debug_file` when the section is
// not there; `corrupt` when it is no xz stream, is cut, is another build's, or
// goes past a bound: 32 MiB compressed, 128 MiB decompressed, 72 MiB for the
// decoder (the greatest dictionary that `xz -9` makes needs 65). The file's
// memory is given back when the result is destroyed. Costs about 10 ms for each
// MiB of result. Thread-safe.
std::expected<ElfFile, Reason> open_debug_data(const ElfFile& file);

}  // namespace sightline::symbol
