// SPDX-License-Identifier: Apache-2.0
// The bytes of an object's call frame information: .eh_frame, which is part of
// the program (LSB Core, "Exception Frames"), or .debug_frame, which debuggers
// read (DWARF 5, 6.4).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "symbol/elf_file.h"
#include "symbol/reason.h"

namespace sightline::unwind {

enum class Machine : std::uint8_t { x86_64, arm64 };

struct FrameSection {
  std::string bytes = {};
  std::uint64_t address = 0;  // of the first byte, in the object
  Machine machine = Machine::x86_64;
  bool is_eh_frame = true;
  // Its size is not known: it ends at an entry of no length.
  bool ends_at_zero = false;
};

// The .eh_frame of `file`: by its section header, or without one by
// PT_GNU_EH_FRAME. Reasons: `no_unwind_info`, `unwind_info_large` (more than
// `most_bytes`), `not_elf` (of another machine).
std::expected<FrameSection, symbol::Reason> read_eh_frame(
    const symbol::ElfFile& file, std::uint64_t most_bytes);

// The .debug_frame of `file`, also a compressed one (SHF_COMPRESSED by zlib, or
// .zdebug_frame as Go writes it). Reasons as above, and `corrupt`.
std::expected<FrameSection, symbol::Reason> read_debug_frame(
    const symbol::ElfFile& file, std::uint64_t most_bytes);

}  // namespace sightline::unwind
