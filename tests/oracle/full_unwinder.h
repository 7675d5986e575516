// SPDX-License-Identifier: Apache-2.0
// Our walk with all call frame information, over a process that stands still
// under ptrace.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "process/address_space.h"
#include "process/objects.h"
#include "shadow_stack.h"
#include "unwind/full_walk.h"

namespace sightline::oracle {

class FullUnwinder {
 public:
  // The process must have loaded all that it will run.
  explicit FullUnwinder(pid_t pid);

  // The chain, itself first; interrupted addresses are one more.
  std::vector<std::uint64_t> walk(const Registers& registers);

 private:
  pid_t pid_;
  process::Objects objects_;
  process::AddressSpace space_;
  unwind::FullWalk walk_;
};

}  // namespace sightline::oracle
