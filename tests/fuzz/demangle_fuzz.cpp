// SPDX-License-Identifier: Apache-2.0
// Mangled names; libiberty itself is not instrumented, its answers count.
#include <algorithm>

#include "input.h"
#include "symbol/demangle.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace sightline;
  // Names come out of string tables, so they hold no NUL.
  auto name = fuzz::text_of(data, size);
  name = name.substr(0, name.find('\0'));
  constexpr std::size_t longest_answer = 1U << 12;
  const auto answer = symbol::demangle(name);
  fuzz::must(answer.size() <= longest_answer + name.size() + sizeof "…");
  fuzz::must(answer.empty() == name.empty());
  return 0;
}
