// SPDX-License-Identifier: Apache-2.0
// names FILE: names the addresses of an ELF file that come on standard input,
// in hexadecimal, and prints them in ascending order: "ADDRESS NAME", or why
// there is no name: "ADDRESS [REASON]". Names are as in the symbol table.
#include <fcntl.h>

#include <cstdint>
#include <cstdio>
#include <set>
#include <vector>

#include "base/file.h"
#include "symbol/symbolizer.h"

namespace symbol = sightline::symbol;

static std::set<std::uint64_t> read_numbers() {
  std::set<std::uint64_t> numbers;
  unsigned long long number = 0;
  while (std::scanf("%llx", &number) == 1) numbers.insert(number);
  return numbers;
}

int main(int argc, char** argv) {
  auto fd = sightline::open_file(argc == 2 ? argv[1] : "", O_RDONLY);
  if (!fd) return 1;
  const int file = fd->get();
  const auto elf = symbol::ElfFile::open(std::move(*fd));
  if (!elf) return 1;
  std::vector<std::uint64_t> offsets;
  for (const std::uint64_t address : read_numbers()) {
    if (const auto offset = elf->offset_of(address)) offsets.push_back(*offset);
  }

  std::vector<symbol::Named> named(offsets.size());
  symbol::Symbolizer symbolizer{symbol::KernelSymbols::open("/proc/kallsyms")};
  symbolizer.set_demangle(false);
  symbolizer.name_object(file, offsets, named);
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const auto address = elf->address_of(offsets[i]).value_or(0);
    std::printf("%llx ", static_cast<unsigned long long>(address));
    if (named[i].reason == symbol::Reason::none) {
      std::puts(named[i].name.c_str());
    } else {
      std::printf("[%s]\n", symbol::text(named[i].reason).data());
    }
  }
  return 0;
}
