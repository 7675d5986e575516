// SPDX-License-Identifier: Apache-2.0
// An IP address as names are looked up by. IPv4 has its IPv4-mapped form
// (::ffff:a.b.c.d, RFC 4291, 2.5.5.2), so that a name that was found as one is
// found by a socket of the other family. Pure and thread-safe.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace sightline::dns {

struct Address {
  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const Address&) const = default;
};

// In network order: 4 bytes of IPv4 or 16 of IPv6; nothing for another size.
std::optional<Address> address_of(std::span<const std::byte> bytes);

// `10.0.0.1` or `2001:db8::1`, as inet_pton(3) reads them; nothing for what is
// no address.
std::optional<Address> parse_address(const std::string& text);

struct AddressHash {
  std::size_t operator()(const Address& address) const;
};

}  // namespace sightline::dns
