// SPDX-License-Identifier: Apache-2.0
#include "symbol/symbolizer.h"

#include <fcntl.h>

#include <algorithm>
#include <cassert>
#include <ranges>
#include <utility>
#include <vector>

#include "symbol/demangle.h"
#include "symbol/elf_symbols.h"
#include "symbol/object_symbols.h"
#include "symbol/vdso.h"

namespace sightline::symbol {
namespace {

void give_all(std::span<Named> out, Reason reason) {
  for (Named& named : out) {
    named = {};
    named.reason = reason;
  }
}

// Neighbours in an ascending batch often lie in one function: its name is
// demangled once.
class NameMaker {
 public:
  explicit NameMaker(bool demangle) : demangle_(demangle) {}

  const std::string& make(std::string_view raw) {
    if (raw != raw_) {
      raw_ = raw;
      made_ = demangle_ ? demangle(raw_) : raw_;
    }
    return made_;
  }

 private:
  bool demangle_;
  std::string raw_;
  std::string made_;
};

}  // namespace

std::string Symbolizer::shown(std::string_view raw) const {
  return demangle_ ? demangle(raw) : std::string(raw);
}

void Symbolizer::name_object(int fd,
                             std::span<const std::uint64_t> file_offsets,
                             std::span<Named> out, const Place& place) const {
  const auto file =
      ElfFile::open(UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0)), place.code);
  if (!file) return give_all(out, file.error());
  name_in(*file, place, file_offsets, out);
}

void Symbolizer::name_in(const ElfFile& file, const Place& place,
                         std::span<const std::uint64_t> file_offsets,
                         std::span<Named> out) const {
  assert(file_offsets.size() == out.size());
  give_all(out, Reason::no_covering_symbol);
  std::vector<std::pair<std::uint64_t, std::size_t>> found;
  found.reserve(out.size());
  for (std::size_t i = 0; i < file_offsets.size(); ++i) {
    const auto address = file.address_of(file_offsets[i]);
    if (address) found.emplace_back(*address, i);
  }
  // Segments need not stand in the order of their addresses.
  std::ranges::sort(found);
  std::vector<std::uint64_t> addresses(found.size());
  std::ranges::copy(found | std::views::keys, addresses.begin());
  std::vector<ElfSymbol> symbols(found.size());
  const Reason reason = name_object_symbols(file, place, addresses, symbols);
  NameMaker maker(demangle_);
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    Named& named = out[found[i].second];
    named.reason = symbols[i].name.empty() ? reason : Reason::none;
    if (named.reason != Reason::none) continue;
    named.name = maker.make(symbols[i].name);
    named.symbol_offset = addresses[i] - symbols[i].start;
  }
}

void Symbolizer::name_kernel(std::span<const std::uint64_t> addresses,
                             std::span<Named> out) {
  assert(addresses.size() == out.size());
  NameMaker maker(demangle_);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const KernelSymbol symbol = kernel_.find(addresses[i]);
    const bool named = symbol.reason == Reason::none;
    out[i] = {.name = named ? maker.make(symbol.name) : std::string(),
              .module = std::string(symbol.module),
              .symbol_offset = symbol.offset,
              .reason = symbol.reason};
  }
}

void Symbolizer::name_vdso(std::span<const std::uint64_t> offsets,
                           std::span<Named> out) {
  if (!vdso_) vdso_ = open_vdso();
  if (!*vdso_) return give_all(out, vdso_->error());
  name_in(**vdso_, {}, offsets, out);
}

}  // namespace sightline::symbol
