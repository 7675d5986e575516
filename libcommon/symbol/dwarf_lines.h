// SPDX-License-Identifier: Apache-2.0
// Lines of the addresses of one unit. For dwarf.h's process only.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <span>
#include <vector>

namespace sightline::symbol {

// Runs the unit's line number program (DWARF 5, 6.2; versions 2 to 5).
//
// Not dwarf_getsrclines(): it sorts the rows of all sequences into one table,
// in which nobody can tell any more what belongs together. A sequence whose
// code was discarded lies at address 0 and, if it is long, in the midst of live
// ones; and where one ends another may begin.
class DwarfLines {
 public:
  struct Place {
    std::uint64_t file = 0;  // in the unit's table of files
    std::uint32_t line = 0;  // 0: not known
  };

  // `addresses` ascending, those of one unit; code begins at `code_start`.
  DwarfLines(std::span<const std::uint64_t> addresses, std::uint64_t code_start)
      : addresses_(addresses),
        code_start_(code_start),
        places_(addresses.size()) {}

  // Takes time in proportion to the unit's program, and no memory for it. What
  // a broken one says before it breaks is kept. Files that only the program
  // names (DW_LNE_define_file, which compilers do not use) are not in the
  // table.
  void read(Dwarf_Die& unit);

  [[nodiscard]] const Place& at(std::size_t index) const {
    return places_[index];
  }

 private:
  struct Row {
    std::uint64_t address = 0;
    Place place = {.file = 1, .line = 1};
  };
  struct Program;

  void run(Program& program);
  static bool execute(Program& program, std::uint8_t opcode, Row& row);
  static bool execute_extended(Program& program, Row& row);
  void put_row(const Row& row);

  std::span<const std::uint64_t> addresses_;
  std::uint64_t code_start_;
  std::vector<Place> places_;
  bool in_sequence_ = false;
  bool is_live_ = false;  // the sequence
  Row last_;              // of the sequence
};

}  // namespace sightline::symbol
