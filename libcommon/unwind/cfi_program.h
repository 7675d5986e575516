// SPDX-License-Identifier: Apache-2.0
// The instructions of call frame information (DWARF 5, 6.4.2): run for one
// function, they give row after row of how to find its caller.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "unwind/cfi_reader.h"
#include "unwind/cursor.h"
#include "unwind/frame_section.h"

namespace sightline::unwind {

// x86-64: 16 and the return address (psABI, figure 3.36). arm64: 31, SP and the
// program counter (AADWARF64, 4.1). Vector registers are not followed.
inline constexpr unsigned most_registers = 33;

struct Architecture {
  unsigned registers = 0;
  unsigned stack_pointer = 0;
  unsigned frame_pointer = 0;
};

constexpr Architecture architecture_of(Machine machine) {
  return machine == Machine::x86_64 ? Architecture{17, 7, 6}
                                    : Architecture{33, 31, 29};
}

// What is said of a register of the caller.
enum class Saved : std::uint8_t {
  unspecified,    // nothing: the ABI decides
  same,           // it still is there
  undefined,      // lost
  at_cfa,         // in memory at CFA + offset
  cfa_plus,       // is CFA + offset
  in_register,    // in another register
  at_expression,  // in memory where an expression says
  expression,     // what an expression says
};

struct RegisterRule {
  Saved saved = Saved::unspecified;
  std::uint32_t number = 0;  // the register; where the expression begins
  std::int64_t offset = 0;   // of an expression: its size

  [[nodiscard]] Range expression() const {
    return {number, number + static_cast<std::uint64_t>(offset)};
  }
};

// The canonical frame address: a register and an offset, or an expression.
struct CfaRule {
  enum class Kind : std::uint8_t { none, in_register, expression };
  Kind kind = Kind::none;
  std::uint32_t number = 0;  // as above
  std::int64_t offset = 0;

  [[nodiscard]] Range expression() const {
    return {number, number + static_cast<std::uint64_t>(offset)};
  }
};

struct State {
  CfaRule cfa = {};
  std::array<RegisterRule, most_registers> registers = {};
  bool signed_ra = false;  // arm64: the return address carries a signature
};

// Runs the instructions of one entry after the other; what it needs it keeps.
class Program {
 public:
  explicit Program(const FrameSection& section);

  // What a CIE says at the start of its functions; nullopt if it is malformed.
  std::optional<State> initial_state(const Cie& cie);

  // Begins with a function, of which only what lies before `end` counts.
  // `initial` must live as long as rows are asked for.
  void start(const Cie& cie, const State& initial, const Fde& fde,
             std::uint64_t end);

  // Goes to the next row. False behind the last one, and where the program is
  // malformed: nothing is known then from row_end() on.
  bool next();

  [[nodiscard]] std::uint64_t row_begin() const { return row_begin_; }
  [[nodiscard]] std::uint64_t row_end() const { return row_end_; }
  [[nodiscard]] const State& state() const { return state_; }
  [[nodiscard]] bool failed() const { return cursor_.failed(); }

  // Whether the rules of CFA, stack pointer, frame pointer or return address
  // may be others than in the row before.
  [[nodiscard]] bool changed() const { return changed_; }

 private:
  void execute(std::uint8_t instruction);
  void execute_extended(std::uint8_t instruction);
  void execute_rule(std::uint8_t instruction);
  void execute_cfa(std::uint8_t instruction);
  void advance(std::uint64_t count);
  void set_location();
  void set(std::uint64_t number, const RegisterRule& rule);
  void set_expression(Saved saved);
  void restore(std::uint64_t number);
  void define_cfa(std::uint64_t number, std::int64_t offset);
  void remember();
  void bring_back();
  std::int64_t factored(std::uint64_t offset) const;
  std::int64_t unsigned_offset() { return factored(cursor_.uleb()); }
  std::int64_t signed_offset() {
    return factored(static_cast<std::uint64_t>(cursor_.sleb()));
  }
  bool take_expression(std::uint32_t& at, std::int64_t& size);

  const FrameSection* section_;
  Architecture architecture_;
  const Cie* cie_ = nullptr;
  const State* initial_ = nullptr;  // null while it is made
  Cursor cursor_;
  State state_;
  std::vector<State> remembered_;
  std::uint64_t row_begin_ = 0;
  std::uint64_t row_end_ = 0;
  std::uint64_t location_ = 0;
  std::uint64_t end_ = 0;
  bool changed_ = false;
};

}  // namespace sightline::unwind
