// SPDX-License-Identifier: Apache-2.0
#include "redaction.h"

#include <array>

#include "base/text.h"

namespace sightline::execsnoop {
namespace {

constexpr std::string_view mark = "[redacted]";

}  // namespace

void Redaction::Free::operator()(regex_t* regex) const {
  ::regfree(regex);
  delete regex;
}

Result<Redaction> Redaction::compile(std::string_view pattern) {
  auto regex = std::make_unique<regex_t>();
  const std::string text(pattern);
  int err = ::regcomp(regex.get(), text.c_str(), REG_EXTENDED);
  if (err != 0) {
    std::array<char, 128> reason{};
    ::regerror(err, regex.get(), reason.data(), reason.size());
    return fail(ErrorKind::usage, "expected a regular expression, got '" +
                                      printable(pattern) +
                                      "': " + reason.data());
  }
  Redaction redaction;
  redaction.regex_.reset(regex.release());
  if (::regexec(redaction.regex_.get(), "", 0, nullptr, 0) != 0) {
    return redaction;
  }
  return fail(ErrorKind::usage,
              "expected a pattern that needs some text, got '" +
                  printable(pattern) + "'");
}

std::string Redaction::apply(const std::string& text) const {
  std::string out;
  std::array<regmatch_t, 2> match{};
  std::size_t at = 0;
  while (at < text.size() &&
         ::regexec(regex_.get(), text.c_str() + at, match.size(), match.data(),
                   at > 0 ? REG_NOTBOL : 0) == 0) {
    const auto& part = match[1].rm_so >= 0 ? match[1] : match[0];
    auto end = static_cast<std::size_t>(match[0].rm_eo);
    if (end == 0) break;  // nothing, as at an assertion
    auto from = static_cast<std::size_t>(part.rm_so);
    auto to = static_cast<std::size_t>(part.rm_eo);
    out.append(text, at, from).append(mark).append(text, at + to, end - to);
    at += end;
  }
  return out.append(text, at);
}

}  // namespace sightline::execsnoop
