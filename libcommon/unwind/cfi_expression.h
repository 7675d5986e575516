// SPDX-License-Identifier: Apache-2.0
// Expressions of call frame information (DWARF 5, 2.5), run as a stack machine
// over the registers and the memory of whoever is walked.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>

#include "unwind/cfi_program.h"
#include "unwind/cfi_reader.h"
#include "unwind/frame_section.h"

namespace sightline::unwind {

// By DWARF numbers.
struct Registers {
  std::array<std::uint64_t, most_registers> values = {};
  std::uint64_t known = 0;  // a bit for each that has a value

  [[nodiscard]] std::optional<std::uint64_t> get(std::uint64_t number) const {
    if (number >= most_registers || (known >> number & 1) == 0) {
      return std::nullopt;
    }
    return values[number];
  }
  void set(unsigned number, std::uint64_t value) {
    values[number] = value;
    known |= 1ULL << number;
  }
  void forget(unsigned number) { known &= ~(1ULL << number); }
};

// Reads eight bytes of the walked process; false if they cannot be read.
using MemoryReader =
    std::function<bool(std::uint64_t address, std::uint64_t& word)>;

// Why an expression has no value.
enum class NoValue : std::uint8_t {
  not_understood,  // malformed, of another kind, or without end
  not_known,       // it wants a register that has no value
  not_readable,    // it wants memory that cannot be read
};

// What expressions speak of.
struct Surroundings {
  const Registers& registers;
  const MemoryReader& read;
  std::uint64_t bias = 0;  // mapped address - address in the object
};

// `first`: what lies on the stack at the start, if anything. At most 64 values
// are on the stack, and at most 1024 operations are done.
std::expected<std::uint64_t, NoValue> evaluate(
    const FrameSection& section, const Range& expression,
    const Surroundings& around,
    std::optional<std::uint64_t> first = std::nullopt);

}  // namespace sightline::unwind
