// SPDX-License-Identifier: Apache-2.0
// Work on a stranger's bytes by code that is not made for it, in a process that
// may die of it. What such a process can cost is bounded from outside: time,
// memory, and what it says, which is never more than bytes to be checked.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace sightline::symbol {

struct WorkerLimits {
  std::uint64_t deadline_ns = 0;  // on the monotonic clock, then it is killed
  std::uint64_t memory_bytes = 1ULL << 30;  // beyond what it begins with
};

enum class WorkerEnd {
  finished,       // the body returned
  died,           // of a signal, or of what it is not allowed to do
  late,           // killed at the deadline, or out of CPU time
  out_of_memory,  // also of a crash without any left, or of not being started
  refused,        // `take` returned false; killed
};

// A body that runs out of memory ends its process with this status.
inline constexpr int worker_exit_memory = 3;

// Runs `body(out)` in a forked process and hands over what it writes to `out`,
// in pieces as they come; `take` returns false to end it. `tick` is called at
// least ten times a second while it runs.
//
// The process keeps the descriptors `keep` and no other, and can open nothing:
// no file, no socket; it can start nothing and signal nobody (seccomp, where
// the kernel has it). It leaves no core, hears no key of the terminal, and dies
// with the caller. Whoever calls has one thread, and no unwritten output of
// stdio that a body would write.
//
// Costs a fork; the copy shares the caller's memory. Not for any thread but the
// only one.
WorkerEnd run_worker(const WorkerLimits& limits, std::span<const int> keep,
                     const std::function<void(int out)>& body,
                     const std::function<bool(std::span<const char>)>& take,
                     const std::function<void()>& tick);

}  // namespace sightline::symbol
