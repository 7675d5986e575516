// SPDX-License-Identifier: Apache-2.0
// Whether a tool can run here, decided before anything is attached: one error
// with one hint that helps, instead of a failed load and a verifier log.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/features.h"

namespace sightline::cli {

// What a tool is going to use, as its options have it.
struct Needs {
  bool bpf = false;             // loads tracing programs
  bool perf = false;            // opens perf events
  bool cpu_wide = false;        // ... on whole CPUs, not only on own processes
  bool kernel_symbols = false;  // names kernel functions (never fatal)
  bool btf = false;             // the kernel's own BTF; not with --btf FILE
  bool tracefs = false;         // classic tracepoints, kprobes by name
  bool pmu = false;             // hardware counters
  bool names = false;           // what addresses are called (never fatal here)
  std::uint64_t memlock_bytes = 0;  // what the BPF maps take
};

// Whether /proc and /sys are there. Every tool reads both throughout (targets,
// namespaces, settings of the kernel; which CPUs there are, BTF), and nothing
// true can be said of a target or a permission without them: ask this first.
// Kind `unsupported`, as for other file systems that are not mounted. Pure.
Status check_mounts(const SystemFacts& facts);

// The first thing that stands in the way, permission before feature: kind
// `permission` for capabilities, user namespaces, perf_event_paranoid, lockdown
// and RLIMIT_MEMLOCK; kind `unsupported` for what kernel or hardware lack.
// Pure.
Status preflight(const Needs& needs, const SystemFacts& facts);

// For what nobody knows to be forbidden before it is tried: a failure of kind
// `permission` gets the hint of how this process would have all capabilities
// that `needs` asks for, unless it has them. Pure.
Error with_capability_hint(Error error, const Needs& needs,
                           const SystemFacts& facts);

// For -v: what is missing or unusual and makes the result poorer, or looks as
// if it did, without being in the way. A sentence each. Pure.
std::vector<std::string> preflight_notes(const Needs& needs,
                                         const SystemFacts& facts);

// Lifts RLIMIT_MEMLOCK: away altogether with CAP_SYS_RESOURCE, else as far as
// its hard limit. Returns the limit then in force, in bytes; ~0 is unlimited.
// For kernels that charge BPF memory to it. Changes the whole process.
std::uint64_t raise_memlock();

}  // namespace sightline::cli
