// SPDX-License-Identifier: Apache-2.0
// Which functions hold an address, in one compilation unit. See dwarf.h for
// where this may run.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <span>
#include <vector>

namespace sightline::symbol {

// Calls `take(start, end)` for each range of an entry that begins in the code
// of the program, which begins at `code_start`. Linkers leave entries of what
// they have discarded (--gc-sections, all but one of an inline function's
// instances) and put them at 0 (GNU ld, gold) or at the last addresses, from
// where they may reach around to 0 (lld): only their starts tell them apart.
template <typename Take>
void each_range(Dwarf_Die& die, std::uint64_t code_start, Take take) {
  std::ptrdiff_t offset = 0;
  Dwarf_Addr base = 0;
  Dwarf_Addr start = 0;
  Dwarf_Addr end = 0;
  while ((offset = dwarf_ranges(&die, offset, &base, &start, &end)) > 0) {
    if (start >= code_start) take(start, end);
  }
}

class DwarfScopes {
 public:
  // The function that holds an address, then what is inlined there, outermost
  // first; empty if the unit has no function there.
  using Chain = std::vector<Dwarf_Die>;

  // `addresses` ascending, those of one unit.
  DwarfScopes(std::span<const std::uint64_t> addresses,
              std::uint64_t code_start)
      : addresses_(addresses),
        code_start_(code_start),
        chains_(addresses.size()) {}

  void read(Dwarf_Die& unit);

  [[nodiscard]] const Chain& chain(std::size_t index) const {
    return chains_[index];
  }

 private:
  using Indexes = std::vector<std::uint32_t>;
  template <typename Visit>
  static void each_child(Dwarf_Die& parent, Visit visit);
  void find_functions(Dwarf_Die& parent, bool everywhere, int depth);
  void read_function(Dwarf_Die& function, int depth);
  void read_block(Dwarf_Die& parent, const Indexes& inside, int depth);
  void read_inlined(Dwarf_Die& inlined, const Indexes& among, int depth);
  [[nodiscard]] Indexes unowned_in(Dwarf_Die& function) const;
  [[nodiscard]] Indexes inside(Dwarf_Die& die, const Indexes& among) const;

  std::span<const std::uint64_t> addresses_;
  std::uint64_t code_start_;
  std::vector<Chain> chains_;
  std::size_t unowned_ = 0;  // addresses without a function so far
};

}  // namespace sightline::symbol
