// SPDX-License-Identifier: Apache-2.0
#include "full_unwinder.h"

#include <array>
#include <stdexcept>

#include "process/proc.h"
#include "stepper.h"

namespace sightline::oracle {
namespace {

// In the order of their DWARF numbers (x86-64 psABI, figure 3.36).
unwind::Registers dwarf_registers(const Registers& from) {
  const std::array values = {from.rax, from.rdx, from.rcx, from.rbx, from.rsi,
                             from.rdi, from.rbp, from.rsp, from.r8,  from.r9,
                             from.r10, from.r11, from.r12, from.r13, from.r14,
                             from.r15, from.rip};
  unwind::Registers registers;
  for (std::size_t number = 0; number < values.size(); ++number) {
    registers.values[number] = values[number];
    registers.known |= 1ULL << number;
  }
  return registers;
}

}  // namespace

FullUnwinder::FullUnwinder(pid_t pid) : pid_(pid), walk_(objects_) {
  auto process = static_cast<std::uint32_t>(pid);
  auto lines = process::read_maps(process);
  if (!lines) throw std::runtime_error("the process's maps cannot be read");
  for (const process::MapsLine& line : *lines) {
    process::ObjectId object = objects_.intern(line.file);
    objects_.capture(object, process, line.start, line.end);
    space_.insert({.start = line.start,
                   .end = line.end,
                   .file_offset = line.file_offset,
                   .object = object});
  }
}

std::vector<std::uint64_t> FullUnwinder::walk(const Registers& registers) {
  auto read = [this](std::uint64_t address, std::uint64_t& word) {
    return read_word(pid_, address, word);
  };
  return walk_.walk(dwarf_registers(registers), false, space_, read).frames;
}

}  // namespace sightline::oracle
