// SPDX-License-Identifier: Apache-2.0
#include "stack/copied_stacks.h"

#include <algorithm>
#include <cstring>
#include <utility>


namespace sightline::stack {
namespace {

// By DWARF numbers: psABI figure 3.36, AADWARF64 4.1.
#if defined(__aarch64__)
constexpr unsigned pc_register = 32;
constexpr unsigned sp_register = 31;
#else
constexpr unsigned pc_register = 16;
constexpr unsigned sp_register = 7;
#endif

unwind::Registers registers_of(const copy_record& record) {
  unwind::Registers registers;
  for (unsigned i = 0; i < pc_register && i < COPY_REGISTERS; ++i) {
    registers.set(i, record.registers[i]);
  }
  registers.set(pc_register, record.pc);
  return registers;
}

}  // namespace

std::optional<std::uint32_t> CopiedStacks::add(
    std::span<const std::byte> bytes) {
  constexpr auto header_bytes = offsetof(copy_record, bytes);
  if (bytes.size() < header_bytes) return std::nullopt;
  copy_record record;
  std::memcpy(&record, bytes.data(), header_bytes);
  auto stack = bytes.subspan(header_bytes);
  stack = stack.first(std::min<std::size_t>(stack.size(), record.byte_count));
  if (bytes_ + stack.size() > most_bytes) return std::nullopt;
  bytes_ += stack.size();
  copies_.push_back(
      {.image = {record.pid, record.exec_id, record.start_ns},
       .hash = record.hash,
       .registers = registers_of(record),
       .stack_pointer = record.registers[sp_register],
       .in_syscall = record.from_call != 0,
       .bytes = {stack.begin(), stack.end()}});
  return record.pid;
}

unwind::WalkedStack CopiedStacks::walk(const Copy& copy) {
  const auto* space = table_.space_of(copy.image);
  if (space == nullptr) {
    return {.frames = {copy.registers.values[pc_register]},
            .reason = STACK_PENDING};
  }
  auto read = [&copy](std::uint64_t address, std::uint64_t& word) {
    const auto offset = address - copy.stack_pointer;
    if (copy.bytes.size() < sizeof(word) ||
        offset > copy.bytes.size() - sizeof(word)) {
      return false;
    }
    std::memcpy(&word, copy.bytes.data() + offset, sizeof(word));
    return true;
  };
  auto stack = walk_.walk(copy.registers, copy.in_syscall, *space, read);
  // The copy ends before the stack does.
  bool full = copy.bytes.size() >= COPY_MAX_BYTES - COPY_PIECE;
  if (stack.reason == STACK_UNREADABLE && full) stack.reason = STACK_CUT;
  return stack;
}

void CopiedStacks::walk(const Deliver& deliver) {
  bytes_ = 0;
  for (const auto& copy : std::exchange(copies_, {})) {
    deliver(copy.hash, walk(copy));
  }
}

}  // namespace sightline::stack
