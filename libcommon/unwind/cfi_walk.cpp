// SPDX-License-Identifier: Apache-2.0
#include "unwind/cfi_walk.h"

#include <algorithm>
#include <utility>

namespace sightline::unwind {
namespace {

// What a function gives back to its caller where nothing is said of it:
// psABI, figure 3.4 (rbx, rbp, r12 to r15); AAPCS64, 6.1.1 (x19 to x30).
constexpr std::uint64_t kept_x86_64 = 0xf048;
constexpr std::uint64_t kept_arm64 = 0x7ff80000;

constexpr unsigned program_counter_x86_64 = 16;
constexpr unsigned program_counter_arm64 = 32;

// Addresses of user space have 48 bits; above them lies the signature.
constexpr std::uint64_t unsigned_address = (1ULL << 48) - 1;

using Value = std::expected<std::uint64_t, NoValue>;

StepEnd end_for(NoValue why) {
  return why == NoValue::not_readable ? StepEnd::not_readable
                                      : StepEnd::not_understood;
}

// Applies the rules of one row.
class Caller {
 public:
  Caller(const FrameSection& section, const Cie& cie, const State& state,
         const Surroundings& around)
      : section_(section),
        state_(state),
        around_(around),
        architecture_(architecture_of(section.machine)),
        return_register_(cie.return_register) {}

  std::expected<Registers, StepEnd> make() {
    if (return_register_ >= architecture_.registers) {
      return std::unexpected(StepEnd::not_understood);
    }
    if (state_.registers[return_register_].saved == Saved::undefined) {
      return std::unexpected(StepEnd::root);
    }
    const Value cfa = canonical_address();
    if (!cfa) return std::unexpected(end_for(cfa.error()));
    cfa_ = *cfa;
    Registers caller;
    NoValue why = NoValue::not_understood;
    for (unsigned i = 0; i < architecture_.registers; ++i) {
      const Value value = value_of(i);
      if (value) caller.set(i, *value);
      if (!value && i == return_register_) why = value.error();
    }
    if (!set_program_counter(caller)) return std::unexpected(end_for(why));
    return caller;
  }

 private:
  [[nodiscard]] Value in_register(std::uint64_t number,
                                  std::int64_t add = 0) const {
    const auto value = around_.registers.get(number);
    if (!value) return std::unexpected(NoValue::not_known);
    return *value + static_cast<std::uint64_t>(add);
  }

  [[nodiscard]] Value in_memory(std::uint64_t address) const {
    std::uint64_t word = 0;
    if (!around_.read(address, word)) {
      return std::unexpected(NoValue::not_readable);
    }
    return word;
  }

  [[nodiscard]] Value canonical_address() const {
    const CfaRule& rule = state_.cfa;
    switch (rule.kind) {
      case CfaRule::Kind::in_register:
        return in_register(rule.number, rule.offset);
      case CfaRule::Kind::expression:
        return evaluate(section_, rule.expression(), around_);
      case CfaRule::Kind::none:
        break;
    }
    return std::unexpected(NoValue::not_understood);
  }

  [[nodiscard]] Value value_of(unsigned number) const {
    const RegisterRule& rule = state_.registers[number];
    const std::uint64_t beside = cfa_ + static_cast<std::uint64_t>(rule.offset);
    switch (rule.saved) {
      case Saved::unspecified:
        return unspecified(number);
      case Saved::same:
        return in_register(number);
      case Saved::undefined:
        return std::unexpected(NoValue::not_known);
      case Saved::at_cfa:
        return in_memory(beside);
      case Saved::cfa_plus:
        return beside;
      case Saved::in_register:
        return in_register(rule.number);
      case Saved::at_expression:
        return at_expression(rule);
      case Saved::expression:
        return evaluate(section_, rule.expression(), around_, cfa_);
    }
    return std::unexpected(NoValue::not_understood);
  }

  [[nodiscard]] Value at_expression(const RegisterRule& rule) const {
    const Value at = evaluate(section_, rule.expression(), around_, cfa_);
    return at ? in_memory(*at) : at;
  }

  [[nodiscard]] Value unspecified(unsigned number) const {
    if (number == architecture_.stack_pointer) return cfa_;
    const std::uint64_t kept =
        section_.machine == Machine::x86_64 ? kept_x86_64 : kept_arm64;
    if ((kept >> number & 1) == 0) return std::unexpected(NoValue::not_known);
    return in_register(number);
  }

  // To where the frame returns. False: that is not known.
  bool set_program_counter(Registers& caller) const {
    auto to = caller.get(return_register_);
    if (!to) return false;
    if (section_.machine == Machine::x86_64) {
      caller.set(program_counter_x86_64, *to);
      return true;
    }
    if (state_.signed_ra) *to &= unsigned_address;
    caller.set(static_cast<unsigned>(return_register_), *to);
    caller.set(program_counter_arm64, *to);
    return true;
  }

  const FrameSection& section_;
  const State& state_;
  const Surroundings& around_;
  Architecture architecture_;
  std::uint64_t return_register_;
  std::uint64_t cfa_ = 0;
};

}  // namespace

CallFrames::CallFrames(FrameIndex index)
    : index_(std::make_unique<const FrameIndex>(std::move(index))),
      cies_(index_->section),
      program_(index_->section) {}

std::expected<CallFrames, symbol::Reason> CallFrames::open(
    const symbol::ElfFile& object, const symbol::ElfFile* debug,
    std::uint64_t most_section_bytes) {
  auto index = read_frame_index(object, debug, most_section_bytes);
  if (!index) return std::unexpected(index.error());
  return CallFrames(std::move(*index));
}

const Function* CallFrames::find(std::uint64_t address) const {
  const auto& functions = index_->functions;
  const auto behind =
      std::ranges::upper_bound(functions, address, {}, &Function::start);
  if (behind == functions.begin()) return nullptr;
  const Function& function = *std::prev(behind);
  return address < function.end() ? &function : nullptr;
}

Step CallFrames::step(Registers& registers, std::uint64_t address,
                      const MemoryReader& read, std::uint64_t bias) {
  const Function* const function = find(address);
  if (function == nullptr) return {.end = StepEnd::not_covered};
  if (function->entry == Function::begins_thread) return {.end = StepEnd::root};
  const FrameSection& section = index_->section;
  const auto header = read_header(section, function->entry);
  const CieCache::Entry* const common =
      header ? cies_.find(header->cie) : nullptr;
  const auto fde = common != nullptr ? read_fde(section, *header, common->cie)
                                     : std::nullopt;
  if (!fde) return {.end = StepEnd::not_understood};
  program_.start(common->cie, common->initial, *fde, function->end());
  do {
    if (!program_.next()) return {.end = StepEnd::not_understood};
  } while (program_.row_end() <= address);
  const Surroundings around{registers, read, bias};
  const auto caller =
      Caller(section, common->cie, program_.state(), around).make();
  if (!caller) return {.end = caller.error()};
  registers = *caller;
  return {.end = StepEnd::stepped, .signal_frame = common->cie.signal_frame};
}

std::uint64_t CallFrames::memory() const {
  return index_->section.bytes.capacity() +
         index_->functions.capacity() * sizeof(Function);
}

}  // namespace sightline::unwind
