// SPDX-License-Identifier: Apache-2.0
#include "symbol/dwarf_lines.h"

#include <cstring>

namespace sightline::symbol {
namespace {

bool have_one_place(Dwarf_Line* one, Dwarf_Line* other) {
  int line = 0;
  int other_line = 0;
  if (dwarf_lineno(one, &line) != 0 || dwarf_lineno(other, &other_line) != 0 ||
      line != other_line) {
    return false;
  }
  const char* const file = dwarf_linesrc(one, nullptr, nullptr);
  const char* const other_file = dwarf_linesrc(other, nullptr, nullptr);
  return file != nullptr && other_file != nullptr &&
         std::strcmp(file, other_file) == 0;
}

}  // namespace

DwarfLines::DwarfLines(Dwarf_Die& unit) {
  if (dwarf_getsrclines(&unit, &lines_, &count_) != 0) count_ = 0;
}

std::uint64_t DwarfLines::address_of(std::size_t row) const {
  Dwarf_Addr address = 0;
  dwarf_lineaddr(dwarf_onesrcline(lines_, row), &address);
  return address;
}

bool DwarfLines::is_end(std::size_t row) const {
  bool end = false;
  dwarf_lineendsequence(dwarf_onesrcline(lines_, row), &end);
  return end;
}

// Ends of sequences stand before other rows of their address (libdw,
// dwarf_getsrclines.c); `first` is the first of them.
bool DwarfLines::is_leftover(std::size_t row, std::size_t first) const {
  auto* const line = dwarf_onesrcline(lines_, row);
  for (std::size_t end = first; end < row && is_end(end); ++end) {
    if (have_one_place(line, dwarf_onesrcline(lines_, end))) return true;
  }
  return false;
}

Dwarf_Line* DwarfLines::at(std::uint64_t address) const {
  std::size_t low = 0;
  std::size_t high = count_;  // rows below low are not after the address
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (address_of(middle) <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return nullptr;
  const std::size_t last = low - 1;
  std::size_t first = last;
  while (first > 0 && address_of(first - 1) == address_of(last)) --first;
  for (std::size_t row = last + 1; row-- > first;) {
    if (is_end(row)) break;
    if (!is_leftover(row, first)) return dwarf_onesrcline(lines_, row);
  }
  return is_end(last) ? nullptr : dwarf_onesrcline(lines_, last);
}

}  // namespace sightline::symbol
