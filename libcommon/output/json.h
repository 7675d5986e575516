// SPDX-License-Identifier: Apache-2.0
// JSON Lines: one object a line, keys in the order they were put. Whoever
// builds objects includes <nlohmann/json.hpp>; this header only names the type.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sightline::output {

using Json = nlohmann::ordered_json;

// The object as one line, with its newline. Bytes that are not UTF-8 become
// U+FFFD; control and bidirectional characters become \uNNNN, which is the same
// text to a parser and harmless to a terminal. Cannot fail.
std::string to_line(const Json& object);

// Text from a stranger. Where it is not UTF-8, the raw bytes stand beside it in
// hexadecimal, under `<key>_hex`.
void put_text(Json& object, std::string_view key, std::string_view bytes);

// Texts from a stranger, as an array. Where one is not UTF-8, all stand beside
// it in hexadecimal, under `<key>_hex`.
void put_texts(Json& object, std::string_view key,
               std::span<const std::string> texts);

// A value that is not known: null, with the reason under `<key>_reason`.
void put_absent(Json& object, std::string_view key, std::string_view reason);

// Addresses, cgroup ids and other full 64-bit values: 0xffffffff81000000. As a
// number, jq and JavaScript would round them.
std::string hex_string(std::uint64_t value);
// The way back; nothing for what is not that.
std::optional<std::uint64_t> parse_hex_string(std::string_view text);

}  // namespace sightline::output
