// SPDX-License-Identifier: Apache-2.0
// What may be shown as the name of a host. Whoever asked or answered has chosen
// it, and it stands beside addresses, ports and remarks: it must be one word,
// and none that can be taken for something else. Pure and thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sightline::dns {

// RFC 1035, 2.3.4, written with dots.
inline constexpr std::size_t most_host_name_bytes = 253;

// A name as a program gave it, as it is shown: letters, digits, `-`, `_` and
// dots stay, bytes that are not ASCII become \DDD (RFC 1035, 5.1). Nothing for
// a name with any other byte, for a longer one than there can be, and for one
// that can be read as an address.
std::optional<std::string> host_name(std::string_view bytes);

// Whether a name that is written like that already may be shown.
bool is_host_name(std::string_view name);

// Whether the last part is a number, decimal, octal or hexadecimal: so is that
// of all that inet_aton(3) takes (10.0.0.1, 127.1, 0x7f.1, 2130706433), and
// that of no name there is (RFC 3696, 2). With a dot at the end or without.
bool ends_in_number(std::string_view name);

}  // namespace sightline::dns
