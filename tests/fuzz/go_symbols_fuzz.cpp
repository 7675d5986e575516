// SPDX-License-Identifier: Apache-2.0
// A whole ELF file with the table that Go keeps of its functions.
#include <vector>

#include "input.h"
#include "symbol/go_symbols.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace sightline;
  constexpr std::size_t longest_name = 1U << 15;
  auto file = symbol::ElfFile::open(fuzz::file_of(fuzz::text_of(data, size)));
  if (!file) return 0;
  const std::vector<std::uint64_t> addresses{
      0, 0xfff, 0x1000, 0x1100, 0x117f, 0x1180, 0x1fff, 0x2000, UINT64_MAX};
  std::vector<symbol::ElfSymbol> names(addresses.size());
  const auto reason = symbol::name_go_functions(*file, addresses, names);
  bool all_named = true;
  for (std::size_t i = 0; i < names.size(); ++i) {
    all_named = all_named && !names[i].name.empty();
    fuzz::must(names[i].name.size() <= longest_name);
    fuzz::must(names[i].name.empty() || names[i].start <= addresses[i]);
  }
  fuzz::must(all_named == (reason == symbol::Reason::none));
  return 0;
}
