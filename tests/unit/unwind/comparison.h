// SPDX-License-Identifier: Apache-2.0
// Every row of a file against libdw, at its first and its last byte: rules and
// full walk are followed over made-up registers and memory, and must find what
// libdw's answers lead to.
#pragma once

#include <elf.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include "symbol/elf_file.h"
#include "unwind/cfi_walk.h"
#include "unwind/libdw_frames.h"
#include "unwind/lookup.h"
#include "unwind/rows.h"

namespace sightline::unwind::testing {

inline constexpr std::uint64_t most_padding = 15;  // as rows.cpp has it

// A number that looks like no other's.
inline std::uint64_t scrambled(std::uint64_t value) {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
  value = (value ^ value >> 27) * 0x94d049bb133111eb;
  return value ^ value >> 31;
}

class Comparison {
 public:
  Comparison(const symbol::ElfFile& object, const symbol::ElfFile* debug,
             const LibdwFrames& truth)
      : object_(object),
        truth_(truth),
        rows_(build_rows(object, debug)),
        frames_(*CallFrames::open(object, debug)),
        pc_(frames_.machine() == Machine::x86_64 ? 16 : 32) {
    for (unsigned i = 0; i < most_registers; ++i) {
      registers_.set(i, scrambled(i + 1) & ~7ULL);
    }
  }

  void run() {
    for (const auto& segment : object_.segments()) {
      if (segment.type != PT_LOAD || (segment.flags & PF_X) == 0) continue;
      compare_range(segment.address, segment.address + segment.file_size);
    }
  }

  struct Counts {
    std::uint64_t rows = 0;  // libdw's
    std::uint64_t unsupported = 0;
    std::uint64_t strange = 0;  // answers that were not compared
    std::uint64_t different = 0;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] const Rows& rows() const { return rows_; }

 private:
  void compare_range(std::uint64_t at, std::uint64_t end) {
    std::uint64_t gap = at;
    while (at < end) {
      const auto frame = truth_.at(at);
      if (!frame) {
        ++at;
        continue;
      }
      compare_gap(gap, at);
      compare_row(*frame, at);
      gap = at = std::max(frame->end(), at + 1);
    }
    compare_gap(gap, end);
  }

  // Rows are told by place in the file.
  [[nodiscard]] std::uint64_t place(std::uint64_t address) const {
    return object_.offset_of(address).value_or(address);
  }

  // Short ones are padding, and belong to the function behind. Where the kernel
  // begins to run it a thread begins.
  void compare_gap(std::uint64_t start, std::uint64_t end) {
    const auto begin = object_.entry();
    if (begin != 0 && begin >= start && begin < end) {
      if (look_up(rows_, place(begin)).rule != UNWIND_RULE_END) {
        different(begin, "no thread begins where the kernel begins");
      }
      end = begin;
    }
    if (end - start <= most_padding) return;
    for (const std::uint64_t at : {start, end - most_padding - 1}) {
      if (look_up(rows_, place(at)).rule != UNWIND_RULE_NO_ROWS) {
        different(at, "a rule where nothing is said");
      }
    }
  }

  void compare_row(const LibdwFrame& frame, std::uint64_t start) {
    ++counts_.rows;
    const Found first = look_up(rows_, place(start));
    const Found last = look_up(rows_, place(frame.end() - 1));
    const bool one_page = place(start) >> 16 == place(frame.end() - 1) >> 16;
    if (one_page ? first != last : first.rule != last.rule) {
      different(start, "several rows where there is one");
    }
    compare_walk(frame, start);
    const unwind_rule& rule = rows_.rules[first.rule];
    if (rule.kind == UNWIND_UNSUPPORTED) {
      ++counts_.unsupported;
      return;
    }
    // What a stub of a PLT says depends on where in it one is.
    const std::uint64_t end = rule.kind == UNWIND_PLT ? frame.end() : start + 1;
    for (std::uint64_t at = start; at < end; ++at) {
      compare_rule(frame, rule, at);
    }
  }

  void compare_rule(const LibdwFrame& frame, const unwind_rule& rule,
                    std::uint64_t at) {
    registers_.set(pc_, at);
    const Surroundings around{registers_, read_};
    const auto cfa = frame.cfa(around);
    const auto ra = frame.value_of(frame.return_register(), around, cfa);
    using Kind = LibdwFrame::Value::Kind;
    if (ra.kind == Kind::undefined || rule.kind == UNWIND_END) {
      if (ra.kind != Kind::undefined || rule.kind != UNWIND_END) {
        different(at, "not both a root");
      }
      return;
    }
    if ((rule.kind == UNWIND_SIGNAL) != frame.signal_frame()) {
      different(at, "not both a signal frame");
    }
    if (rule.kind == UNWIND_SIGNAL && pc_ != 16) return;
    const int number =
        static_cast<int>(architecture_of(frames_.machine()).frame_pointer);
    const auto fp = frame.value_of(number, around, cfa);
    if (!cfa || ra.kind == Kind::strange || fp.kind == Kind::strange) {
      ++counts_.strange;
      return;
    }
    const Caller theirs{
        .cfa = cfa, .return_address = ra.value, .frame_pointer = fp.value};
    const Caller ours = RuleWalk(rule, frames_.machine(), around).run();
    if (!(ours == theirs)) different(at, "another caller by the rule");
  }

  void compare_walk(const LibdwFrame& frame, std::uint64_t at) {
    registers_.set(pc_, at);
    const Surroundings around{registers_, read_};
    Registers caller = registers_;
    const Step step = frames_.step(caller, at, read_);
    const auto cfa = frame.cfa(around);
    const auto ra = frame.value_of(frame.return_register(), around, cfa);
    if (ra.kind == LibdwFrame::Value::Kind::undefined) {
      if (step.end != StepEnd::root) different(at, "no root by the full walk");
      return;
    }
    if (step.end != StepEnd::stepped ||
        step.signal_frame != frame.signal_frame()) {
      return different(at, "no step by the full walk");
    }
    for (unsigned i = 0; i < pc_; ++i) compare_register(frame, at, i, caller);
    if (caller.get(pc_) != ra.value) different(at, "another return address");
  }

  void compare_register(const LibdwFrame& frame, std::uint64_t at,
                        unsigned number, const Registers& caller) {
    using Kind = LibdwFrame::Value::Kind;
    const Surroundings around{registers_, read_};
    const auto theirs =
        frame.value_of(static_cast<int>(number), around, frame.cfa(around));
    const auto ours = caller.get(number);
    if (theirs.kind == Kind::strange) {
      ++counts_.strange;
    } else if (ours != theirs.value && !mistaken(number, ours, theirs.value)) {
      different(at, "another value of register " + std::to_string(number));
    }
  }

  // Where nothing is said, libdw (backends/x86_64_cfi.c) keeps register 0 and
  // calls it rbx, which is number 3 (psABI, figure 3.36).
  bool mistaken(unsigned number, std::optional<std::uint64_t> ours,
                std::optional<std::uint64_t> theirs) const {
    const auto value = registers_.get(number);
    if (pc_ != 16) return false;
    return (number == 0 && !ours && theirs == value) ||
           (number == 3 && !theirs && ours == value);
  }

  void different(std::uint64_t at, const std::string& what) {
    if (++counts_.different > 5) return;
    ADD_FAILURE() << "at 0x" << std::hex << at << ": " << what;
  }

  const symbol::ElfFile& object_;
  const LibdwFrames& truth_;
  Rows rows_;
  CallFrames frames_;
  unsigned pc_;
  Registers registers_ = {};
  MemoryReader read_ = [](std::uint64_t address, std::uint64_t& word) {
    word = scrambled(address) & ~7ULL;
    return true;
  };
  Counts counts_ = {};
};

// `debug`: of which .debug_frame is read, the file itself or another.
inline void compare(const symbol::ElfFile& object, const std::string& name,
                    const symbol::ElfFile* debug = nullptr) {
  const LibdwFrames truth((debug != nullptr ? *debug : object).fd(),
                          debug != nullptr);
  ASSERT_TRUE(static_cast<bool>(truth));
  ASSERT_TRUE(CallFrames::open(object, debug));
  Comparison comparison(object, debug, truth);
  comparison.run();
  const auto& counts = comparison.counts();
  EXPECT_GT(counts.rows, 0U);
  EXPECT_EQ(counts.different, 0U);
  EXPECT_EQ(comparison.rows().malformed, 0U);
  // Of a real file nearly everything can be said by rules.
  EXPECT_LE(counts.unsupported * 100, counts.rows);
  std::printf(
      "%s: %lu rows of libdw, %.3f %% by rules, %lu not compared, "
      "%lu different\n",
      name.c_str(), counts.rows,
      100.0 - 100.0 * static_cast<double>(counts.unsupported) /
                  static_cast<double>(counts.rows),
      counts.strange, counts.different);
}

}  // namespace sightline::unwind::testing
