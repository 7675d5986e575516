// SPDX-License-Identifier: Apache-2.0
// The rows of one object (bpf/include/unwind_rows.h), made from its
// .eh_frame or .debug_frame. Pure: a file goes in, tables come out. Code is
// told by its offset in the file: that is all that a mapping tells of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "symbol/elf_file.h"
#include "symbol/reason.h"
#include "unwind_rows.h"

namespace sightline::unwind {

// Rows of 64 KiB of code: a run in Rows::rows.
struct Page {
  std::uint32_t first = 0;
  std::uint32_t count = 0;  // 0: nothing is known about this code
};

struct Rows {
  std::uint32_t first_page = 0;  // offset >> UNWIND_PAGE_BITS
  std::vector<Page> pages = {};
  // Their rules are indices into `rules` below, not the store's.
  std::vector<unwind_row> rows = {};
  std::vector<unwind_rule> rules = {};  // the fixed ones first

  std::uint64_t functions = 0;    // FDEs that were read
  std::uint64_t unsupported = 0;  // rows that no rule can express
  std::uint64_t malformed = 0;    // FDEs that were passed over
  // Go's own code has frame pointers, and no rows (see read_frame_index).
  bool is_go = false;
  // Why there are no rows, or not all.
  symbol::Reason reason = symbol::Reason::none;
};

struct RowLimits {
  std::uint64_t most_rows = 16U << 20;
  std::uint64_t most_section_bytes = 256U << 20;
  // Once it is true nobody wants them any more: what there is so far comes
  // back. Null: they are made to the end.
  const std::atomic<bool>* abandoned = nullptr;
};

// Reads an object's call frame information. `debug` is its separate debug file
// (null without one), of which .debug_frame is taken where the object has no
// .eh_frame. Never fails as a whole: what cannot be read gives no rows and a
// reason. Thread-safe; costs about 1 us a function.
Rows build_rows(const symbol::ElfFile& object,
                const symbol::ElfFile* debug = nullptr,
                const RowLimits& limits = {});

}  // namespace sightline::unwind
