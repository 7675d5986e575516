// SPDX-License-Identifier: Apache-2.0
// rows_of FILE...: what the rows of each file are and cost: functions, rows,
// rules, bytes, bytes a row, the share of rows that no rule can express in
// percent, and milliseconds of CPU time (the least of three runs).
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "symbol/elf_file.h"
#include "unwind/rows.h"

namespace {

using namespace sightline;

double cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 +
         static_cast<double>(now.tv_nsec) / 1e6;
}

bool print(const char* path) {
  const auto file =
      symbol::ElfFile::open(UniqueFd(open(path, O_RDONLY | O_CLOEXEC)));
  if (!file) return false;
  unwind::Rows rows;
  double best = 1e9;
  for (int run = 0; run < 3; ++run) {
    const double start = cpu_ms();
    rows = unwind::build_rows(*file);
    best = std::min(best, cpu_ms() - start);
  }
  const auto bytes = rows.pages.size() * sizeof(unwind::Page) +
                     rows.rows.size() * sizeof(unwind_row) +
                     rows.rules.size() * sizeof(unwind_rule);
  const auto count =
      static_cast<double>(std::max<std::size_t>(rows.rows.size(), 1));
  fmt::print(
      "{}: functions {} rows {} rules {} bytes {} bytes_per_row {:.2f} "
      "unsupported {:.3f} malformed {} cpu_ms {:.1f} reason {}\n",
      path, rows.functions, rows.rows.size(), rows.rules.size(), bytes,
      static_cast<double>(bytes) / count,
      100.0 * static_cast<double>(rows.unsupported) / count, rows.malformed,
      best,
      rows.reason == symbol::Reason::none ? "none" : symbol::text(rows.reason));
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  bool all = argc > 1;
  for (int i = 1; i < argc; ++i) all = print(argv[i]) && all;
  return all ? 0 : 1;
}
