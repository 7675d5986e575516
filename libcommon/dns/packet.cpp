// SPDX-License-Identifier: Apache-2.0
#include "dns/packet.h"

#include <netinet/in.h>

#include <algorithm>

namespace sightline::dns {
namespace {

constexpr std::size_t udp_header = 8;
constexpr std::size_t ipv6_header = 40;
// RFC 791, 3.1: "more fragments", and where this one lies in the datagram.
constexpr unsigned fragment_bits = 0x3fff;

unsigned byte_at(std::span<const std::byte> bytes, std::size_t at) {
  return at < bytes.size() ? std::to_integer<unsigned>(bytes[at]) : 0;
}

unsigned number_at(std::span<const std::byte> bytes, std::size_t at) {
  return byte_at(bytes, at) << 8 | byte_at(bytes, at + 1);
}

// The size of the IP header, 0 where no datagram of UDP begins behind it.
std::size_t header_size(std::span<const std::byte> packet) {
  switch (byte_at(packet, 0) >> 4) {
    case 4: {
      bool whole = (number_at(packet, 6) & fragment_bits) == 0;
      auto size = std::size_t{byte_at(packet, 0) & 0xf} * 4;
      bool sound = size >= 20 && byte_at(packet, 9) == IPPROTO_UDP;
      return whole && sound ? size : 0;
    }
    case 6:
      return byte_at(packet, 6) == IPPROTO_UDP ? ipv6_header : 0;
    default:
      return 0;
  }
}

// RFC 791, 3.1 and RFC 8200, 3: both addresses, one behind the other.
Datagram between(std::span<const std::byte> packet) {
  bool is_ipv4 = byte_at(packet, 0) >> 4 == 4;
  std::size_t at = is_ipv4 ? 12 : 8;
  std::size_t size = is_ipv4 ? 4 : 16;
  Datagram datagram;
  datagram.source = *address_of(packet.subspan(at, size));
  datagram.destination = *address_of(packet.subspan(at + size, size));
  return datagram;
}

}  // namespace

std::optional<Datagram> datagram_of(std::span<const std::byte> packet) {
  auto start = header_size(packet);
  if (start == 0 || packet.size() < start + udp_header) return std::nullopt;
  auto datagram = between(packet);
  auto udp = packet.subspan(start);
  datagram.source_port = static_cast<std::uint16_t>(number_at(udp, 0));
  datagram.destination_port = static_cast<std::uint16_t>(number_at(udp, 2));
  if (datagram.source_port != server_port &&
      datagram.destination_port != server_port) {
    return std::nullopt;
  }
  // Its length counts the header too. A link may have padded the packet.
  std::size_t length = number_at(udp, 4);
  if (length < udp_header) return std::nullopt;
  datagram.payload =
      udp.first(std::min(length, udp.size())).subspan(udp_header);
  return datagram;
}

}  // namespace sightline::dns
