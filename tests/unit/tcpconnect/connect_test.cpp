// SPDX-License-Identifier: Apache-2.0
#include "connect.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

namespace sightline::tcpconnect {
namespace {

Address address(const char* text) {
  Address address;
  EXPECT_EQ(::inet_pton(AF_INET6, text, address.data()), 1);
  return address;
}

TEST(Address, IPv4InIPv6IsIPv4) {
  EXPECT_EQ(address_text(address("::ffff:10.0.0.1")), "10.0.0.1");
  EXPECT_EQ(address_text(address("2001:db8::1")), "2001:db8::1");
  // Compatible, not mapped: that is IPv6.
  EXPECT_FALSE(is_ipv4(address("::10.0.0.1")));
  EXPECT_FALSE(is_ipv4(address("::1")));
  EXPECT_TRUE(is_ipv4(address("::ffff:0:0")));
}

TEST(Endpoint, IPv6IsInBrackets) {
  EXPECT_EQ(endpoint_text({address("::ffff:10.0.0.1"), 443}), "10.0.0.1:443");
  EXPECT_EQ(endpoint_text({address("fe80::1"), 0}), "[fe80::1]:0");
}

TEST(Connect, TheRemoteEndGoesByItsName) {
  Connect connect;
  EXPECT_EQ(remote_text(connect), "?");
  connect.remote = Endpoint{address("::1"), 80};
  EXPECT_EQ(remote_text(connect), "[::1]:80");
  connect.name = "db.example";
  EXPECT_EQ(remote_text(connect), "~db.example:80");
}

TEST(Connect, ANameOfOthersHidesNoDestination) {
  Connect connect;
  EXPECT_EQ(destination(connect), "?");
  connect.remote = Endpoint{address("::ffff:10.0.0.1"), 80};
  EXPECT_EQ(destination(connect), "10.0.0.1:80");
  connect.name = "db.example";
  EXPECT_EQ(destination(connect), "~db.example:80 [10.0.0.1]");
  connect.remote = Endpoint{address("2001:db8::1"), 80};
  EXPECT_EQ(destination(connect), "~db.example:80 [2001:db8::1]");
  connect.own_name = true;
  EXPECT_EQ(destination(connect), "db.example:80");
}

TEST(Connect, LocalAddressesOfOtherNetworksAreOthers) {
  Connect connect;
  connect.netns = 4026532281;
  connect.remote = Endpoint{address("::1"), 80};
  EXPECT_EQ(destination(connect), "[::1]:80");
  connect.elsewhere = true;
  EXPECT_EQ(destination(connect), "[::1]:80 [netns 4026532281]");
  connect.name = "db";
  EXPECT_EQ(destination(connect), "~db:80 [::1] [netns 4026532281]");
  connect.own_name = true;
  EXPECT_EQ(destination(connect), "db:80 [netns 4026532281]");
}

TEST(Address, LoopbackAndLinkLocalAreLocal) {
  for (const auto* text : {"::1", "fe80::1", "febf::1", "::ffff:127.0.0.1",
                           "::ffff:127.255.0.1", "::ffff:169.254.169.254"}) {
    EXPECT_TRUE(is_local(address(text))) << text;
  }
  for (const auto* text : {"::2", "::", "fec0::1", "fd00::1", "2001:db8::1",
                           "::ffff:10.0.0.1", "::ffff:169.253.0.1"}) {
    EXPECT_FALSE(is_local(address(text))) << text;
  }
}

TEST(Outcome, EachErrorHasOne) {
  EXPECT_EQ(outcome_of(ECONNREFUSED), Outcome::refused);
  EXPECT_EQ(outcome_of(ETIMEDOUT), Outcome::timeout);
  EXPECT_EQ(outcome_of(EHOSTUNREACH), Outcome::unreachable);
  EXPECT_EQ(outcome_of(ENETUNREACH), Outcome::unreachable);
  EXPECT_EQ(outcome_of(ECONNRESET), Outcome::reset);
  EXPECT_EQ(outcome_of(EPERM), Outcome::denied);
  EXPECT_EQ(outcome_of(EACCES), Outcome::denied);
  EXPECT_EQ(outcome_of(EADDRNOTAVAIL), Outcome::failed);
  EXPECT_EQ(outcome_of(99999), Outcome::failed);
}

TEST(Outcome, EachHasAWordOfItsOwn) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < outcomes; ++i) {
    names.insert(outcome_name(static_cast<Outcome>(i)));
  }
  EXPECT_EQ(names.size(), outcomes);
}

TEST(Outcome, WhatIsPendingHasNotFailed) {
  for (std::size_t i = 0; i < outcomes; ++i) {
    Connect connect;
    connect.outcome = static_cast<Outcome>(i);
    bool good =
        connect.outcome == Outcome::ok || connect.outcome == Outcome::pending;
    EXPECT_EQ(has_failed(connect), !good);
  }
}

}  // namespace
}  // namespace sightline::tcpconnect
