// SPDX-License-Identifier: Apache-2.0
// The entries of call frame information (DWARF 5, 6.4.1; for .eh_frame LSB
// Core, "Exception Frames"): what functions have in common (CIE) and what is
// said of one (FDE). Nothing is followed further than from an FDE to its CIE.
#pragma once

#include <cstdint>
#include <optional>

#include "unwind/cursor.h"
#include "unwind/frame_section.h"

namespace sightline::unwind {

// A stretch of the section's bytes.
struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

// Common information entry.
struct Cie {
  std::uint64_t code_align = 1;
  std::int64_t data_align = 1;
  std::uint64_t return_register = 0;
  std::uint8_t pointer_encoding = 0;  // DW_EH_PE_*
  bool has_augmentation = false;      // its FDEs have augmentation data
  bool signal_frame = false;
  Range program = {};
};

// Frame description entry: a function.
struct Fde {
  std::uint64_t start = 0;  // address in the object
  std::uint64_t length = 0;
  Range program = {};
};

// The frame around either.
struct EntryHeader {
  std::uint64_t at = 0;    // where the entry begins
  std::uint64_t end = 0;   // and the next one
  std::uint64_t body = 0;  // behind the identifier
  std::uint64_t cie = 0;   // of an FDE: where its CIE begins
  bool is_cie = false;
  bool empty = false;  // padding, or the end
};

// The entry at `at`; nullopt when it goes past the end of the section, behind
// which nothing can be found then.
std::optional<EntryHeader> read_header(const FrameSection& section,
                                       std::uint64_t at);

// nullopt: it contradicts itself or is of a kind that nobody writes.
std::optional<Cie> read_cie(const FrameSection& section,
                            const EntryHeader& header);
std::optional<Fde> read_fde(const FrameSection& section,
                            const EntryHeader& header, const Cie& cie);

// A pointer in one of the encodings DW_EH_PE_*; fails the cursor where that
// would need the memory of a process.
std::uint64_t read_pointer(Cursor& cursor, const FrameSection& section,
                           std::uint8_t encoding);

}  // namespace sightline::unwind
