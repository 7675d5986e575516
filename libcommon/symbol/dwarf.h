// SPDX-License-Identifier: Apache-2.0
// Inlined calls and source lines from DWARF (versions 2 to 5), through libdw.
//
// libdw is not made for files that somebody wrote to break it: what is here
// runs only in a process of its own (source.h), and may crash or never end.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "symbol/elf_file.h"
#include "symbol/reason.h"

namespace sightline::symbol {

// Descriptors of the files that describe one program or library; they stay the
// caller's. Who passes a separate file vouches that it belongs to the first.
struct DebugFiles {
  int file = -1;       // the program or library itself
  int debug = -1;      // its separate debug file, if its DWARF is there
  int alternate = -1;  // what dwz has moved out of that DWARF
  // As Place::code (debug_files.h).
  std::span<const Segment> code = {};
};

struct SourceWanted {
  bool inlines = false;
  bool lines = false;
};

// A function and where it is at: the innermost at the line of the address, each
// other at the line of the call that was inlined into it.
struct DwarfFrame {
  std::string_view function =
      {};                      // as linked (mangled), else as written, or empty
  std::string_view file = {};  // as the compiler knew it; empty without lines
  std::uint32_t line = 0;      // 0: not known
};

struct DwarfOutput {
  // Called once for each address about which anything is known. The last frame
  // is the function that the others were inlined into; the texts are valid
  // during the call.
  std::function<void(std::size_t index, std::span<const DwarfFrame>)> chain;
  // Called once for each compilation unit, with the addresses done so far.
  std::function<void(std::size_t done)> progress;
};

// Where the addresses come from: `addresses` are virtual addresses of the file,
// ascending; what is said to lie below `code_start` was discarded by the linker
// (ElfFile::code_start). Returns why nothing was said of the others:
// `no_debug_info`, `split_debug_info` (DWARF left in .dwo files, which are not
// looked for), or `corrupt_debug_info`.
//
// Each unit is visited once, and only if it has one of the addresses; only the
// functions that have one are read to their ends. Takes 64 MiB and what the
// largest unit needs; compressed sections are unpacked into memory beside it.
Reason read_dwarf(const DebugFiles& files,
                  std::span<const std::uint64_t> addresses,
                  std::uint64_t code_start, const SourceWanted& wanted,
                  const DwarfOutput& output);

}  // namespace sightline::symbol
