// SPDX-License-Identifier: Apache-2.0
// A whole ELF file with another one inside, compressed: mini-debuginfo.
#include "input.h"
#include "symbol/debug_data.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace sightline;
  auto file = symbol::ElfFile::open(fuzz::file_of(fuzz::text_of(data, size)));
  if (!file) return 0;
  const auto inside = symbol::open_debug_data(*file);
  fuzz::must(inside || inside.error() != symbol::Reason::none);
  if (inside && !inside->build_id().empty()) {
    fuzz::must(inside->build_id() == file->build_id());
  }
  return 0;
}
