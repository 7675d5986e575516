// SPDX-License-Identifier: Apache-2.0
// Names for many addresses of one ELF file in one pass over its symbol table.
// The table is read in chunks and never kept: memory grows with the number of
// addresses asked for, not with the size of the file.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "symbol/elf_file.h"
#include "symbol/reason.h"

namespace sightline::symbol {

// The symbol that covers an address; unnamed while `name` is empty.
struct ElfSymbol {
  std::string name;  // as in the table (mangled), at most 16 KiB
  std::uint64_t start = 0;
};

// Names addresses[i] in out[i]. `addresses` are virtual addresses of the file
// (ElfFile::address_of), ascending; `out` has the same size. Entries
// that already have a name are left alone, so that a second file (separate
// debug symbols) can complete what the first did not have. Returns the reason
// for all entries that still have no name, `none` if there are none.
//
// .symtab is asked first, then .dynsym for what is left. Function, indirect
// function and untyped symbols of the file count. Of those that cover an
// address, in this order:
//   1. one with a size, whose range holds the address; one without a size
//      reaches to the next symbol or to the end of its section, in .dynsym
//      (which lacks the local functions between) only its first byte;
//   2. the one that starts last;
//   3. a function before an untyped label;
//   4. a visible one (global or weak) before a local one;
//   5. fewer leading underscores (`read`, not `__read`);
//   6. global before weak;  7. the earlier in the string table.
// elfutils puts 6 before 5, and llvm-symbolizer takes the last in the table, so
// both may show another alias of the same function.
//
// Cost: S log N for S symbols and N addresses, whatever the file says.
// Thread-safe.
Reason name_symbols(const ElfFile& file,
                    std::span<const std::uint64_t> addresses,
                    std::span<ElfSymbol> out);

// The same from several files that were made of one program (at most eight):
// what is executed, and what was split off it. The .symtab of each, or its
// .dynsym where it has none, are searched as if they were one table. One after
// the other would be wrong: mini-debuginfo lacks the exported functions, whose
// bytes would go to a label in front of them, and .dynsym lacks the local ones,
// whose bytes would go to the function around them.
Reason name_symbols(std::span<const ElfFile* const> files,
                    std::span<const std::uint64_t> addresses,
                    std::span<ElfSymbol> out);

// Where a function lies that the file exports by that name (.dynsym), as a
// virtual address of the file: the way back, for who attaches to it. Of several
// versions of one name the first in the table. Cost: one read of the table, and
// a chunk of names for each symbol at worst. Thread-safe.
std::optional<std::uint64_t> find_exported(const ElfFile& file,
                                           std::string_view name);

// Whether there is nothing left to name.
bool all_named(std::span<const ElfSymbol> symbols);

}  // namespace sightline::symbol
