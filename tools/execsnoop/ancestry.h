// SPDX-License-Identifier: Apache-2.0
// Where programs come from: as collapsed stacks, and as a tree of the rows.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <unordered_map>

#include "exec.h"

namespace sightline::execsnoop {

// `systemd;sshd;bash;make;cc1plus COUNT`, added up by line. A failed exec ends
// in the error: `bash;foo [ENOENT]`. Once there are `most_lines`, further ones
// are counted together, as `[others]`. Not thread-safe.
class FoldedExecs {
 public:
  // Counts execs, or with `cpu_time` microseconds of CPU time, where it is
  // known.
  explicit FoldedExecs(bool cpu_time) : cpu_time_(cpu_time) {}

  void add(const Exec& exec);
  // Lines in the order of their text.
  [[nodiscard]] std::string text() const;
  void clear() { counts_.clear(); }

  static constexpr std::size_t most_lines = 65536;

 private:
  bool cpu_time_;
  std::map<std::string, std::uint64_t> counts_;  // without the count
};

// How far a row is below another row, by the PIDs of its ancestors. The most
// recent ones are remembered. Not thread-safe.
class Depths {
 public:
  explicit Depths(std::size_t most = 65536) : most_(most) {}

  // Of an exec whose process is remembered from now on.
  std::size_t add(const Exec& exec);

 private:
  std::size_t most_;
  std::unordered_map<std::uint32_t, std::size_t> depths_;  // by process
  std::list<std::uint32_t> order_;                         // oldest first
};

}  // namespace sightline::execsnoop
