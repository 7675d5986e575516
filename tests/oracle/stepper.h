// SPDX-License-Identifier: Apache-2.0
// Runs a program one instruction at a time, from its first one on, and keeps
// its shadow stack.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "shadow_stack.h"

namespace sightline::oracle {

// A thread that stands still between two instructions.
struct Place {
  pid_t pid;
  Registers registers;
  const ShadowStack* shadow;

  // The whole chain, with where it stands itself first. `interrupted` is added
  // to an address where a signal came: our walks tell one more.
  std::vector<std::uint64_t> truth(std::uint64_t interrupted = 0) const;
};

struct Stepping {
  // Each so many instructions this signal comes, unless a handler runs. 0:
  // none.
  int signal = 0;
  std::uint64_t signal_each = 0;
};

// Visits each place between the two instructions of
// tests/workloads/unwind/marks.h. Returns the program's exit status, or -1 when
// it could not be stepped.
int step_program(const std::string& path, const Stepping& options,
                 const std::function<void(const Place&)>& visit);

// Reads up to so many bytes of its memory; fewer where it ends.
std::vector<std::uint8_t> read_memory(pid_t pid, std::uint64_t address,
                                      std::size_t size);
bool read_word(pid_t pid, std::uint64_t address, std::uint64_t& word);

}  // namespace sightline::oracle
