// SPDX-License-Identifier: Apache-2.0
#include "symbol/object_symbols.h"

#include <elf.h>

#include <expected>
#include <utility>
#include <vector>

#include "symbol/debug_data.h"
#include "symbol/go_symbols.h"

namespace sightline::symbol {
namespace {

std::expected<ElfFile, Reason> open_debug_file(const ElfFile& file,
                                               const Place& place) {
  auto found = find_debug_file(file, place);
  if (!found) return std::unexpected(found.error());
  return ElfFile::open(std::move(found->fd));
}

Reason name_from_all_files(const ElfFile& file, const Place& place,
                           std::span<const std::uint64_t> addresses,
                           std::span<ElfSymbol> out) {
  const auto inside = open_debug_data(file);
  const auto separate = open_debug_file(file, place);
  std::vector<const ElfFile*> files = {&file};
  Reason trouble = Reason::no_debug_file;
  for (const auto* other : {&inside, &separate}) {
    if (*other) files.push_back(&**other);
    if (!*other && other->error() != Reason::no_debug_file) {
      trouble = other->error();
    }
  }
  const Reason reason = name_symbols(files, addresses, out);
  // Why it stays stripped is more than that it is.
  const bool explained =
      reason == Reason::no_symbols && trouble != Reason::no_debug_file;
  return explained ? trouble : reason;
}

}  // namespace

Reason name_object_symbols(const ElfFile& file, const Place& place,
                           std::span<const std::uint64_t> addresses,
                           std::span<ElfSymbol> out) {
  if (addresses.empty()) return Reason::none;
  const bool stripped = file.find_section(SHT_SYMTAB) == nullptr;
  if (!stripped && name_symbols(file, addresses, out) == Reason::none) {
    return Reason::none;
  }
  // What no symbol of a full table covers has none in its debug file either:
  // no reason to tell a server what runs here, nor to wait for it.
  Place asked = place;
  if (!stripped) asked.server = nullptr;
  const Reason reason = name_from_all_files(file, asked, addresses, out);
  if (reason == Reason::none) return reason;
  const Reason go_reason = name_go_functions(file, addresses, out);
  return go_reason == Reason::no_symbols ? reason : go_reason;
}

}  // namespace sightline::symbol
