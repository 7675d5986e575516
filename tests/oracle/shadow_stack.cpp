// SPDX-License-Identifier: Apache-2.0
#include "shadow_stack.h"

#include <algorithm>
#include <array>

namespace sightline::oracle {
namespace {

constexpr std::uint64_t sigreturn_call = 15;

bool is_prefix(std::uint8_t byte) {
  constexpr std::array<std::uint8_t, 5> prefixes = {0x2e, 0x3e, 0x66, 0xf2,
                                                    0xf3};
  return std::ranges::find(prefixes, byte) != prefixes.end() ||
         (byte & 0xf0) == 0x40;  // REX
}

// Direct, and through a register or memory: FF /2.
bool is_call(const Bytes& instruction) {
  auto at = std::ranges::find_if_not(instruction, is_prefix);
  if (instruction.end() - at < 2) return false;
  return at[0] == 0xe8 || (at[0] == 0xff && (at[1] >> 3 & 7) == 2);
}

bool is_sigreturn(const Bytes& instruction, const Registers& registers) {
  return instruction.size() >= 2 && instruction[0] == 0x0f &&
         instruction[1] == 0x05 && registers.rax == sigreturn_call;
}

}  // namespace

// A stack grows down: what lies below the stack pointer has been left, by a
// return or by longjmp. A handler's may be another stack, so below the frame
// that was interrupted nothing is compared.
void ShadowStack::drop_returned(std::uint64_t stack_pointer) {
  while (!entries_.empty() && entries_.back().interrupted == 0 &&
         entries_.back().place < stack_pointer)
    entries_.pop_back();
}

void ShadowStack::stepped(const Registers& before, const Bytes& instruction,
                          const Registers& after) {
  if (is_sigreturn(instruction, before)) {
    while (!entries_.empty() && entries_.back().interrupted == 0)
      entries_.pop_back();
    if (!entries_.empty()) entries_.pop_back();
    return;
  }
  drop_returned(after.rsp);
  if (after.rsp == before.rsp - 8 && is_call(instruction))
    entries_.push_back({after.rsp, 0});
}

void ShadowStack::signalled(const Registers& before, const Registers& after) {
  entries_.push_back({before.rsp, before.rip});
  entries_.push_back({after.rsp, 0});
}

bool ShadowStack::in_handler() const {
  return std::ranges::any_of(
      entries_, [](const Entry& entry) { return entry.interrupted != 0; });
}

}  // namespace sightline::oracle
