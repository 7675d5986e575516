// SPDX-License-Identifier: Apache-2.0
#include "connect.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace sightline::tcpconnect {

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok:
      return "ok";
    case Outcome::refused:
      return "refused";
    case Outcome::timeout:
      return "timeout";
    case Outcome::unreachable:
      return "unreachable";
    case Outcome::reset:
      return "reset";
    case Outcome::denied:
      return "denied";
    case Outcome::aborted:
      return "aborted";
    case Outcome::failed:
      return "failed";
    case Outcome::pending:
      return "pending";
    case Outcome::unknown:
      break;
  }
  return "unknown";
}

bool has_failed(const Connect& connect) {
  return connect.outcome != Outcome::ok && connect.outcome != Outcome::pending;
}

Outcome outcome_of(int error) {
  switch (error) {
    case ECONNREFUSED:
      return Outcome::refused;
    case ETIMEDOUT:
      return Outcome::timeout;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
      return Outcome::unreachable;
    case ECONNRESET:
      return Outcome::reset;
    case EACCES:
    case EPERM:
      return Outcome::denied;
    default:
      return Outcome::failed;
  }
}

bool is_ipv4(const Address& address) {
  constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0,    0,
                                                0, 0, 0, 0, 0xff, 0xff};
  return std::equal(mapped.begin(), mapped.end(), address.begin());
}

bool is_link_local(const Address& address) {
  return address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
}

bool is_local(const Address& address) {
  if (is_ipv4(address)) {
    bool link_local = address[12] == 169 && address[13] == 254;
    return address[12] == 127 || link_local;
  }
  return address == Address{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}} ||
         is_link_local(address);
}

std::string address_text(const Address& address) {
  if (is_ipv4(address)) {
    return fmt::format("{}.{}.{}.{}", address[12], address[13], address[14],
                       address[15]);
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET6, address.data(), text.data(), text.size());
  return text.data();
}

std::string endpoint_text(const Endpoint& endpoint) {
  auto address = address_text(endpoint.address);
  if (is_ipv4(endpoint.address)) {
    return fmt::format("{}:{}", address, endpoint.port);
  }
  if (endpoint.scope != 0) address += fmt::format("%{}", endpoint.scope);
  return fmt::format("[{}]:{}", address, endpoint.port);
}

std::string remote_text(const Connect& connect) {
  if (!connect.remote) return "?";
  if (!connect.name) return endpoint_text(*connect.remote);
  return fmt::format("{}{}:{}", connect.own_name ? "" : "~", *connect.name,
                     connect.remote->port);
}

std::string destination(const Connect& connect) {
  auto text = remote_text(connect);
  if (!connect.remote) return text;
  if (connect.name && !connect.own_name) {
    text += fmt::format(" [{}]", address_text(connect.remote->address));
  }
  if (connect.elsewhere) text += fmt::format(" [netns {}]", connect.netns);
  return text;
}

}  // namespace sightline::tcpconnect
