// SPDX-License-Identifier: Apache-2.0
#include "unwind/cfi_program.h"

#include <limits>

namespace sightline::unwind {
namespace {

// DWARF 5, table 7.29, and what GNU and arm64 add.
enum Instruction : std::uint8_t {
  // In the two highest bits, with an operand in the others.
  advance_loc = 0x40,
  offset = 0x80,
  restore_rule = 0xc0,

  nop = 0x00,
  set_loc = 0x01,
  advance_loc1 = 0x02,
  advance_loc2 = 0x03,
  advance_loc4 = 0x04,
  offset_extended = 0x05,
  restore_extended = 0x06,
  undefined = 0x07,
  same_value = 0x08,
  in_register = 0x09,
  remember_state = 0x0a,
  restore_state = 0x0b,
  def_cfa = 0x0c,
  def_cfa_register = 0x0d,
  def_cfa_offset = 0x0e,
  def_cfa_expression = 0x0f,
  expression = 0x10,
  offset_extended_sf = 0x11,
  def_cfa_sf = 0x12,
  def_cfa_offset_sf = 0x13,
  val_offset = 0x14,
  val_offset_sf = 0x15,
  val_expression = 0x16,
  negate_ra_state = 0x2d,  // AADWARF64, 4.4
  gnu_args_size = 0x2e,
  gnu_negative_offset_extended = 0x2f,
};

// Compilers nest one state in another, seldom more.
constexpr std::size_t most_remembered = 32;

}  // namespace

Program::Program(const FrameSection& section)
    : section_(&section), architecture_(architecture_of(section.machine)) {}

std::optional<State> Program::initial_state(const Cie& cie) {
  cie_ = &cie;
  initial_ = nullptr;
  cursor_ = Cursor(section_->bytes, cie.program.begin, cie.program.end);
  state_ = {};
  remembered_.clear();
  location_ = end_ = 0;
  while (cursor_.more()) execute(cursor_.byte());
  if (cursor_.failed()) return std::nullopt;
  return state_;
}

void Program::start(const Cie& cie, const State& initial, const Fde& fde,
                    std::uint64_t end) {
  cie_ = &cie;
  initial_ = &initial;
  cursor_ = Cursor(section_->bytes, fde.program.begin, fde.program.end);
  state_ = initial;
  remembered_.clear();
  row_begin_ = row_end_ = location_ = fde.start;
  end_ = end;
}

bool Program::next() {
  changed_ = row_end_ == row_begin_;  // the first row
  row_begin_ = location_;
  while (cursor_.more() && location_ == row_begin_) execute(cursor_.byte());
  if (cursor_.failed()) return false;
  row_end_ = cursor_.more() || location_ != row_begin_ ? location_ : end_;
  location_ = row_end_;
  return row_begin_ < row_end_;
}

void Program::execute(std::uint8_t instruction) {
  const unsigned operand = instruction & 0x3f;
  switch (instruction & 0xc0) {
    case advance_loc:
      return advance(operand);
    case offset:
      return set(operand,
                 {.saved = Saved::at_cfa, .offset = unsigned_offset()});
    case restore_rule:
      return restore(operand);
    default:
      return execute_extended(instruction);
  }
}

void Program::execute_extended(std::uint8_t instruction) {
  switch (instruction) {
    case nop:
      return;
    case set_loc:
      return set_location();
    case advance_loc1:
      return advance(cursor_.byte());
    case advance_loc2:
      return advance(cursor_.take<std::uint16_t>());
    case advance_loc4:
      return advance(cursor_.take<std::uint32_t>());
    case remember_state:
      return remember();
    case restore_state:
      return bring_back();
    case restore_extended:
      return restore(cursor_.uleb());
    case gnu_args_size:
      (void)cursor_.uleb();
      return;
    case negate_ra_state:
      // The same number means register windows on SPARC.
      if (section_->machine != Machine::arm64) return cursor_.fail();
      state_.signed_ra = !state_.signed_ra;
      changed_ = true;
      return;
    case def_cfa:
    case def_cfa_sf:
    case def_cfa_register:
    case def_cfa_offset:
    case def_cfa_offset_sf:
    case def_cfa_expression:
      return execute_cfa(instruction);
    default:
      return execute_rule(instruction);
  }
}

void Program::execute_rule(std::uint8_t instruction) {
  if (instruction == expression) return set_expression(Saved::at_expression);
  if (instruction == val_expression) return set_expression(Saved::expression);
  const std::uint64_t number = cursor_.uleb();
  switch (instruction) {
    case offset_extended:
      return set(number, {.saved = Saved::at_cfa, .offset = unsigned_offset()});
    case offset_extended_sf:
      return set(number, {.saved = Saved::at_cfa, .offset = signed_offset()});
    case gnu_negative_offset_extended:
      return set(number,
                 {.saved = Saved::at_cfa, .offset = factored(-cursor_.uleb())});
    case val_offset:
      return set(number,
                 {.saved = Saved::cfa_plus, .offset = unsigned_offset()});
    case val_offset_sf:
      return set(number, {.saved = Saved::cfa_plus, .offset = signed_offset()});
    case undefined:
      return set(number, {.saved = Saved::undefined});
    case same_value:
      return set(number, {.saved = Saved::same});
    case in_register: {
      const std::uint64_t other = cursor_.uleb();
      if (other >= architecture_.registers) return cursor_.fail();
      return set(number, {.saved = Saved::in_register,
                          .number = static_cast<std::uint32_t>(other)});
    }
    default:
      return cursor_.fail();
  }
}

void Program::execute_cfa(std::uint8_t instruction) {
  changed_ = true;
  CfaRule& cfa = state_.cfa;
  if (instruction == def_cfa_expression) {
    cfa.kind = CfaRule::Kind::expression;
    (void)take_expression(cfa.number, cfa.offset);
    return;
  }
  if (instruction == def_cfa || instruction == def_cfa_sf) {
    const std::uint64_t number = cursor_.uleb();
    return define_cfa(number, instruction == def_cfa
                                  ? static_cast<std::int64_t>(cursor_.uleb())
                                  : signed_offset());
  }
  // The others change a part of a rule that must be there.
  if (cfa.kind != CfaRule::Kind::in_register) return cursor_.fail();
  if (instruction == def_cfa_register) {
    return define_cfa(cursor_.uleb(), cfa.offset);
  }
  cfa.offset = instruction == def_cfa_offset
                   ? static_cast<std::int64_t>(cursor_.uleb())
                   : signed_offset();
}

void Program::define_cfa(std::uint64_t number, std::int64_t offset) {
  if (number >= architecture_.registers) return cursor_.fail();
  state_.cfa = {.kind = CfaRule::Kind::in_register,
                .number = static_cast<std::uint32_t>(number),
                .offset = offset};
}

// What is behind the end of the function is not run.
void Program::advance(std::uint64_t count) {
  // A CIE speaks of no place in a function.
  if (initial_ == nullptr) return cursor_.fail();
  std::uint64_t distance = 0;
  const bool beyond =
      __builtin_mul_overflow(count, cie_->code_align, &distance) ||
      distance >= end_ - location_;
  if (beyond) {
    location_ = end_;
    cursor_.skip(cursor_.left());
  } else {
    location_ += distance;
  }
}

void Program::set_location() {
  const std::uint64_t to =
      read_pointer(cursor_, *section_, cie_->pointer_encoding);
  if (initial_ == nullptr || to < location_) return cursor_.fail();
  if (to < end_) {
    location_ = to;
  } else {
    location_ = end_;
    cursor_.skip(cursor_.left());
  }
}

void Program::set(std::uint64_t number, const RegisterRule& rule) {
  if (number >= architecture_.registers) return;  // a vector register
  state_.registers[number] = rule;
  changed_ = changed_ || number == architecture_.stack_pointer ||
             number == architecture_.frame_pointer ||
             number == cie_->return_register;
}

void Program::set_expression(Saved saved) {
  const std::uint64_t number = cursor_.uleb();
  RegisterRule rule{.saved = saved};
  if (take_expression(rule.number, rule.offset)) set(number, rule);
}

void Program::restore(std::uint64_t number) {
  if (initial_ == nullptr) return cursor_.fail();
  if (number < architecture_.registers) {
    set(number, initial_->registers[number]);
  }
}

void Program::remember() {
  if (remembered_.size() == most_remembered) return cursor_.fail();
  remembered_.push_back(state_);
}

void Program::bring_back() {
  if (remembered_.empty()) return cursor_.fail();
  state_ = remembered_.back();
  remembered_.pop_back();
  changed_ = true;
}

// Sums of strangers may overflow; nobody's do who writes what is true.
std::int64_t Program::factored(std::uint64_t offset) const {
  return static_cast<std::int64_t>(
      offset * static_cast<std::uint64_t>(cie_->data_align));
}

bool Program::take_expression(std::uint32_t& at, std::int64_t& size) {
  const std::uint64_t length = cursor_.uleb();
  const std::uint64_t begin = cursor_.at();
  cursor_.skip(length);
  if (cursor_.failed() || begin > std::numeric_limits<std::uint32_t>::max()) {
    cursor_.fail();
    return false;
  }
  at = static_cast<std::uint32_t>(begin);
  size = static_cast<std::int64_t>(length);
  return true;
}

}  // namespace sightline::unwind
