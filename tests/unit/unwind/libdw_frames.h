// SPDX-License-Identifier: Apache-2.0
// The same questions, asked of libdw, which shares no code with ours.
#pragma once

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <libelf.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

#include "unwind/cfi_expression.h"

namespace sightline::unwind::testing {

// Runs what libdw answers with.
class LibdwExpression {
 public:
  LibdwExpression(const Surroundings& around, std::optional<std::uint64_t> cfa)
      : around_(around), cfa_(cfa) {}

  // nullopt: an operation that this does not know.
  std::optional<std::uint64_t> run(const Dwarf_Op* ops, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      if (!execute(ops[i])) return std::nullopt;
    }
    return stack_.empty() ? std::nullopt : std::optional(stack_.back());
  }

 private:
  std::uint64_t in_register(std::uint64_t number) {
    return around_.registers.get(number).value_or(0);
  }
  std::uint64_t pop() {
    const std::uint64_t value = stack_.back();
    stack_.pop_back();
    return value;
  }

  bool execute(const Dwarf_Op& op) {
    if (op.atom >= DW_OP_lit0 && op.atom <= DW_OP_lit31) {
      stack_.push_back(op.atom - DW_OP_lit0);
    } else if (op.atom >= DW_OP_breg0 && op.atom <= DW_OP_breg31) {
      stack_.push_back(in_register(op.atom - DW_OP_breg0) + op.number);
    } else if (op.atom == DW_OP_bregx) {
      stack_.push_back(in_register(op.number) + op.number2);
    } else if (op.atom == DW_OP_call_frame_cfa) {
      stack_.push_back(cfa_.value_or(0));
    } else if (op.atom >= DW_OP_const1u && op.atom <= DW_OP_consts) {
      stack_.push_back(op.number);
    } else {
      return calculate(op);
    }
    return true;
  }

  bool calculate(const Dwarf_Op& op) {
    if (stack_.empty()) return false;
    const std::uint64_t right = pop();
    if (op.atom == DW_OP_plus_uconst) {
      stack_.push_back(right + op.number);
      return true;
    }
    if (op.atom == DW_OP_deref) {
      std::uint64_t word = 0;
      (void)around_.read(right, word);
      stack_.push_back(word);
      return true;
    }
    if (stack_.empty()) return false;
    const std::uint64_t left = pop();
    switch (op.atom) {
      case DW_OP_plus:
        stack_.push_back(left + right);
        return true;
      case DW_OP_mul:
        stack_.push_back(left * right);
        return true;
      case DW_OP_and:
        stack_.push_back(left & right);
        return true;
      case DW_OP_shl:
        stack_.push_back(left << right);
        return true;
      case DW_OP_ge:
        stack_.push_back(
            static_cast<std::uint64_t>(static_cast<std::int64_t>(left) >=
                                       static_cast<std::int64_t>(right)));
        return true;
      default:
        return false;
    }
  }

  const Surroundings& around_;
  std::optional<std::uint64_t> cfa_;
  std::vector<std::uint64_t> stack_ = {};
};

// What libdw says of one place.
class LibdwFrame {
 public:
  explicit LibdwFrame(Dwarf_Frame* frame) : frame_(frame, &std::free) {
    return_register_ = dwarf_frame_info(frame, &start_, &end_, &signal_frame_);
  }

  [[nodiscard]] std::uint64_t start() const { return start_; }
  [[nodiscard]] std::uint64_t end() const { return end_; }
  [[nodiscard]] bool signal_frame() const { return signal_frame_; }
  [[nodiscard]] int return_register() const { return return_register_; }

  [[nodiscard]] std::optional<std::uint64_t> cfa(
      const Surroundings& around) const {
    Dwarf_Op* ops = nullptr;
    std::size_t count = 0;
    if (dwarf_frame_cfa(frame_.get(), &ops, &count) != 0) return std::nullopt;
    return LibdwExpression(around, std::nullopt).run(ops, count);
  }

  struct Value {
    enum class Kind : std::uint8_t { known, undefined, strange };
    Kind kind = Kind::strange;
    std::optional<std::uint64_t> value = {};
  };
  [[nodiscard]] Value value_of(int number, const Surroundings& around,
                               std::optional<std::uint64_t> cfa) const {
    Dwarf_Op memory[3];
    Dwarf_Op* ops = nullptr;
    std::size_t count = 0;
    if (dwarf_frame_register(frame_.get(), number, memory, &ops, &count) != 0) {
      return {};
    }
    if (count == 0) {
      if (ops == memory) return {.kind = Value::Kind::undefined};
      return known(around.registers.get(static_cast<unsigned>(number)));
    }
    const unsigned last = ops[count - 1].atom;
    if (last == DW_OP_regx) return known(around.registers.get(ops[0].number));
    if (last >= DW_OP_reg0 && last <= DW_OP_reg31) {
      return known(around.registers.get(last - DW_OP_reg0));
    }
    const bool is_value = last == DW_OP_stack_value;
    const auto place =
        LibdwExpression(around, cfa).run(ops, count - (is_value ? 1 : 0));
    std::uint64_t word = 0;
    if (is_value || !place) return known(place);
    (void)around.read(*place, word);
    return known(word);
  }

 private:
  static Value known(std::optional<std::uint64_t> value) {
    if (!value) return {};
    return {.kind = Value::Kind::known, .value = value};
  }

  std::unique_ptr<Dwarf_Frame, decltype(&std::free)> frame_;
  Dwarf_Addr start_ = 0;
  Dwarf_Addr end_ = 0;
  bool signal_frame_ = false;
  int return_register_ = -1;
};

// libdw's view of a file; .eh_frame, or .debug_frame if that is asked for.
class LibdwFrames {
 public:
  LibdwFrames(int fd, bool debug_frame) {
    elf_version(EV_CURRENT);
    elf_ = elf_begin(fd, ELF_C_READ, nullptr);
    if (debug_frame) {
      dwarf_ = dwarf_begin_elf(elf_, DWARF_C_READ, nullptr);
      cfi_ = dwarf_ == nullptr ? nullptr : dwarf_getcfi(dwarf_);
    } else {
      cfi_ = dwarf_getcfi_elf(elf_);
    }
  }
  LibdwFrames(const LibdwFrames&) = delete;
  LibdwFrames& operator=(const LibdwFrames&) = delete;
  ~LibdwFrames() {
    if (dwarf_ == nullptr && cfi_ != nullptr) dwarf_cfi_end(cfi_);
    dwarf_end(dwarf_);
    elf_end(elf_);
  }

  explicit operator bool() const { return cfi_ != nullptr; }

  [[nodiscard]] std::optional<LibdwFrame> at(std::uint64_t address) const {
    Dwarf_Frame* frame = nullptr;
    if (dwarf_cfi_addrframe(cfi_, address, &frame) != 0) return std::nullopt;
    return LibdwFrame(frame);
  }

 private:
  Elf* elf_ = nullptr;
  Dwarf* dwarf_ = nullptr;
  Dwarf_CFI* cfi_ = nullptr;
};

}  // namespace sightline::unwind::testing
