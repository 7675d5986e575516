// SPDX-License-Identifier: Apache-2.0
// A whole ELF file with call frame information: its rows, and the full walk
// through it.
#include <algorithm>

#include "input.h"
#include "symbol/elf_file.h"
#include "unwind/cfi_walk.h"
#include "unwind/rows.h"

namespace {

using namespace sightline;

constexpr std::size_t most_addresses = 64;

// The file's pages as rows.h and bpf/include/unwind_rows.h promise them.
void check(const unwind::Rows& rows) {
  std::size_t next = 0;
  for (const auto& page : rows.pages) {
    fuzz::must(page.first == next && page.count <= UNWIND_BLOCK_WORDS);
    next += page.count;
    fuzz::must(next <= rows.rows.size());
    for (std::size_t i = page.first; i < next; ++i) {
      const unwind_row row = rows.rows[i];
      fuzz::must(unwind_row_rule(row) < rows.rules.size());
      if (i == page.first) {
        fuzz::must(unwind_row_offset(row) == 0);
      } else {
        fuzz::must(row >> 16 > rows.rows[i - 1] >> 16);
      }
    }
  }
  fuzz::must(next == rows.rows.size());
  fuzz::must(rows.rules.size() >= UNWIND_FIRST_RULE);
  fuzz::must(rows.functions != 0 || rows.rows.empty());
  fuzz::must(rows.functions != 0 || rows.reason != symbol::Reason::none);
}

// One step from the first places of rows, over memory that is its own address,
// or that cannot be read.
void walk(unwind::CallFrames& frames, const unwind::Rows& rows) {
  std::size_t asked = 0;
  for (std::size_t page = 0; page < rows.pages.size(); ++page) {
    for (std::size_t i = 0; i < rows.pages[page].count; ++i) {
      if (++asked > most_addresses) return;
      const auto row = rows.rows[rows.pages[page].first + i];
      const std::uint64_t address =
          ((rows.first_page + page) << UNWIND_PAGE_BITS) +
          unwind_row_offset(row);
      unwind::Registers registers;
      for (unsigned number = 0; number < unwind::most_registers; ++number) {
        registers.set(number, 0x1000 * number);
      }
      const unwind::Registers before = registers;
      const auto step = frames.step(registers, address,
                                    [](std::uint64_t at, std::uint64_t& word) {
                                      word = at;
                                      return at % 5 != 0;
                                    });
      fuzz::must(step.end == unwind::StepEnd::stepped ||
                 registers.values == before.values);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const auto file =
      symbol::ElfFile::open(fuzz::file_of(fuzz::text_of(data, size)));
  if (!file) return 0;
  const unwind::RowLimits limits{.most_rows = 1U << 16,
                                 .most_section_bytes = 1U << 20};
  const auto rows = unwind::build_rows(*file, &*file, limits);
  check(rows);
  fuzz::must(rows.rows.size() <= limits.most_rows);
  auto frames =
      unwind::CallFrames::open(*file, &*file, limits.most_section_bytes);
  fuzz::must(frames.has_value() || rows.functions == 0);
  if (frames) walk(*frames, rows);
  return 0;
}
