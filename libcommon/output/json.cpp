// SPDX-License-Identifier: Apache-2.0
#include "output/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace sightline::output {
namespace {

bool is_plain_ascii(std::string_view text) {
  return std::ranges::all_of(text,
                             [](unsigned char byte) { return byte < 0x7f; });
}

// DEL, C1 and bidirectional characters, which JSON allows as they are. They can
// only stand inside strings, so each is replaced where it stands.
std::string escape_controls(std::string_view line) {
  std::string out;
  out.reserve(line.size());
  for (std::size_t at = 0; at < line.size();) {
    auto character =
        line.substr(at, std::max<std::size_t>(utf8_sequence(line, at), 1));
    if (is_plain_ascii(character) || printable(character) == character) {
      out.append(character);
    } else {
      // DEL is ASCII, which the library would leave alone.
      auto quoted = character == "\x7f" ? R"("\u007f")"
                                        : Json(character).dump(-1, ' ', true);
      out.append(quoted, 1, quoted.size() - 2);
    }
    at += character.size();
  }
  return out;
}

}  // namespace

std::string to_line(const Json& object) {
  auto line = object.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (!is_plain_ascii(line)) line = escape_controls(line);
  line += '\n';
  return line;
}

void put_text(Json& object, std::string_view key, std::string_view bytes) {
  std::string name(key);
  object[name] = bytes;
  if (!is_utf8(bytes)) object[name + "_hex"] = to_hex(bytes);
}

void put_texts(Json& object, std::string_view key,
               std::span<const std::string> texts) {
  std::string name(key);
  auto& array = object[name] = Json::array();
  for (const auto& text : texts) array.push_back(text);
  if (std::ranges::all_of(texts, is_utf8)) return;
  auto& raw = object[name + "_hex"] = Json::array();
  for (const auto& text : texts) raw.push_back(to_hex(text));
}

void put_absent(Json& object, std::string_view key, std::string_view reason) {
  std::string name(key);
  object[name] = nullptr;
  object[name + "_reason"] = reason;
}

std::string hex_string(std::uint64_t value) {
  return fmt::format("{:#x}", value);
}

std::optional<std::uint64_t> parse_hex_string(std::string_view text) {
  if (!text.starts_with("0x")) return std::nullopt;
  std::uint64_t value = 0;
  const auto* end = text.data() + text.size();
  auto [at, code] = std::from_chars(text.data() + 2, end, value, 16);
  if (code != std::errc{} || at != end) return std::nullopt;
  return value;
}

}  // namespace sightline::output
