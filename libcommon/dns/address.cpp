// SPDX-License-Identifier: Apache-2.0
#include "dns/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace sightline::dns {

std::optional<Address> address_of(std::span<const std::byte> bytes) {
  Address address;
  if (bytes.size() != 4 && bytes.size() != 16) return std::nullopt;
  if (bytes.size() == 4) address.bytes[10] = address.bytes[11] = 0xff;
  std::memcpy(address.bytes.data() + 16 - bytes.size(), bytes.data(),
              bytes.size());
  return address;
}

std::optional<Address> parse_address(const std::string& text) {
  std::array<std::byte, 16> bytes{};
  for (auto [family, size] : {std::pair{AF_INET, 4U}, {AF_INET6, 16U}}) {
    if (::inet_pton(family, text.c_str(), bytes.data()) == 1) {
      return address_of(std::span(bytes).first(size));
    }
  }
  return std::nullopt;
}

std::size_t AddressHash::operator()(const Address& address) const {
  std::string_view bytes(reinterpret_cast<const char*>(address.bytes.data()),
                         address.bytes.size());
  return std::hash<std::string_view>{}(bytes);
}

}  // namespace sightline::dns
