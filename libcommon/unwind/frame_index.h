// SPDX-License-Identifier: Apache-2.0
// The functions that an object's call frame information speaks of, by address.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <optional>
#include <vector>

#include "symbol/elf_file.h"
#include "symbol/reason.h"
#include "unwind/cfi_program.h"
#include "unwind/cfi_reader.h"
#include "unwind/frame_section.h"

namespace sightline::unwind {

struct Function {
  std::uint64_t start = 0;
  std::uint32_t length = 0;
  std::uint32_t entry = 0;  // where its FDE begins in the section

  // Instead of that: it has none, and nobody has called it. See
  // read_frame_index().
  static constexpr std::uint32_t begins_thread = UINT32_MAX;
  [[nodiscard]] std::uint64_t end() const { return start + length; }
};

struct FrameIndex {
  FrameSection section = {};
  // Sorted; none overlaps another. Where two do in the file, the one that
  // begins later ends the other, as a search in .eh_frame_hdr does; of two that
  // begin together the first in the file counts.
  std::vector<Function> functions = {};
  std::uint64_t malformed = 0;  // entries that were passed over
  symbol::Reason reason = symbol::Reason::none;  // why not all
};

// Whether the Go compiler has made it.
bool is_go(const symbol::ElfFile& file);

// Of .eh_frame, else of .debug_frame, of `object` or else of `debug` (may be
// null). Functions that are not in the object's code are passed over: linkers
// leave the information of what they discard. .eh_frame_hdr is not trusted;
// sorting costs less than checking it. Go's .debug_frame is not read: it says
// that threads begin where the run-time system changes stacks, and does not say
// where frame pointers are saved, which lead over that and are always there.
//
// Where the kernel begins to run the object and no FDE says anything, as in the
// loader of glibc, the code up to the next function begins a thread, if that is
// a few instructions and nothing else lies beside it.
//
// Once `abandoned` (null: never) is true, the functions so far come back.
std::expected<FrameIndex, symbol::Reason> read_frame_index(
    const symbol::ElfFile& object, const symbol::ElfFile* debug,
    std::uint64_t most_bytes, const std::atomic<bool>* abandoned = nullptr);

// Finds CIEs again, with what they say of their functions' starts. Few of a
// file's CIEs are in use together: a small cache has them.
class CieCache {
 public:
  explicit CieCache(const FrameSection& section);

  struct Entry {
    Cie cie = {};
    State initial = {};
  };
  // Null: malformed. Valid until the next call.
  const Entry* find(std::uint64_t at);

 private:
  struct Slot {
    std::uint64_t at = ~0ULL;
    bool good = false;
    Entry entry = {};
  };
  const FrameSection* section_;
  Program program_;
  std::vector<Slot> slots_;
};

}  // namespace sightline::unwind
