// SPDX-License-Identifier: Apache-2.0
// What -n is given: a pattern for command names.
#pragma once

#include <regex.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace sightline::cli {

// A POSIX extended regular expression, unanchored. Matching is thread-safe.
class NamePattern {
 public:
  // Fails (usage) with regcomp's reason.
  static Result<NamePattern> compile(std::string_view text);

  [[nodiscard]] bool matches(std::string_view name) const;
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  struct Free {
    void operator()(regex_t* regex) const;
  };
  std::string text_;
  std::unique_ptr<regex_t, Free> regex_;
};

}  // namespace sightline::cli
