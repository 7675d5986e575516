// SPDX-License-Identifier: Apache-2.0
// source_of FILE: reads addresses (0x...) from its input and prints what
// llvm-symbolizer --inlines --no-demangle prints for them: name and place of
// each function, innermost first, and an empty line behind each address.
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <vector>

#include "base/clock.h"
#include "base/units.h"
#include "symbol/elf_file.h"
#include "symbol/elf_symbols.h"
#include "symbol/source.h"

namespace {

using namespace sightline;

std::vector<std::uint64_t> read_addresses() {
  std::vector<std::uint64_t> addresses;
  for (std::string line; std::getline(std::cin, line);) {
    addresses.push_back(std::stoull(line, nullptr, 16));
  }
  std::ranges::sort(addresses);
  const auto repeated = std::ranges::unique(addresses);
  addresses.erase(repeated.begin(), repeated.end());
  return addresses;
}

void print(const symbol::SourceTable& table, std::size_t index,
           const symbol::ElfSymbol& symbol) {
  const auto frames = table.at(index);
  if (frames.empty()) {
    fmt::print("{}\n??:0\n\n", symbol.name.empty() ? "??" : symbol.name);
    return;
  }
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto& frame = frames[i];
    const auto& inlined = table.texts[frame.function];
    const bool last = i + 1 == frames.size();
    const auto& name = last && !symbol.name.empty() ? symbol.name : inlined;
    const auto& file = table.texts[frame.file];
    fmt::print("{}\n{}:{}\n", name.empty() ? "??" : name,
               file.empty() ? "??" : file, frame.line);
  }
  fmt::print("\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const UniqueFd fd(open(argv[1], O_RDONLY | O_CLOEXEC));
  auto file = symbol::ElfFile::open(UniqueFd(dup(fd.get())));
  if (!file) return 1;
  const auto addresses = read_addresses();
  std::vector<symbol::ElfSymbol> symbols(addresses.size());
  (void)symbol::name_symbols(*file, addresses, symbols);
  std::vector<std::uint64_t> offsets;
  for (const auto address : addresses) {
    offsets.push_back(file->offset_of(address).value_or(~0ULL));
  }
  const auto table = symbol::read_source(
      {.file = fd.get()}, offsets, {.inlines = true, .lines = true},
      {.deadline_ns = monotonic_ns() + 300 * ns_per_second}, {});
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    print(table, i, symbols[i]);
  }
  if (table.reason != symbol::Reason::no_debug_info) {
    std::cerr << "source_of: " << symbol::text(table.reason) << '\n';
    return 1;
  }
  return 0;
}
