// SPDX-License-Identifier: Apache-2.0
// Takes from the calling process whatever it does not need to compute.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>

namespace sightline::symbol {

// For a process that was just forked: see run_worker(). `parent` is the process
// that it shall not outlive. Fails silently where a kernel lacks one of the
// means; the limits on memory and CPU time are there on all. `on_crash` is
// called at the first SIGSEGV; when it returns, the next one ends the process.
void confine(pid_t parent, std::span<const int> keep,
             std::uint64_t memory_bytes, std::uint64_t cpu_seconds,
             void (*on_crash)(int));

// Gives up all capabilities for good, whatever is executed later: for a forked
// process that talks to strangers. Cannot fail where there are none.
void drop_all_capabilities();

}  // namespace sightline::symbol
