// SPDX-License-Identifier: Apache-2.0
// A whole ELF file: headers, build-id, address translation, symbol tables.
#include <algorithm>
#include <vector>

#include "input.h"
#include "symbol/elf_file.h"
#include "symbol/elf_symbols.h"

namespace {

using namespace sightline;

constexpr std::size_t most_sections = 8;
constexpr std::size_t longest_name = 1U << 15;

// Where tables and sections begin and end is where readers go wrong.
std::vector<std::uint64_t> addresses_in(const symbol::ElfFile& file) {
  std::vector<std::uint64_t> found{0, UINT64_MAX};
  for (const auto& section : file.sections()) {
    if (found.size() > 4 * most_sections) break;
    const auto& [start, size] = std::pair(section.address, section.size);
    found.insert(found.end(),
                 {start, start + 1, start + size / 2, start + size - 1});
  }
  for (std::uint64_t offset = 0; offset < 1U << 14; offset += 1U << 8) {
    const auto address = file.address_of(offset);
    if (address) found.push_back(*address);
  }
  std::ranges::sort(found);
  const auto [first, last] = std::ranges::unique(found);
  found.erase(first, last);
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  auto file = symbol::ElfFile::open(fuzz::file_of(fuzz::text_of(data, size)));
  if (!file) return 0;
  fuzz::must(file->build_id().size() <= 64);
  (void)file->find_section(".gnu_debuglink");
  const auto addresses = addresses_in(*file);
  std::vector<symbol::ElfSymbol> names(addresses.size());
  const auto reason = symbol::name_symbols(*file, addresses, names);
  bool all_named = true;
  for (std::size_t i = 0; i < names.size(); ++i) {
    all_named = all_named && !names[i].name.empty();
    fuzz::must(names[i].name.size() <= longest_name);
    fuzz::must(names[i].name.empty() || names[i].start <= addresses[i]);
  }
  fuzz::must(all_named == (reason == symbol::Reason::none));
  return 0;
}
