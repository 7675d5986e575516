// SPDX-License-Identifier: Apache-2.0
// What a name server's answer travels in. Pure and thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace sightline::dns {

// What a UDP datagram from port 53 carries. `packet` begins with its IP header,
// version 4 (RFC 791, with options or without) or 6 (RFC 8200, without
// extension headers), which a stranger has written. Nothing for another packet,
// a fragment, or one whose UDP header is not all there; of a payload that is
// cut, what there is.
std::optional<std::span<const std::byte>> payload_from_server(
    std::span<const std::byte> packet);

}  // namespace sightline::dns
