// SPDX-License-Identifier: Apache-2.0
#include "output/json_line.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace sightline::output {
namespace {

// As JSON has it, too.
bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char byte) {
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
  });
}

// What stands between the braces of an object.
std::string inside(const Json& object) {
  auto line = to_line(object);
  return line.substr(1, line.size() - 3);
}

}  // namespace

void JsonLine::begin(std::string_view key) {
  line_ += line_.empty() ? "{\"" : ",\"";
  line_ += key;
  line_ += "\":";
}

JsonLine& JsonLine::raw(std::string_view key, std::string_view value) {
  begin(key);
  line_ += value;
  return *this;
}

JsonLine& JsonLine::word(std::string_view key, std::string_view value) {
  begin(key);
  line_ += '"';
  line_ += value;
  line_ += '"';
  return *this;
}

JsonLine& JsonLine::text(std::string_view key, std::string_view bytes) {
  if (is_plain(bytes)) return word(key, bytes);
  Json object;
  put_text(object, key, bytes);
  line_ += line_.empty() ? "{" : ",";
  line_ += inside(object);
  return *this;
}

JsonLine& JsonLine::absent(std::string_view key, std::string_view reason) {
  raw(key, "null");
  line_ += ",\"";
  line_ += key;
  line_ += "_reason\":\"";
  line_ += reason;
  line_ += '"';
  return *this;
}

JsonLine& JsonLine::hex(std::string_view key, std::uint64_t value) {
  return word(key, hex_string(value));
}

JsonLine& JsonLine::value(std::string_view key, const Json& value) {
  Json object{{std::string(key), value}};
  line_ += line_.empty() ? "{" : ",";
  line_ += inside(object);
  return *this;
}

std::string JsonLine::finish() {
  if (line_.empty()) line_ = "{";
  line_ += "}\n";
  return std::exchange(line_, {});
}

}  // namespace sightline::output
