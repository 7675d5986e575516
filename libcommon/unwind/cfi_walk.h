// SPDX-License-Identifier: Apache-2.0
// From a frame to its caller with all that call frame information says: every
// register and any expression, where the kernel half's rules keep two.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>

#include "symbol/elf_file.h"
#include "symbol/reason.h"
#include "unwind/cfi_expression.h"
#include "unwind/frame_index.h"

namespace sightline::unwind {

// What became of a step.
enum class StepEnd : std::uint8_t {
  stepped,         // the registers are the caller's
  root,            // a thread begins here
  not_covered,     // nothing is said of this address
  not_understood,  // malformed, or it wants a register whose value is lost
  not_readable,    // it wants memory that cannot be read
};

struct Step {
  StepEnd end = StepEnd::not_covered;
  // The frame that was left is the kernel's for a signal: the caller was
  // interrupted, and its address is no return address.
  bool signal_frame = false;
};

// The call frame information of one object, read once and kept. Move-only, not
// thread-safe.
class CallFrames {
 public:
  // `debug`: as in build_rows(). Reasons: as read_frame_index().
  static std::expected<CallFrames, symbol::Reason> open(
      const symbol::ElfFile& object, const symbol::ElfFile* debug = nullptr,
      std::uint64_t most_section_bytes = 256U << 20);

  // Makes the registers of a frame those of its caller; they stay as they are
  // unless `stepped`. `address` is in the object: that of the instruction, or
  // one less than a return address. `bias`: mapped address - address in the
  // object. A register that the caller does not get back is forgotten. The
  // caller's address is in the program counter (x86-64: 16, arm64: 32).
  Step step(Registers& registers, std::uint64_t address,
            const MemoryReader& read, std::uint64_t bias = 0);

  [[nodiscard]] Machine machine() const { return index_->section.machine; }
  // Bytes of memory that it holds.
  [[nodiscard]] std::uint64_t memory() const;

 private:
  explicit CallFrames(FrameIndex index);
  [[nodiscard]] const Function* find(std::uint64_t address) const;

  // Does not move: the others refer to it.
  std::unique_ptr<const FrameIndex> index_;
  CieCache cies_;
  Program program_;
};

}  // namespace sightline::unwind
