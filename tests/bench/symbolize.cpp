// SPDX-License-Identifier: Apache-2.0
// symbolize FILE: names the virtual addresses of an ELF file that come on
// standard input, one a line in hexadecimal and in any order, as
// llvm-symbolizer and addr2line do. For tests/bench/symbols_bench.py.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/file.h"
#include "symbol/symbolizer.h"

namespace {

using namespace sightline;

constexpr std::size_t most_input = 1U << 26;

// A Symbolizer wants what a profile has: offsets into the file.
std::vector<std::uint64_t> read_offsets(const symbol::ElfFile& file,
                                        const std::string& text) {
  std::vector<std::uint64_t> offsets;
  const char* at = text.c_str();
  for (char* end = nullptr;; at = end) {
    const std::uint64_t address = std::strtoull(at, &end, 16);
    if (end == at) return offsets;
    offsets.push_back(file.offset_of(address).value_or(UINT64_MAX));
  }
}

std::string lines_of(const std::vector<std::uint64_t>& offsets,
                     const std::vector<std::uint64_t>& batch,
                     const std::vector<symbol::Named>& named) {
  std::string lines;
  for (const std::uint64_t offset : offsets) {
    const auto found = std::ranges::lower_bound(batch, offset) - batch.begin();
    const std::string& name = named[static_cast<std::size_t>(found)].name;
    lines.append(name.empty() ? "??" : name).push_back('\n');
  }
  return lines;
}

}  // namespace

int main(int argc, char** argv) {
  const auto fd = open_file(argc == 2 ? argv[1] : "", O_RDONLY);
  const auto input = read_fd(STDIN_FILENO, most_input);
  if (!fd || !input) return EXIT_FAILURE;
  const auto file = symbol::ElfFile::open(UniqueFd(dup(fd->get())));
  if (!file) return EXIT_FAILURE;
  const auto offsets = read_offsets(*file, *input);
  auto batch = offsets;
  std::ranges::sort(batch);
  const auto twice = std::ranges::unique(batch);
  batch.erase(twice.begin(), twice.end());
  std::vector<symbol::Named> named(batch.size());
  const symbol::Symbolizer symbolizer{
      symbol::KernelSymbols::open("/proc/kallsyms")};
  symbolizer.name_object(fd->get(), batch, named);
  const std::string lines = lines_of(offsets, batch, named);
  return write_all(STDOUT_FILENO, lines.data(), lines.size()) ? EXIT_SUCCESS
                                                              : EXIT_FAILURE;
}
