// SPDX-License-Identifier: Apache-2.0
// The CPU at once, for who has to keep up with the kernel while others keep all
// CPUs busy.
#pragma once

namespace sightline::cli {

// The calling thread has the highest priority of those that share the CPUs
// (nice -20) while this lives; where that is not permitted (CAP_SYS_NICE,
// RLIMIT_NICE) nothing changes. Threads and processes that it starts meanwhile
// have it, too. Made and destroyed by the same thread.
class HighestPriority {
 public:
  HighestPriority();
  ~HighestPriority();
  HighestPriority(const HighestPriority&) = delete;
  HighestPriority& operator=(const HighestPriority&) = delete;

 private:
  int before_;
};

}  // namespace sightline::cli
