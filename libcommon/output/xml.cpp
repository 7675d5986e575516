// SPDX-License-Identifier: Apache-2.0
#include "output/xml.h"

#include "base/text.h"

namespace sightline::output {
namespace {

std::string_view entity(char byte) {
  switch (byte) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

// U+FFFE and U+FFFF are no characters (XML 1.0, 2.2); the bytes are those of
// nothing else.
std::string_view shown(std::string_view text, std::size_t at) {
  auto three = text.substr(at, 3);
  if (three == "\xef\xbf\xbe") return R"(\xef\xbf\xbe)";
  if (three == "\xef\xbf\xbf") return R"(\xef\xbf\xbf)";
  return {};
}

}  // namespace

std::string xml_text(std::string_view bytes) {
  const auto text = printable(bytes);
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (auto name = entity(text[at]); !name.empty()) {
      out += name;
    } else if (auto escaped = shown(text, at); !escaped.empty()) {
      out += escaped;
      at += 2;
    } else {
      out += text[at];
    }
  }
  return out;
}

}  // namespace sightline::output
