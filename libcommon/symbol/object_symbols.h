// SPDX-License-Identifier: Apache-2.0
// The names of one mapped file from everything that has some of them.
#pragma once

#include <cstdint>
#include <span>

#include "symbol/debug_files.h"
#include "symbol/elf_file.h"
#include "symbol/elf_symbols.h"
#include "symbol/reason.h"

namespace sightline::symbol {

// Names addresses[i] in out[i], as name_symbols() does, for the file that lies
// at `place`. Its own .symtab is all that there is to know, and nothing else is
// looked for if it names every address. Otherwise the tables of the file, its
// .gnu_debugdata and its separate debug file are searched as one, and what is
// left then is looked up in .gopclntab. The place's server is asked only for a
// file without a .symtab. Returns the reason for what has no name even so.
// Nothing is kept: the cost is that of finding, opening and reading those
// files. Thread-safe.
Reason name_object_symbols(const ElfFile& file, const Place& place,
                           std::span<const std::uint64_t> addresses,
                           std::span<ElfSymbol> out);

}  // namespace sightline::symbol
