// SPDX-License-Identifier: Apache-2.0
// Names of Go functions, which a stripped program still has: the run-time
// system needs them for its own stack traces and keeps them in .gopclntab
// (Go's src/runtime/symtab.go, pcHeader and _func; src/debug/gosym).
#pragma once

#include <cstdint>
#include <span>

#include "symbol/elf_file.h"
#include "symbol/elf_symbols.h"
#include "symbol/reason.h"

namespace sightline::symbol {

// Names addresses[i] in out[i], as name_symbols() does: `addresses` are virtual
// addresses, ascending; entries that have a name are left alone. Returns the
// reason for all that still have none, `none` if there are none: `no_symbols`
// without a table, `corrupt` for one of an unknown version, one that does not
// say where its code begins, or one that contradicts itself.
//
// The table is in a section .gopclntab or .data.rel.ro.gopclntab; in Go
// programs that a C linker has made position-independent it is somewhere in
// .data.rel.ro, of which 64 MiB are looked through.
//
// Reads the tables of Go 1.2 to 1.15, 1.16, 1.18 and 1.20 on. Names are what
// the run-time system shows: type arguments are `[...]` since Go 1.18. A
// function reaches to the next one, padding included. What was inlined into a
// function has the function's name.
//
// Cost: one pass over the table of functions, of which at most four million are
// read, 64 KiB at a time; names have at most 16 KiB, and together 1 KiB an
// address. Thread-safe.
Reason name_go_functions(const ElfFile& file,
                         std::span<const std::uint64_t> addresses,
                         std::span<ElfSymbol> out);

}  // namespace sightline::symbol
