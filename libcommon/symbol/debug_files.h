// SPDX-License-Identifier: Apache-2.0
// Separate debug files: where distributions put the symbol table and the DWARF
// that they strip from a program (GDB manual, "Debugging Information in
// Separate Files").
//
// Names and paths come from a stranger's file, so everything is opened by
// open_regular(): inside the root that was asked for, regular files only. What
// is found is believed only when its build-id is the same; when the program has
// none, the checksum in .gnu_debuglink must be the file's. No link is ever
// followed twice: what a debug file itself links to is not looked at.
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/handle.h"
#include "symbol/elf_file.h"
#include "symbol/reason.h"

namespace sightline::symbol {

// Asks somebody else for the debug file of a build-id (raw bytes), last of all:
// Debuginfod::find. What comes is believed as any other.
using DebugFileServer =
    std::function<std::expected<UniqueFd, Reason>(std::string_view build_id)>;

// Where a file lies, as the process sees it that has it mapped, and who is to
// be asked for what is not on this machine.
struct Place {
  int root = -1;          // from open_root(), borrowed; -1: our own root
  std::string path = {};  // absolute in it; empty when it is not known
  const DebugFileServer* server = nullptr;  // borrowed; null: nobody
  // Where the code lay in the file that ran, of which only the debug file is
  // here: strip(1) leaves no trace of it there. Borrowed; empty: it is the
  // file.
  std::span<const Segment> code = {};
};

// Where a debug file of that build-id (raw bytes) would be, in any root; empty
// for what is no build-id.
std::string debug_path_of(std::string_view build_id);

struct DebugFile {
  UniqueFd fd;
  Place place;  // where it was found
};

// The file with the .symtab or the DWARF of `file`, which lies at `place`.
// Tried in this order, inside the place's root and then in ours:
//   1. /usr/lib/debug/.build-id/NN/NNNN.debug;
//   2. the name in .gnu_debuglink, in the file's own directory, in .debug
//      below it, and in its directory below /usr/lib/debug;
// then the place's server. Reasons: `other_build` when only files of another
// build are there, `no_debug_file` when none is, and the server's.
//
// Cost: at most eight opens of a path; without a build-id also reading the file
// for its checksum, together at most 512 MiB. Thread-safe. A path on a file
// system that does not answer (a dead NFS server) waits for it.
std::expected<DebugFile, Reason> find_debug_file(const ElfFile& file,
                                                 const Place& place);

// The file that `debug` shares a part of its DWARF with (dwz(1), the section
// .gnu_debugaltlink: a path, relative to the directory of `debug`, and a
// build-id). `place` is where `debug` lies. Looked for at that path, also from
// where a symbolic link to `debug` leads, and by its build-id below
// /usr/lib/debug, inside the place's root and then in ours. Believed only when
// it has that build-id. Reasons, cost and threads as above.
std::expected<DebugFile, Reason> find_alternate_file(const ElfFile& debug,
                                                     const Place& place);

// Where the DWARF of a program is.
struct DebugInfo {
  UniqueFd dwarf;                          // has .debug_info
  std::optional<UniqueFd> alternate = {};  // the dwz file that it refers to
};

// The file itself if it has DWARF, else its separate debug file if that one
// has; with the alternate file, if one is named and found. Reasons, cost and
// threads as above.
std::expected<DebugInfo, Reason> find_debug_info(const ElfFile& file,
                                                 const Place& place);

}  // namespace sightline::symbol
