// SPDX-License-Identifier: Apache-2.0
#include "dns/packet.h"

#include <gtest/gtest.h>

#include "dns/packets.h"

namespace sightline::dns {
namespace {

using namespace testing;

std::string datagram(const std::string& payload, unsigned from = 53,
                     unsigned to = 40000) {
  return number(from) + number(to) +
         number(static_cast<unsigned>(8 + payload.size())) + number(0) +
         payload;
}

std::string ipv4(const std::string& content, unsigned words = 5,
                 unsigned fragment = 0, char protocol = 17) {
  return std::string(1, static_cast<char>(0x40 | words)) +
         std::string(5, '\0') + number(fragment) + '\x40' + protocol +
         std::string(10, '\0') +
         std::string(words > 5 ? (words - 5) * 4 : 0, '\1') + content;
}

std::string ipv6(const std::string& content, char next = 17) {
  return '\x60' + std::string(5, '\0') + next + std::string(33, '\0') + content;
}

std::string payload(std::string_view packet) {
  auto found = datagram_of(bytes_of(packet));
  if (!found) return "none";
  return {reinterpret_cast<const char*>(found->payload.data()),
          found->payload.size()};
}

TEST(Packet, ItsPayloadIsBehindBothHeaders) {
  EXPECT_EQ(payload(ipv4(datagram("hello"))), "hello");
  EXPECT_EQ(payload(ipv4(datagram("hello"), 15)), "hello");  // with options
  EXPECT_EQ(payload(ipv6(datagram("hello"))), "hello");
  EXPECT_EQ(payload(ipv4(datagram(""))), "");
}

TEST(Packet, ItHasTwoEnds) {
  std::string ends{10, 0, 0, 1, 10, 0, 0, 2};
  auto four = ipv4(datagram("hello"), 6).replace(12, 8, ends);
  auto found = datagram_of(bytes_of(four));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->source, parse_address("10.0.0.1"));
  EXPECT_EQ(found->destination, parse_address("10.0.0.2"));
  EXPECT_EQ(found->source_port, 53);
  EXPECT_EQ(found->destination_port, 40000);
  auto six = ipv6(datagram("hello", 40000, 53));
  six[8 + 15] = 1;
  six[24 + 15] = 2;
  found = datagram_of(bytes_of(six));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->source, parse_address("::1"));
  EXPECT_EQ(found->destination, parse_address("::2"));
  EXPECT_EQ(found->source_port, 40000);
  EXPECT_EQ(found->destination_port, 53);
}

TEST(Packet, PaddingIsNotOfIt) {
  EXPECT_EQ(payload(ipv4(datagram("hello") + "padding")), "hello");
}

TEST(Packet, OthersAreNone) {
  EXPECT_EQ(payload(ipv4(datagram("hello", 54))), "none");
  EXPECT_EQ(payload(ipv4(datagram("hello"), 5, 0, 6)), "none");    // TCP
  EXPECT_EQ(payload(ipv4(datagram("hello"), 5, 0x2000)), "none");  // more
  EXPECT_EQ(payload(ipv4(datagram("hello"), 5, 1)), "none");  // a later one
  EXPECT_EQ(payload(ipv4(datagram("hello"), 5, 0x4000)), "hello");
  EXPECT_EQ(payload(ipv4(datagram("hello"), 4)), "none");
  EXPECT_EQ(payload(ipv6(datagram("hello"), 0)), "none");  // hop-by-hop options
  EXPECT_EQ(payload('\x50' + ipv4(datagram("hello")).substr(1)), "none");
}

TEST(Packet, CutAnywhereItHasWhatIsThere) {
  for (const auto& whole : {ipv4(datagram("hello")), ipv6(datagram("hello"))}) {
    auto headers = whole.size() - 5;
    for (std::size_t size = 0; size <= whole.size(); ++size) {
      std::string cut(whole, 0, size);
      cut.shrink_to_fit();
      EXPECT_EQ(payload(cut),
                size < headers ? "none" : std::string("hello", size - headers));
    }
  }
}

TEST(Packet, ALengthThatLiesIsBounded) {
  auto lying = [](unsigned length) {
    auto whole = datagram("hello");
    return ipv4(whole.substr(0, 4) + number(length) + whole.substr(6));
  };
  EXPECT_EQ(payload(lying(0xffff)), "hello");
  EXPECT_EQ(payload(lying(10)), "he");
  EXPECT_EQ(payload(lying(7)), "none");
}

}  // namespace
}  // namespace sightline::dns
