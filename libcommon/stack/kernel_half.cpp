// SPDX-License-Identifier: Apache-2.0
#include "stack/kernel_half.h"

#include <sys/random.h>

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "base/units.h"

namespace sightline::stack {

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  [[maybe_unused]] auto got = ::getrandom(&seed, sizeof(seed), 0);
  return seed;
}

std::uint32_t frame_limit() {
  auto text = read_file("/proc/sys/kernel/perf_event_max_stack");
  auto limit = text ? parse_number(trim(*text), 0, UINT32_MAX)
                    : Result<std::uint64_t>(127);
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(limit ? *limit : 127, STACK_MAX_FRAMES));
}

unwind_mode mode_of(const cli::CommonOptions& common) {
  if (common.kernel_only) return UNWIND_MODE_FP;
  switch (common.unwind) {
    case cli::Unwind::frame_pointers:
      return UNWIND_MODE_FP;
    case cli::Unwind::dwarf:
      return UNWIND_MODE_DWARF;
    case cli::Unwind::copy:
      return UNWIND_MODE_COPY;
    case cli::Unwind::automatic:
      break;
  }
  return UNWIND_MODE_AUTO;
}

}  // namespace sightline::stack
