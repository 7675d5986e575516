// SPDX-License-Identifier: Apache-2.0
// The jitdump reader on any bytes, as a file that grows in two steps.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/file.h"
#include "symbol/jitdump.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace sightline;
  constexpr std::uint32_t pid = 42;  // of the seeds
  UniqueFd fd(memfd_create("fuzz", MFD_CLOEXEC));
  // Half of the inputs come where room is short.
  const symbol::CodeLimits limits =
      size % 2 == 0 ? symbol::Jitdump::default_limits
                    : symbol::CodeLimits{.functions = 6, .name_bytes = 64};
  const std::size_t first = size / 2;
  if (!write_all(fd.get(), data, first)) return 0;
  auto grown = symbol::Jitdump::open(UniqueFd(dup(fd.get())), pid, limits);
  if (!grown) std::abort();
  grown->refresh();
  if (!write_all(fd.get(), data + first, size - first)) return 0;
  grown->refresh();
  auto whole = symbol::Jitdump::open(std::move(fd), pid, limits);
  whole->refresh();
  // Read at once or bit by bit, it is the same file.
  if (grown->size() != whole->size() || grown->reason() != whole->reason()) {
    std::abort();
  }
  for (std::uint64_t address = 0; address < 0x4000; address += 0x7) {
    const std::uint64_t from = address % 8;
    const std::uint64_t to = from == 0 ? ~0ULL : from + 3;
    const auto one = grown->find(address, from, to);
    const auto other = whole->find(address, from, to);
    if (one.has_value() != other.has_value()) std::abort();
    if (one && (one->name != other->name || address < one->start ||
                address - one->start >= one->size)) {
      std::abort();
    }
  }
  return 0;
}
