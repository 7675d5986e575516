// SPDX-License-Identifier: Apache-2.0
// The kernel's list of symbols; a container's runtime may mount any file there.
#include <fmt/format.h>

#include <array>

#include "input.h"
#include "symbol/kernel_symbols.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace sightline;
  const auto fd = fuzz::file_of(fuzz::text_of(data, size));
  const auto path = fmt::format("/proc/self/fd/{}", fd.get());
  auto kernel = symbol::KernelSymbols::open(path);
  kernel.set_reload_after(UINT64_MAX);
  constexpr std::array<std::uint64_t, 8> addresses{0,
                                                   1,
                                                   0xffffffff81000000,
                                                   0xffffffff81000123,
                                                   0xffffffffc0211010,
                                                   0xffffffffc0300000,
                                                   UINT64_MAX - 1,
                                                   UINT64_MAX};
  for (const auto address : addresses) {
    const auto found = kernel.find(address);
    const bool named = found.reason == symbol::Reason::none;
    fuzz::must(named == !found.name.empty());
    fuzz::must(!named || found.offset <= address);
    fuzz::must(found.name.size() + found.module.size() < size + sizeof "bpf");
  }
  fuzz::must(kernel.size() <= size);
  return 0;
}
