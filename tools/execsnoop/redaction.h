// SPDX-License-Identifier: Apache-2.0
// What must not stand in a log: parts of arguments, by pattern.
#pragma once

#include <regex.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace sightline::execsnoop {

// A POSIX extended regular expression. Thread-safe.
class Redaction {
 public:
  // Fails (usage) with regcomp's reason, or when it would match nothing at all.
  static Result<Redaction> compile(std::string_view pattern);

  // Each match becomes `[redacted]`; with a group in the pattern, what its
  // first group matched. Bytes before a NUL only, which arguments do not have.
  [[nodiscard]] std::string apply(const std::string& text) const;

 private:
  struct Free {
    void operator()(regex_t* regex) const;
  };
  std::unique_ptr<regex_t, Free> regex_;
};

}  // namespace sightline::execsnoop
