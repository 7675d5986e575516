// SPDX-License-Identifier: Apache-2.0
// What questions to name servers and their answers travel in. Pure and
// thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dns/address.h"

namespace sightline::dns {

inline constexpr std::uint16_t server_port = 53;

struct Datagram {
  Address source;
  Address destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::span<const std::byte> payload;  // of a packet that is cut, what there is
};

// A UDP datagram from port 53 or to it. `packet` begins with its IP header,
// version 4 (RFC 791, with options or without) or 6 (RFC 8200, without
// extension headers), which a stranger has written. Nothing for another packet,
// a fragment, or one whose UDP header is not all there.
std::optional<Datagram> datagram_of(std::span<const std::byte> packet);

}  // namespace sightline::dns
