// SPDX-License-Identifier: Apache-2.0
// The line table of one unit, by address. For dwarf.h's process only.
#pragma once

#include <elfutils/libdw.h>

#include <cstddef>
#include <cstdint>

namespace sightline::symbol {

// Borrows what libdw has decoded. Not thread-safe.
class DwarfLines {
 public:
  explicit DwarfLines(Dwarf_Die& unit);

  // The row that holds at the address, or null. O(log n), and one step for each
  // row at one address.
  //
  // Not dwarf_getsrc_die(): where one sequence ends at the address at which
  // another begins, both have rows there, and it takes whichever stands later
  // in the table (elfutils 0.188). Rows of the one that ends cover nothing;
  // they are known by the end's own record, which repeats their file and line
  // (DWARF 5, 6.2.5.3: only the registers' state after it is new).
  [[nodiscard]] Dwarf_Line* at(std::uint64_t address) const;

 private:
  [[nodiscard]] std::uint64_t address_of(std::size_t row) const;
  [[nodiscard]] bool is_end(std::size_t row) const;
  [[nodiscard]] bool is_leftover(std::size_t row, std::size_t first) const;

  Dwarf_Lines* lines_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace sightline::symbol
