// SPDX-License-Identifier: Apache-2.0
#include "decode.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace sightline::tcpconnect {
namespace {

template <typename T>
std::vector<std::byte> bytes_of(const T& record) {
  std::vector<std::byte> bytes(sizeof(T));
  std::memcpy(bytes.data(), &record, sizeof(T));
  return bytes;
}

connect_record attempt() {
  connect_record record{};
  record.header.type = CONNECT_ATTEMPT;
  record.header.time_ns = 1000;
  record.latency_ns = 50;
  record.pid = 10;
  record.family = AF_INET6;
  record.local_port = 40000;
  record.remote_port = 443;
  record.remote[15] = 1;  // ::1
  std::memcpy(record.comm, "curl", 5);
  return record;
}

std::optional<Connect> decode_alone(const connect_record& record) {
  auto bytes = bytes_of(record);
  return decode({.first = bytes});
}

TEST(Decode, RefusesWhatIsNoRecordOfOurs) {
  auto bytes = bytes_of(attempt());
  EXPECT_FALSE(decode({.first = {}}));
  EXPECT_FALSE(decode({.first = std::span(bytes).first(bytes.size() - 1)}));
  auto other = attempt();
  other.header.type = CONNECT_ANCESTRY;
  EXPECT_FALSE(decode_alone(other));
}

TEST(Decode, AConnection) {
  auto record = attempt();
  record.flags = CONNECT_OK | CONNECT_FAST_OPEN | CONNECT_MPTCP;
  record.retransmits = 3;
  auto connect = decode_alone(record);
  ASSERT_TRUE(connect);
  EXPECT_EQ(connect->outcome, Outcome::ok);
  EXPECT_EQ(connect->latency_ns, 50U);
  EXPECT_EQ(connect->retransmits, 3U);
  EXPECT_EQ(connect->comm, "curl");
  EXPECT_EQ(connect->local.port, 40000);
  EXPECT_EQ(endpoint_text(*connect->remote), "[::1]:443");
  EXPECT_FALSE(connect->asked);
  EXPECT_TRUE(connect->fast_open && connect->mptcp);
  EXPECT_FALSE(connect->syn_data || connect->immediate);
}

TEST(Decode, ANameMayFillItsField) {
  auto record = attempt();
  std::memset(record.comm, 'x', sizeof(record.comm));
  EXPECT_EQ(decode_alone(record)->comm, std::string(16, 'x'));
}

TEST(Decode, OutcomesInTheirOrder) {
  auto outcome = [](int flags, int error) {
    auto record = attempt();
    record.flags = static_cast<__u16>(flags);
    record.error = error;
    return decode_alone(record)->outcome;
  };
  EXPECT_EQ(outcome(0, ECONNREFUSED), Outcome::refused);
  EXPECT_EQ(outcome(CONNECT_ABORTED, 0), Outcome::aborted);
  EXPECT_EQ(outcome(CONNECT_END_UNSEEN, 0), Outcome::unknown);
  EXPECT_EQ(outcome(0, EADDRNOTAVAIL), Outcome::failed);
}

TEST(Decode, WhatNeverStartedHasNoLatency) {
  auto record = attempt();
  record.flags = CONNECT_IMMEDIATE | CONNECT_NO_REMOTE;
  record.error = EAFNOSUPPORT;
  record.asked_family = AF_UNIX;
  auto connect = decode_alone(record);
  EXPECT_TRUE(connect->immediate);
  EXPECT_FALSE(connect->latency_ns);
  EXPECT_FALSE(connect->remote);
  EXPECT_EQ(connect->asked_family, AF_UNIX);
  record.flags = CONNECT_START_UNSEEN;
  EXPECT_FALSE(decode_alone(record)->latency_ns);
  EXPECT_FALSE(decode_alone(record)->start_seen);
}

TEST(Decode, OnlyALinkLocalAddressHasAScope) {
  auto record = attempt();
  record.flags = CONNECT_OK;
  record.interface = 7;
  auto global = decode_alone(record);
  EXPECT_EQ(global->interface, 7U);
  EXPECT_EQ(endpoint_text(*global->remote), "[::1]:443");
  record.remote[0] = 0xfe;
  record.remote[1] = 0xbf;
  EXPECT_EQ(endpoint_text(*decode_alone(record)->remote), "[febf::1%7]:443");
  record.remote[1] = 0xc0;
  EXPECT_EQ(endpoint_text(*decode_alone(record)->remote), "[fec0::1]:443");
}

TEST(Decode, WhereElseItWasToGo) {
  auto record = attempt();
  record.asked_family = AF_INET6;
  record.asked_port = 80;
  record.flags = CONNECT_ASKED;
  EXPECT_FALSE(decode_alone(record)->asked);
  record.flags |= CONNECT_REWRITTEN;
  EXPECT_EQ(endpoint_text(*decode_alone(record)->asked), "[::]:80");
  record.asked_family = AF_UNIX;
  EXPECT_FALSE(decode_alone(record)->asked);
}

TEST(Decode, AncestorsAreNeverMoreThanThereIsRoomFor) {
  auto first = bytes_of(attempt());
  connect_ancestry ancestry{};
  ancestry.count = ~0ULL;
  ancestry.parents[0].pid = 7;
  std::memcpy(ancestry.parents[0].comm, "bash", 5);
  std::vector<std::vector<std::byte>> rest{bytes_of(ancestry), {}};
  auto connect = decode({.first = first, .rest = rest});
  EXPECT_FALSE(connect->parents_lost);
  ASSERT_EQ(connect->ancestors.size(), std::size(ancestry.parents));
  EXPECT_EQ(connect->ancestors[0].pid, 7U);
  EXPECT_EQ(connect->ancestors[0].comm, "bash");
}

TEST(Decode, ParentsWhoseRecordNeverCameAreLost) {
  auto first = bytes_of(attempt());
  auto connect = decode({.first = first, .whole = false});
  ASSERT_TRUE(connect);
  EXPECT_TRUE(connect->parents_lost);
  EXPECT_TRUE(connect->ancestors.empty());
}

Connect open_at(const connect_record& record, std::uint64_t now_ns) {
  return decode_open({&record, 1}, {}, now_ns).at(0);
}

TEST(DecodeOpen, PendingHasItsAge) {
  auto record = attempt();
  record.state = CONNECT_PENDING;
  EXPECT_EQ(open_at(record, 5000).outcome, Outcome::pending);
  EXPECT_EQ(open_at(record, 5000).latency_ns, 4000U);
  EXPECT_EQ(open_at(record, 999).latency_ns, 0U);
  record.state = CONNECT_RETURNING;
  EXPECT_EQ(open_at(record, 5000).outcome, Outcome::unknown);
  EXPECT_EQ(open_at(record, 5000).latency_ns, 50U);
}

TEST(DecodeOpen, ParentsByTheirHeaderAndTheOldestFirst) {
  std::array<connect_record, 2> attempts{attempt(), attempt()};
  attempts[0].header.time_ns = attempts[1].header.time_ns + 1;
  std::array<connect_ancestry, 1> ancestries{};
  ancestries[0].header = attempts[1].header;
  ancestries[0].count = 1;
  ancestries[0].parents[0].pid = 7;
  auto open = decode_open(attempts, ancestries, 5000);
  ASSERT_EQ(open.size(), 2U);
  EXPECT_LT(open[0].time_ns, open[1].time_ns);
  ASSERT_EQ(open[0].ancestors.size(), 1U);
  EXPECT_EQ(open[0].ancestors[0].pid, 7U);
  EXPECT_TRUE(open[1].ancestors.empty());
}

}  // namespace
}  // namespace sightline::tcpconnect
