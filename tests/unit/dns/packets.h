// SPDX-License-Identifier: Apache-2.0
// DNS messages and packets, put together byte by byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sightline::dns::testing {

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string number(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

inline std::string label(std::string_view text) {
  return static_cast<char>(text.size()) + std::string(text);
}

// `a.example`: labels that hold no dots, without pointers.
inline std::string name(std::string_view dotted) {
  std::string wire;
  while (!dotted.empty()) {
    auto dot = dotted.find('.');
    wire += label(dotted.substr(0, dot));
    dotted.remove_prefix(dot == dotted.npos ? dotted.size() : dot + 1);
  }
  return wire + '\0';
}

inline std::string pointer(unsigned at) { return number(0xc000 | at); }

// Where the question's name stands in each message.
inline constexpr unsigned question_at = 12;

inline constexpr unsigned type_a = 1;
inline constexpr unsigned type_cname = 5;
inline constexpr unsigned type_aaaa = 28;
inline constexpr unsigned type_opt = 41;

inline std::string record(const std::string& owner, unsigned type,
                          const std::string& data, unsigned in_class = 1) {
  return owner + number(type) + number(in_class) + number(0) + number(60) +
         number(static_cast<unsigned>(data.size())) + data;
}

struct Header {
  unsigned flags = 0x8180;  // an answer, as recursive servers give it
  unsigned questions = 1;
  unsigned answers = 1;
  unsigned additional = 0;
};

// `question` is a name on the wire.
inline std::string message(const Header& header, const std::string& question,
                           const std::string& records,
                           unsigned question_class = 1) {
  return number(0x1234) + number(header.flags) + number(header.questions) +
         number(header.answers) + number(0) + number(header.additional) +
         question + number(type_a) + number(question_class) + records;
}

inline const std::string one_address = {10, 1, 2, 3};

}  // namespace sightline::dns::testing
