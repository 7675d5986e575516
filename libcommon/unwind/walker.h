// SPDX-License-Identifier: Apache-2.0
// The kernel half's walk in user space: the same rows, the same steps
// (bpf/include/unwind_step.h), the same frames and reasons. For threads that do
// not run, and for stacks whose rows came after them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "sample.h"
#include "unwind/cfi_expression.h"
#include "unwind/full_walk.h"
#include "unwind/store_view.h"
#include "unwind_rows.h"

namespace sightline::unwind {

// Reads all of `to` from the walked process; false where any of it cannot be
// read.
using PieceReader =
    std::function<bool(std::uint64_t address, std::span<std::byte> to)>;

// Not thread-safe; `view` must outlive it.
class Walker {
 public:
  // `frame_pointers`: followed where there are no rows (not in mode dwarf).
  Walker(StoreView& view, bool frame_pointers)
      : view_(view), frame_pointers_(frame_pointers) {}

  // `registers` with the program counter under its DWARF number; those that are
  // not known make the walk end where they are needed. `in_syscall`: it is
  // behind the instruction of a system call. `mappings`: sorted, with the
  // store's objects (Spaces).
  WalkedStack walk(const Registers& registers, bool in_syscall,
                   std::span<const unwind_mapping> mappings,
                   const PieceReader& read);

  // The store's object at whose code the last walk ended because its rows are
  // not there yet.
  [[nodiscard]] std::optional<std::uint32_t> wanted() const { return wanted_; }

 private:
  struct State;
  int enter_mapping(State& state);
  // The number of the rule; nothing where the store cannot be read.
  std::optional<std::uint32_t> rule_at(const unwind_object& object,
                                       std::uint64_t address);
  int step(State& state);

  StoreView& view_;
  bool frame_pointers_;
  std::optional<std::uint32_t> wanted_ = {};
};

}  // namespace sightline::unwind
