// SPDX-License-Identifier: Apache-2.0
// Where programs come from: as collapsed stacks, and as a tree of the rows.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>

#include "event/ancestry.h"
#include "exec.h"

namespace sightline::execsnoop {

// `systemd;sshd;bash;make;cc1plus COUNT`. A failed exec ends in the error:
// `bash;foo [ENOENT]`. Not thread-safe.
class FoldedExecs {
 public:
  // Counts execs, or with `cpu_time` microseconds of CPU time, where it is
  // known.
  explicit FoldedExecs(bool cpu_time) : cpu_time_(cpu_time) {}

  void add(const Exec& exec);
  [[nodiscard]] std::string text() const { return counts_.text(); }
  void clear() { counts_.clear(); }

 private:
  bool cpu_time_;
  event::FoldedCounts counts_;
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
