// SPDX-License-Identifier: Apache-2.0
#include "unwind/walker.h"

#include <algorithm>
#include <cstddef>

// How the steps below read the stack: defined after them, because it needs to
// know what it walks.
struct unwind_walk;
namespace {
int read_stack(const unwind_walk* walk, void* to, std::size_t size,
               std::uint64_t address);
}

#define UNWIND_READ(walk, to, size, address) \
  read_stack(walk, to, size, static_cast<std::uint64_t>(address))
#include "unwind_step.h"

namespace {

struct StackWalk : unwind_walk {
  const sightline::unwind::PieceReader* read;
};

int read_stack(const unwind_walk* walk, void* to, std::size_t size,
               std::uint64_t address) {
  const auto& read = *static_cast<const StackWalk*>(walk)->read;
  return read(address, {static_cast<std::byte*>(to), size}) ? 0 : -1;
}

}  // namespace

namespace sightline::unwind {

struct Walker::State {
  StackWalk walk = {};
  std::span<const unwind_mapping> mappings;
  WalkedStack stack = {};
};

// From here on as in bpf/include/unwind.h, function by function.

int Walker::enter_mapping(State& state) {
  auto& walk = state.walk;
  if (state.mappings.empty()) return STACK_PENDING;
  auto behind =
      std::ranges::upper_bound(state.mappings, unwind_address(&walk), {},
                               [](const auto& each) { return each.start; });
  walk.at =
      behind == state.mappings.begin() ? state.mappings[0] : *std::prev(behind);
  if (!unwind_is_mapped(&walk)) return unwind_unmapped(&walk);
  auto object = view_.object(walk.at.object);
  if (!object) return STACK_PENDING;
  walk.object = *object;
  return UNWIND_GO_ON;
}

std::optional<std::uint32_t> Walker::rule_at(const unwind_object& object,
                                             std::uint64_t address) {
  const auto page = (address >> UNWIND_PAGE_BITS) - object.first_page;
  if (page >= object.page_count) return UNWIND_RULE_NO_ROWS;
  const auto word = object.pages_word + 2 * page;
  const auto* block = view_.block_of(word);
  if (block == nullptr) return std::nullopt;
  const auto entry = unwind_two_words(block, word);
  const auto first = static_cast<std::uint32_t>(entry);
  const auto count = entry >> 32;
  if (count == 0) return UNWIND_RULE_NO_ROWS;
  block = view_.block_of(first);
  if (block == nullptr) return std::nullopt;
  return unwind_row_rule(
      unwind_search_rows(block, first, count, address & 0xffff));
}

// Notes the frame that the walk is in, and goes to its caller.
int Walker::step(State& state) {
  auto& walk = state.walk;
  auto& frames = state.stack.frames;
  if (frames.size() >= STACK_MAX_FRAMES) return STACK_CUT;
  int found = UNWIND_GO_ON;
  if (!unwind_is_mapped(&walk)) found = enter_mapping(state);
  if (found == UNWIND_GO_ON || walk.from_call == 0 || frames.empty()) {
    frames.push_back(unwind_frame(&walk));
  }
  if (found != UNWIND_GO_ON) return found;
  if (walk.object.state == UNWIND_PENDING) {
    wanted_ = walk.at.object;
    return STACK_PENDING;
  }
  if (walk.object.state == UNWIND_LEFT_OUT) return STACK_LEFT_OUT;
  if (walk.object.state == UNWIND_NO_INFORMATION) return STACK_NO_ROWS;
  std::optional<std::uint32_t> number = UNWIND_RULE_NO_ROWS;
  if (unwind_has_rows(walk.object.state) != 0) {
    number = rule_at(walk.object, unwind_address(&walk) - walk.at.bias);
  }
  auto rule = number ? view_.rule(*number) : std::nullopt;
  return rule ? unwind_apply(&walk, &*rule) : STACK_FAILED;
}

WalkedStack Walker::walk(const Registers& registers, bool in_syscall,
                         std::span<const unwind_mapping> mappings,
                         const PieceReader& read) {
  State state{.mappings = mappings};
  auto& walk = state.walk;
  walk.read = &read;
  walk.pc = registers.values[pc_register];
  walk.from_call = in_syscall ? 1 : 0;
  std::copy_n(registers.values.begin(),
              std::min<std::size_t>(pc_register, UNWIND_REGISTERS),
              walk.registers);
  walk.valid = registers.known & (UNWIND_BIT(pc_register) - 1);
  walk.from_call = in_syscall ? 1 : 0;
  walk.frame_pointers = frame_pointers_ ? 1 : 0;
  wanted_.reset();
  int result = UNWIND_GO_ON;
  while (result == UNWIND_GO_ON) result = step(state);
  state.stack.reason = static_cast<stack_reason>(result);
  return std::move(state.stack);
}

}  // namespace sightline::unwind
