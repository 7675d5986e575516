// SPDX-License-Identifier: Apache-2.0
// From what call frame information says at one place to the rule that the
// kernel half follows (bpf/include/unwind_rows.h).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <vector>

#include "unwind/cfi_program.h"
#include "unwind/frame_section.h"
#include "unwind_rows.h"

namespace sightline::unwind {

// The rule for a state of a function with this CIE. Expressions are recognised
// by their bytes, not run. UNWIND_UNSUPPORTED for what rules cannot express.
//
// The return address of arm64 that still is in X30 is UNWIND_IN_REGISTER 30.
unwind_rule rule_of(const FrameSection& section, const Cie& cie,
                    const State& state);

// Gives each rule one number.
class RuleTable {
 public:
  RuleTable();

  // UNWIND_RULE_UNSUPPORTED when there are too many.
  std::uint32_t number_of(const unwind_rule& rule);

  // Takes the rules away.
  std::vector<unwind_rule> release();

 private:
  struct Key {
    std::uint64_t words[2];
    std::uint32_t last;
    auto operator<=>(const Key&) const = default;
  };
  static Key key_of(const unwind_rule& rule);
  struct Recent {
    Key key = {};
    std::uint32_t number = UNWIND_RULE_NO_ROWS;
  };

  std::vector<unwind_rule> rules_;
  // A tree cannot be made slow by rules that somebody chose; in front of it
  // stand the rules in use.
  std::map<Key, std::uint32_t> numbers_;
  std::vector<Recent> recent_;
};

}  // namespace sightline::unwind
