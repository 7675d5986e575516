// SPDX-License-Identifier: Apache-2.0
#include "dns/host_name.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace sightline::dns {
namespace {

std::string shown(std::string_view bytes) {
  return host_name(bytes).value_or("none");
}

TEST(HostName, StaysAsItIs) {
  for (const auto* name :
       {"db", "db.example", "db.example.", "MixedCase.Example", "a_b-c.d",
        "_sip._tcp.example", "1.2.3.4.example", "0xcafe.example", "4chan.org",
        "v1", "x1.2a"}) {
    EXPECT_EQ(shown(name), name);
  }
}

TEST(HostName, WhatCanBeReadAsAnAddressIsNone) {
  for (const auto* name :
       {"10.0.0.1", "10.0.0.1.", "127.1", "127.0.1", "2130706433", "0",
        "0x7f000001", "0x7f.1", "0X7F.0.0.1", "0177.0.0.1", "1.2.3.4.5",
        "300.1.1.1", "db.1", "0x", "::1", "2001:db8::1", "::ffff:10.0.0.1",
        "fe80::1%eth0", "[::1]"}) {
    EXPECT_EQ(shown(name), "none") << name;
  }
}

// All that the resolver takes for an address without asking.
TEST(HostName, NothingThatInetAtonTakesIsOne) {
  in_addr address{};
  for (const auto* head : {"", "1.", "0x1f.", "017.1."}) {
    for (const auto* tail : {"0", "9", "255", "0xff", "0Xa", "017", "65535"}) {
      auto text = std::string(head) + tail;
      ASSERT_NE(::inet_aton(text.c_str(), &address), 0) << text;
      EXPECT_EQ(shown(text), "none") << text;
    }
  }
}

TEST(HostName, IsOneWord) {
  for (std::string_view name :
       {"",    ".",   "..",   ".a",  "a b",  "a\tb",   "a\n",   "a [refused]",
        "a]",  "a;b", "a:80", "a/b", "a\\b", "a\\200", "a\x7f", "\x1b[31m",
        "a`b", "a\"", "a%b",  "a@b", "a,b",  "a$b"}) {
    EXPECT_EQ(shown(name), "none") << name;
  }
  EXPECT_EQ(shown(std::string_view("a\0b", 3)), "none");
}

TEST(HostName, WhatIsNotAsciiIsShownByItsNumbers) {
  EXPECT_EQ(shown("b\xc3\xbc"), "b\\195\\188");
  EXPECT_EQ(shown("a\xff.b"), "a\\255.b");
  // As a blank, or as what turns the line around.
  EXPECT_EQ(shown("a\xc2\xa0 b"), "none");
  EXPECT_EQ(shown("a\xc2\xa0"), "a\\194\\160");
}

TEST(HostName, IsNoLongerThanThereAre) {
  EXPECT_EQ(shown(std::string(253, 'a')), std::string(253, 'a'));
  EXPECT_EQ(shown(std::string(254, 'a')), "none");
  EXPECT_EQ(shown(std::string(253, '\xff')).size(), 4U * 253);
}

TEST(IsHostName, KnowsWhatIsEscapedAlready) {
  EXPECT_TRUE(is_host_name("b\\195\\188.example"));
  for (const auto* name : {"a\\032b", "a\\.b", "a\\\\b", "a\\", "a\\19",
                           "a\\256", "a\\127", "a\\000", "a\\999", "a\\12x"}) {
    EXPECT_FALSE(is_host_name(name)) << name;
  }
  std::string most;
  for (int i = 0; i < 253; ++i) most += "\\255";
  EXPECT_TRUE(is_host_name(most));
  EXPECT_FALSE(is_host_name(most + "a"));
}

}  // namespace
}  // namespace sightline::dns
