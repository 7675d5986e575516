// SPDX-License-Identifier: Apache-2.0
#include "unwind/cfi_expression.h"

#include "unwind/dwarf_operations.h"

namespace sightline::unwind {
namespace {

constexpr std::size_t most_values = 64;
constexpr unsigned most_operations = 1024;

std::int64_t as_signed(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

std::uint64_t shifted(std::uint64_t value, std::uint64_t by, bool left) {
  if (by >= 64) return 0;
  return left ? value << by : value >> by;
}

class StackMachine {
 public:
  StackMachine(const FrameSection& section, const Range& range,
               const Surroundings& around)
      : section_(section),
        range_(range),
        around_(around),
        cursor_(section.bytes, range.begin, range.end) {}

  std::expected<std::uint64_t, NoValue> run(
      std::optional<std::uint64_t> first) {
    if (first) push(*first);
    for (unsigned count = 0; cursor_.more() && !failed_; ++count) {
      if (count == most_operations) fail(NoValue::not_understood);
      execute(cursor_.byte());
    }
    const std::uint64_t top = pop();
    if (cursor_.failed()) return std::unexpected(NoValue::not_understood);
    if (failed_) return std::unexpected(*failed_);
    return top;
  }

 private:
  void fail(NoValue why) {
    if (!failed_) failed_ = why;
  }

  void push(std::uint64_t value) {
    if (size_ == most_values) return fail(NoValue::not_understood);
    values_[size_++] = value;
  }

  std::uint64_t pop() { return size_ == 0 ? pick(0) : values_[--size_]; }

  // The value below so many others.
  std::uint64_t pick(std::size_t depth) {
    if (depth < size_) return values_[size_ - 1 - depth];
    fail(NoValue::not_understood);
    return 0;
  }

  void push_register(std::uint64_t number) {
    const auto value = around_.registers.get(number);
    if (!value) fail(NoValue::not_known);
    push(value.value_or(0) + static_cast<std::uint64_t>(cursor_.sleb()));
  }

  void dereference(unsigned size) {
    std::uint64_t word = 0;
    if (size == 0 || size > 8) return fail(NoValue::not_understood);
    const std::uint64_t address = pop();
    if (failed_) return;
    if (!around_.read(address, word)) fail(NoValue::not_readable);
    push(size == 8 ? word : word & ((1ULL << 8 * size) - 1));
  }

  void jump() {
    const auto distance = cursor_.take<std::int16_t>();
    const std::uint64_t to =
        cursor_.at() + static_cast<std::uint64_t>(std::int64_t{distance});
    if (to < range_.begin || to > range_.end || cursor_.failed()) {
      return fail(NoValue::not_understood);
    }
    cursor_ = Cursor(section_.bytes, to, range_.end);
  }

  void execute(std::uint8_t operation) {
    if (operation >= op_lit0 && operation <= op_lit31) {
      return push(operation - op_lit0);
    }
    if (operation >= op_breg0 && operation <= op_breg31) {
      return push_register(operation - op_breg0);
    }
    if (operation >= op_const1u && operation <= op_consts) {
      return push(constant(operation));
    }
    switch (operation) {
      case op_addr:
        return push(cursor_.take<std::uint64_t>() + around_.bias);
      case op_bregx:
        return push_register(cursor_.uleb());
      case op_deref:
        return dereference(8);
      case op_deref_size:
        return dereference(cursor_.byte());
      case op_skip:
        return jump();
      case op_bra:
        if (pop() != 0) return jump();
        return cursor_.skip(2);
      case op_nop:
        return;
      default:
        return operation >= op_and ? calculate(operation) : arrange(operation);
    }
  }

  std::uint64_t constant(std::uint8_t operation) {
    switch (operation) {
      case op_const1u:
        return cursor_.byte();
      case op_const1s:
        return extended(cursor_.take<std::int8_t>());
      case op_const2u:
        return cursor_.take<std::uint16_t>();
      case op_const2s:
        return extended(cursor_.take<std::int16_t>());
      case op_const4u:
        return cursor_.take<std::uint32_t>();
      case op_const4s:
        return extended(cursor_.take<std::int32_t>());
      case op_constu:
        return cursor_.uleb();
      case op_consts:
        return extended(cursor_.sleb());
      default:
        return cursor_.take<std::uint64_t>();
    }
  }

  static std::uint64_t extended(std::int64_t value) {
    return static_cast<std::uint64_t>(value);
  }

  // What moves values, or changes the uppermost.
  void arrange(std::uint8_t operation) {
    switch (operation) {
      case op_dup:
        return push(pick(0));
      case op_drop:
        (void)pop();
        return;
      case op_over:
        return push(pick(1));
      case op_pick:
        return push(pick(cursor_.byte()));
      case op_swap:
        return rotate(2);
      case op_rot:
        return rotate(3);
      case op_abs: {
        const std::uint64_t value = pop();
        return push(as_signed(value) < 0 ? -value : value);
      }
      default:
        return fail(NoValue::not_understood);
    }
  }

  // The uppermost goes below the others of `count`.
  void rotate(std::size_t count) {
    if (size_ < count) return fail(NoValue::not_understood);
    const std::uint64_t top = values_[size_ - 1];
    for (std::size_t i = size_ - 1; i > size_ - count; --i) {
      values_[i] = values_[i - 1];
    }
    values_[size_ - count] = top;
  }

  void calculate(std::uint8_t operation) {
    const std::uint64_t right = pop();
    if (operation == op_neg) return push(-right);
    if (operation == op_not) return push(~right);
    if (operation == op_plus_uconst) return push(right + cursor_.uleb());
    const std::uint64_t left = pop();
    if (operation >= op_eq && operation <= op_ne) {
      return push(compare(operation, as_signed(left), as_signed(right)));
    }
    push(combine(operation, left, right));
  }

  static std::uint64_t compare(std::uint8_t operation, std::int64_t left,
                               std::int64_t right) {
    switch (operation) {
      case op_eq:
        return static_cast<std::uint64_t>(left == right);
      case op_ge:
        return static_cast<std::uint64_t>(left >= right);
      case op_gt:
        return static_cast<std::uint64_t>(left > right);
      case op_le:
        return static_cast<std::uint64_t>(left <= right);
      case op_lt:
        return static_cast<std::uint64_t>(left < right);
      default:
        return static_cast<std::uint64_t>(left != right);
    }
  }

  std::uint64_t combine(std::uint8_t operation, std::uint64_t left,
                        std::uint64_t right) {
    switch (operation) {
      case op_and:
        return left & right;
      case op_or:
        return left | right;
      case op_xor:
        return left ^ right;
      case op_plus:
        return left + right;
      case op_minus:
        return left - right;
      case op_mul:
        return left * right;
      case op_div:
      case op_mod:
        return divide(operation, left, right);
      case op_shl:
      case op_shr:
        return shifted(left, right, operation == op_shl);
      case op_shra:
        return extended(as_signed(left) >> (right < 63 ? right : 63));
      default:
        fail(NoValue::not_understood);
        return 0;
    }
  }

  // Division is of signed numbers, the remainder of unsigned ones.
  std::uint64_t divide(std::uint8_t operation, std::uint64_t left,
                       std::uint64_t right) {
    if (right == 0) {
      fail(NoValue::not_understood);
      return 0;
    }
    if (operation == op_mod) return left % right;
    if (right == ~0ULL) return -left;  // the one quotient that overflows
    return extended(as_signed(left) / as_signed(right));
  }

  const FrameSection& section_;
  Range range_;
  const Surroundings& around_;
  Cursor cursor_;
  std::array<std::uint64_t, most_values> values_ = {};
  std::size_t size_ = 0;
  std::optional<NoValue> failed_;
};

}  // namespace

std::expected<std::uint64_t, NoValue> evaluate(
    const FrameSection& section, const Range& expression,
    const Surroundings& around, std::optional<std::uint64_t> first) {
  return StackMachine(section, expression, around).run(first);
}

}  // namespace sightline::unwind
