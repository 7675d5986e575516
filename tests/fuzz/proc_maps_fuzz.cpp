// SPDX-License-Identifier: Apache-2.0
// /proc/PID/maps and /proc/PID/stat, in which a process chooses path and name.
#include <algorithm>

#include "input.h"
#include "process/proc.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace sightline;
  const auto text = fuzz::text_of(data, size);
  const auto lines = process::parse_maps(text);
  const auto newlines = std::ranges::count(text, '\n');
  fuzz::must(lines.size() <= static_cast<std::size_t>(newlines) + 1);
  for (const auto& line : lines) fuzz::must(line.file.path.size() < size);
  const auto stat = process::parse_stat(text);
  if (stat) fuzz::must(stat->comm.size() < size);
  return 0;
}
