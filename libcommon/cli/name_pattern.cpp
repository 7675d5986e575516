// SPDX-License-Identifier: Apache-2.0
#include "cli/name_pattern.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"

namespace sightline::cli {

void NamePattern::Free::operator()(regex_t* regex) const {
  regfree(regex);
  delete regex;
}

Result<NamePattern> NamePattern::compile(std::string_view text) {
  NamePattern pattern;
  pattern.text_ = text;
  auto regex = std::make_unique<regex_t>();
  auto code =
      regcomp(regex.get(), pattern.text_.c_str(), REG_EXTENDED | REG_NOSUB);
  if (code != 0) {
    std::array<char, 128> reason{};
    regerror(code, regex.get(), reason.data(), reason.size());
    return fail(
        ErrorKind::usage,
        fmt::format("expected a POSIX extended regular expression, got '{}': "
                    "{}",
                    printable(text), reason.data()));
  }
  pattern.regex_.reset(regex.release());
  return pattern;
}

bool NamePattern::matches(std::string_view name) const {
  return regexec(regex_.get(), std::string(name).c_str(), 0, nullptr, 0) == 0;
}

}  // namespace sightline::cli
