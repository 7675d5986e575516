// SPDX-License-Identifier: Apache-2.0
// Rows looked up and rules followed as the kernel half does, in plain words.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "unwind/cfi_expression.h"
#include "unwind/rows.h"

namespace sightline::unwind::testing {

struct Found {
  std::uint32_t rule = UNWIND_RULE_NO_ROWS;
  std::uint64_t row = ~0ULL;  // its index; ~0: there is none

  bool operator==(const Found&) const = default;
};

inline Found look_up(const Rows& rows, std::uint64_t address) {
  const std::uint64_t page = (address >> UNWIND_PAGE_BITS) - rows.first_page;
  if (page >= rows.pages.size() || rows.pages[page].count == 0) return {};
  const auto first = rows.rows.begin() + rows.pages[page].first;
  const auto behind =
      std::upper_bound(first, first + rows.pages[page].count, address & 0xffff,
                       [](std::uint64_t offset, unwind_row row) {
                         return offset < unwind_row_offset(row);
                       });
  const auto row = std::prev(behind);
  return {.rule = unwind_row_rule(*row),
          .row = static_cast<std::uint64_t>(row - rows.rows.begin())};
}

// What a step finds; nullopt where the value is lost.
struct Caller {
  std::optional<std::uint64_t> cfa = {};
  std::optional<std::uint64_t> return_address = {};
  std::optional<std::uint64_t> frame_pointer = {};

  bool operator==(const Caller&) const = default;
};

class RuleWalk {
 public:
  RuleWalk(const unwind_rule& rule, Machine machine, const Surroundings& around)
      : rule_(rule),
        architecture_(architecture_of(machine)),
        around_(around),
        pc_(machine == Machine::x86_64 ? 16 : 32) {}

  [[nodiscard]] Caller run() const {
    if (rule_.kind == UNWIND_SIGNAL) return from_signal_frame();
    const std::uint64_t cfa = canonical_address();
    return {.cfa = cfa,
            .return_address =
                saved(rule_.ra, rule_.ra_register, rule_.ra_offset, cfa, ~0U),
            .frame_pointer = saved(rule_.fp, rule_.fp_register, rule_.fp_offset,
                                   cfa, architecture_.frame_pointer)};
  }

 private:
  [[nodiscard]] std::uint64_t word_at(std::uint64_t address) const {
    std::uint64_t word = 0;
    (void)around_.read(address, word);
    return word;
  }
  [[nodiscard]] std::uint64_t in_register(unsigned number) const {
    return around_.registers.get(number).value_or(0);
  }

  [[nodiscard]] std::uint64_t canonical_address() const {
    if (rule_.kind == UNWIND_PLT) {
      const bool late =
          static_cast<std::int64_t>(in_register(pc_) & 15) >= rule_.cfa_offset;
      return in_register(rule_.base) + (late ? 16 : 8);
    }
    const std::uint64_t place =
        in_register(rule_.base) + static_cast<std::uint64_t>(rule_.cfa_offset);
    if (rule_.deref == 0) return place;
    return word_at(place) + static_cast<std::uint64_t>(rule_.cfa_add);
  }

  [[nodiscard]] std::optional<std::uint64_t> saved(unsigned how,
                                                   unsigned number,
                                                   std::int64_t offset,
                                                   std::uint64_t cfa,
                                                   unsigned self) const {
    const auto distance = static_cast<std::uint64_t>(offset);
    switch (how) {
      case UNWIND_SAME:
        return in_register(self);
      case UNWIND_AT_CFA:
        return word_at(cfa + distance);
      case UNWIND_AT_BASE:
        return word_at(in_register(rule_.base) + distance);
      case UNWIND_IN_REGISTER:
        return in_register(number);
      default:
        return std::nullopt;
    }
  }

  // x86-64 only: ucontext at the stack pointer, its registers at 40.
  [[nodiscard]] Caller from_signal_frame() const {
    const std::uint64_t registers = in_register(rule_.base) + 40;
    return {.cfa = word_at(registers + 15 * 8),
            .return_address = word_at(registers + 16 * 8),
            .frame_pointer = word_at(registers + 10 * 8)};
  }

  const unwind_rule& rule_;
  Architecture architecture_;
  const Surroundings& around_;
  unsigned pc_;
};

}  // namespace sightline::unwind::testing
