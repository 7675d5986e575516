// SPDX-License-Identifier: Apache-2.0
// One object of JSON Lines that is written key by key, for rows of which there
// are many: output/json.h gathers objects, which takes several times as long.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "output/json.h"

namespace sightline::output {

// Keys, words and reasons are ours: they have no characters that JSON escapes.
// A key is put once. Not thread-safe.
class JsonLine {
 public:
  template <std::integral T>
  JsonLine& number(std::string_view key, T value) {
    return raw(key, std::to_string(value));
  }
  JsonLine& boolean(std::string_view key, bool value) {
    return raw(key, value ? "true" : "false");
  }
  JsonLine& word(std::string_view key, std::string_view value);
  // As put_text(), put_absent() and hex_string() of output/json.h have them.
  JsonLine& text(std::string_view key, std::string_view bytes);
  JsonLine& absent(std::string_view key, std::string_view reason);
  JsonLine& hex(std::string_view key, std::uint64_t value);
  // Whatever else there is.
  JsonLine& value(std::string_view key, const Json& value);

  // The line with its newline; the next key begins another.
  std::string finish();

 private:
  JsonLine& raw(std::string_view key, std::string_view value);
  void begin(std::string_view key);

  std::string line_;
};

}  // namespace sightline::output
