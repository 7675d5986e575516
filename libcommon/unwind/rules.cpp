// SPDX-License-Identifier: Apache-2.0
#include "unwind/rules.h"

#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "unwind/dwarf_operations.h"

namespace sightline::unwind {
namespace {

constexpr std::size_t recent_rules = 1024;  // a power of two

// Where the kernel saves registers in a signal frame: struct rt_sigframe of
// arch/x86/include/asm/sigframe.h, seen from the stack pointer in the
// trampoline that the handler returned to. ucontext at 0, its gregs at 40.
constexpr std::int64_t saved_rbp = 120;
constexpr std::int64_t saved_rsp = 160;
constexpr std::int64_t saved_rip = 168;
constexpr std::uint32_t rsp = 7;

// A rule that says nothing more.
constexpr unwind_rule only(unwind_kind kind) {
  unwind_rule rule{};
  rule.kind = static_cast<__u8>(kind);
  return rule;
}

constexpr unwind_rule unsupported = only(UNWIND_UNSUPPORTED);

// A register and an offset: the address that an expression computes.
struct BaseOffset {
  std::uint32_t number = 0;
  std::int64_t offset = 0;

  bool operator==(const BaseOffset&) const = default;
};

// *place + add
struct Dereferenced {
  BaseOffset place = {};
  std::int64_t add = 0;
};

Cursor expression_at(const FrameSection& section, const Range& range) {
  return {section.bytes, range.begin, range.end};
}

// bregN offset, or bregx N offset.
std::optional<BaseOffset> take_base(Cursor& cursor) {
  const std::uint8_t operation = cursor.byte();
  BaseOffset place;
  if (operation >= op_breg0 && operation <= op_breg31) {
    place.number = operation - op_breg0;
  } else if (operation == op_bregx) {
    const std::uint64_t number = cursor.uleb();
    if (number >= most_registers) return std::nullopt;
    place.number = static_cast<std::uint32_t>(number);
  } else {
    return std::nullopt;
  }
  place.offset = cursor.sleb();
  if (cursor.failed()) return std::nullopt;
  return place;
}

// What is added to the top of the stack until the expression ends.
std::optional<std::int64_t> take_additions(Cursor& cursor) {
  std::uint64_t sum = 0;
  while (cursor.more()) {
    const std::uint8_t operation = cursor.byte();
    if (operation == op_plus_uconst) {
      sum += cursor.uleb();
    } else if (operation >= op_lit0 && operation <= op_lit31 &&
               cursor.byte() == op_plus) {
      sum += operation - op_lit0;
    } else {
      return std::nullopt;
    }
  }
  if (cursor.failed()) return std::nullopt;
  return static_cast<std::int64_t>(sum);
}

// An expression that only adds to a register.
std::optional<BaseOffset> as_place(Cursor cursor) {
  auto place = take_base(cursor);
  if (!place) return std::nullopt;
  const auto add = take_additions(cursor);
  if (!add) return std::nullopt;
  place->offset =
      static_cast<std::int64_t>(static_cast<std::uint64_t>(place->offset) +
                                static_cast<std::uint64_t>(*add));
  return place;
}

// One that reads memory once.
std::optional<Dereferenced> as_dereferenced(Cursor cursor) {
  const auto place = take_base(cursor);
  if (!place || cursor.byte() != op_deref) return std::nullopt;
  const auto add = take_additions(cursor);
  if (!add) return std::nullopt;
  return Dereferenced{.place = *place, .add = *add};
}

// What linkers say of a procedure linkage table of stubs of 16 bytes, in which
// something has been pushed from byte N on:
//   breg7 8; breg16 0; lit15; and; litN; ge; lit3; shl; plus
std::optional<std::uint8_t> as_plt(std::string_view expression) {
  constexpr std::string_view before("\x77\x08\x80\x00\x3f\x1a", 6);
  constexpr std::string_view behind("\x2a\x33\x24\x22", 4);
  if (expression.size() != 11 || !expression.starts_with(before) ||
      !expression.ends_with(behind)) {
    return std::nullopt;
  }
  const auto literal = static_cast<std::uint8_t>(expression[before.size()]);
  if (literal < op_lit0 || literal > op_lit0 + 16) return std::nullopt;
  return static_cast<std::uint8_t>(literal - op_lit0);
}

template <typename Small>
bool fits(std::int64_t value) {
  return value >= std::numeric_limits<Small>::min() &&
         value <= std::numeric_limits<Small>::max();
}

// Reads a state into a rule; each step is false when the rule cannot say it.
class RuleMaker {
 public:
  RuleMaker(const FrameSection& section, const Cie& cie, const State& state)
      : section_(section),
        state_(state),
        architecture_(architecture_of(section.machine)),
        return_register_(cie.return_register),
        signal_(cie.signal_frame) {}

  unwind_rule make() {
    if (return_register_ >= architecture_.registers) return unsupported;
    if (return_address().saved == Saved::undefined) {
      return only(UNWIND_END);
    }
    if (signal_) return signal_frame();
    rule_.kind = UNWIND_FRAME;
    if (!stack_pointer_is_cfa() || !take_cfa() || !take_frame_pointer() ||
        !take_return_address()) {
      return unsupported;
    }
    return rule_;
  }

 private:
  [[nodiscard]] const RegisterRule& return_address() const {
    return state_.registers[return_register_];
  }
  [[nodiscard]] const RegisterRule& frame_pointer() const {
    return state_.registers[architecture_.frame_pointer];
  }

  // Both ABIs: the caller's stack pointer is the CFA where nothing is said.
  [[nodiscard]] bool stack_pointer_is_cfa() const {
    const RegisterRule& rule = state_.registers[architecture_.stack_pointer];
    return rule.saved == Saved::unspecified ||
           (rule.saved == Saved::cfa_plus && rule.offset == 0);
  }

  [[nodiscard]] bool is_place(const RegisterRule& rule,
                              BaseOffset place) const {
    return rule.saved == Saved::at_expression &&
           as_place(expression_at(section_, rule.expression())) == place;
  }

  // The kernel's frame has every register. On arm64 the vDSO describes a frame
  // record beside it instead, from which the interrupted function is missing;
  // only its trampoline is marked so.
  unwind_rule signal_frame() {
    if (section_.machine == Machine::x86_64 && !is_kernel_frame()) {
      return unsupported;
    }
    rule_.kind = UNWIND_SIGNAL;
    rule_.base = static_cast<__u8>(architecture_.stack_pointer);
    return rule_;
  }

  [[nodiscard]] bool is_kernel_frame() const {
    if (state_.cfa.kind != CfaRule::Kind::expression) return false;
    const auto cfa =
        as_dereferenced(expression_at(section_, state_.cfa.expression()));
    return cfa && cfa->add == 0 && cfa->place == BaseOffset{rsp, saved_rsp} &&
           is_place(return_address(), {rsp, saved_rip}) &&
           is_place(frame_pointer(), {rsp, saved_rbp});
  }

  bool take_cfa() {
    const CfaRule& cfa = state_.cfa;
    if (cfa.kind == CfaRule::Kind::in_register) {
      return take_place({cfa.number, cfa.offset});
    }
    return cfa.kind == CfaRule::Kind::expression && take_cfa_expression();
  }

  bool take_place(const BaseOffset& place) {
    rule_.base = static_cast<__u8>(place.number);
    rule_.cfa_offset = static_cast<__s32>(place.offset);
    return fits<__s32>(place.offset);
  }

  bool take_cfa_expression() {
    const Range range = state_.cfa.expression();
    const auto bytes = std::string_view(section_.bytes)
                           .substr(range.begin, range.end - range.begin);
    if (section_.machine == Machine::x86_64) {
      if (const auto threshold = as_plt(bytes)) {
        rule_.kind = UNWIND_PLT;
        return take_place({rsp, *threshold});
      }
    }
    const Cursor cursor = expression_at(section_, range);
    if (const auto place = as_place(cursor)) return take_place(*place);
    const auto read = as_dereferenced(cursor);
    if (!read || !fits<__s16>(read->add)) return false;
    rule_.deref = 1;
    rule_.cfa_add = static_cast<__s16>(read->add);
    return take_place(read->place);
  }

  // `offset` of the rule's own fields, which differ in size.
  template <typename Offset>
  bool take_saved(const RegisterRule& from, __u8& saved, __u8& number,
                  Offset& offset) const {
    switch (from.saved) {
      case Saved::unspecified:
      case Saved::same:
        saved = UNWIND_SAME;
        return true;
      case Saved::undefined:
        saved = UNWIND_LOST;
        return true;
      case Saved::in_register:
        saved = UNWIND_IN_REGISTER;
        number = static_cast<__u8>(from.number);
        return true;
      case Saved::at_cfa:
        saved = UNWIND_AT_CFA;
        offset = static_cast<Offset>(from.offset);
        return fits<Offset>(from.offset);
      case Saved::at_expression:
        return take_at_base(from, saved, offset);
      case Saved::cfa_plus:
      case Saved::expression:
        return false;
    }
    return false;
  }

  // Where the CFA is read from memory, registers are saved beside the base.
  template <typename Offset>
  bool take_at_base(const RegisterRule& from, __u8& saved,
                    Offset& offset) const {
    const auto place = as_place(expression_at(section_, from.expression()));
    if (!place || place->number != rule_.base) return false;
    saved = UNWIND_AT_BASE;
    offset = static_cast<Offset>(place->offset);
    return fits<Offset>(place->offset);
  }

  bool take_frame_pointer() {
    return take_saved(frame_pointer(), rule_.fp, rule_.fp_register,
                      rule_.fp_offset);
  }

  bool take_return_address() {
    if (!take_saved(return_address(), rule_.ra, rule_.ra_register,
                    rule_.ra_offset)) {
      return false;
    }
    if (state_.signed_ra) rule_.flags = UNWIND_RULE_SIGNED_RA;
    if (rule_.ra != UNWIND_SAME) return true;
    // x86-64 has no register that it could still be in.
    if (section_.machine == Machine::x86_64) return false;
    rule_.ra = UNWIND_IN_REGISTER;
    rule_.ra_register = static_cast<__u8>(return_register_);
    return true;
  }

  const FrameSection& section_;
  const State& state_;
  Architecture architecture_;
  std::uint64_t return_register_;
  bool signal_;
  unwind_rule rule_ = {};
};

}  // namespace

unwind_rule rule_of(const FrameSection& section, const Cie& cie,
                    const State& state) {
  return RuleMaker(section, cie, state).make();
}

RuleTable::RuleTable() : recent_(recent_rules) {
  // An empty slot of `recent_` is as good as one with the first of these.
  for (const unwind_kind kind :
       {UNWIND_NO_ROWS, UNWIND_END, UNWIND_UNSUPPORTED}) {
    const unwind_rule rule = only(kind);
    numbers_.emplace(key_of(rule), static_cast<std::uint32_t>(rules_.size()));
    rules_.push_back(rule);
  }
}

RuleTable::Key RuleTable::key_of(const unwind_rule& rule) {
  Key key{};
  static_assert(sizeof rule == sizeof key.words + sizeof key.last);
  std::memcpy(&key.words, &rule, sizeof key.words);
  std::memcpy(&key.last,
              reinterpret_cast<const char*>(&rule) + sizeof key.words,
              sizeof key.last);
  return key;
}

std::uint32_t RuleTable::number_of(const unwind_rule& rule) {
  const Key key = key_of(rule);
  constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
  std::uint64_t mixed = (key.words[0] * odd) ^ key.words[1] ^ key.last;
  mixed = (mixed ^ mixed >> 32) * odd;
  Recent& recent = recent_[(mixed >> 32) % recent_rules];
  if (recent.key == key) return recent.number;
  auto known = numbers_.find(key);
  if (known == numbers_.end()) {
    if (rules_.size() == UNWIND_MAX_RULES) return UNWIND_RULE_UNSUPPORTED;
    const auto number = static_cast<std::uint32_t>(rules_.size());
    known = numbers_.emplace(key, number).first;
    rules_.push_back(rule);
  }
  recent = {key, known->second};
  return recent.number;
}

std::vector<unwind_rule> RuleTable::release() {
  recent_.clear();
  numbers_.clear();
  return std::move(rules_);
}

}  // namespace sightline::unwind
