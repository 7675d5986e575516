// SPDX-License-Identifier: Apache-2.0
#include "symbol/dwarf_scopes.h"

#include <dwarf.h>

#include <algorithm>

namespace sightline::symbol {
namespace {

// Entries inside one another; compilers stay below 100.
constexpr int max_depth = 256;
constexpr std::size_t max_inlined = 250;

bool is_block(int tag) {
  return tag == DW_TAG_lexical_block || tag == DW_TAG_try_block ||
         tag == DW_TAG_catch_block;
}

}  // namespace

// A sibling is always further on in the section: one that is not would be
// visited for ever.
template <typename Visit>
void DwarfScopes::each_child(Dwarf_Die& parent, Visit visit) {
  Dwarf_Die child;
  if (dwarf_child(&parent, &child) != 0) return;
  const void* at = nullptr;
  do {
    at = child.addr;
    visit(child);
  } while (dwarf_siblingof(&child, &child) == 0 && child.addr > at);
}

void DwarfScopes::read(Dwarf_Die& unit) {
  unowned_ = addresses_.size();
  find_functions(unit, false, 0);
  // Functions are nearly always entries of the unit or of a namespace. Only for
  // what is left all others are searched: g++ puts some lambdas into the
  // functions that they are written in.
  if (unowned_ > 0) find_functions(unit, true, 0);
}

void DwarfScopes::find_functions(Dwarf_Die& parent, bool everywhere,
                                 int depth) {
  if (depth > max_depth) return;
  each_child(parent, [&](Dwarf_Die& child) {
    if (unowned_ == 0) return;
    const int tag = dwarf_tag(&child);
    if (tag == DW_TAG_subprogram) read_function(child, depth);
    if (everywhere || tag == DW_TAG_namespace || tag == DW_TAG_module) {
      find_functions(child, everywhere, depth + 1);
    }
  });
}

void DwarfScopes::read_function(Dwarf_Die& function, int depth) {
  const Indexes owned = unowned_in(function);
  if (owned.empty()) return;
  unowned_ -= owned.size();
  for (const auto index : owned) chains_[index].push_back(function);
  read_block(function, owned, depth + 1);
}

void DwarfScopes::read_block(Dwarf_Die& parent, const Indexes& inside,
                             int depth) {
  if (depth > max_depth) return;
  each_child(parent, [&](Dwarf_Die& child) {
    const int tag = dwarf_tag(&child);
    if (tag == DW_TAG_inlined_subroutine) {
      read_inlined(child, inside, depth);
    } else if (is_block(tag)) {
      read_block(child, inside, depth + 1);
    }
  });
}

void DwarfScopes::read_inlined(Dwarf_Die& inlined, const Indexes& among,
                               int depth) {
  const Indexes found = inside(inlined, among);
  if (found.empty()) return;
  for (const auto index : found) {
    if (chains_[index].size() < max_inlined) chains_[index].push_back(inlined);
  }
  read_block(inlined, found, depth + 1);
}

// The first function that claims an address has it: linkers that fold equal
// functions leave several.
DwarfScopes::Indexes DwarfScopes::unowned_in(Dwarf_Die& function) const {
  Indexes found;
  each_range(function, code_start_,
             [&](std::uint64_t start, std::uint64_t end) {
               auto at = std::ranges::lower_bound(addresses_, start);
               for (; at != addresses_.end() && *at < end; ++at) {
                 const auto index =
                     static_cast<std::uint32_t>(at - addresses_.begin());
                 if (chains_[index].empty()) found.push_back(index);
               }
             });
  std::ranges::sort(found);
  const auto repeated = std::ranges::unique(found);
  found.erase(repeated.begin(), repeated.end());
  return found;
}

DwarfScopes::Indexes DwarfScopes::inside(Dwarf_Die& die,
                                         const Indexes& among) const {
  Indexes found;
  const auto address = [&](std::uint32_t index) { return addresses_[index]; };
  each_range(die, code_start_, [&](std::uint64_t start, std::uint64_t end) {
    auto at = std::ranges::lower_bound(among, start, {}, address);
    for (; at != among.end() && address(*at) < end; ++at) found.push_back(*at);
  });
  std::ranges::sort(found);
  const auto repeated = std::ranges::unique(found);
  found.erase(repeated.begin(), repeated.end());
  return found;
}

}  // namespace sightline::symbol
