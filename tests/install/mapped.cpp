// SPDX-License-Identifier: Apache-2.0
// mapped PID: where a process has code: "START-END", a line for each mapping.
#include <cstdio>
#include <cstdlib>

#include "process/proc.h"

int main(int argc, char** argv) {
  const auto lines = sightline::process::read_maps(
      static_cast<std::uint32_t>(argc == 2 ? std::atoi(argv[1]) : 0));
  if (!lines) return 1;
  for (const auto& line : *lines) {
    std::printf("%08llx-%08llx\n", static_cast<unsigned long long>(line.start),
                static_cast<unsigned long long>(line.end));
  }
  return 0;
}
