// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <gtest/gtest.h>

#include <string>

namespace sightline::tcpconnect {
namespace {

Connect connect_with(Outcome outcome, std::uint16_t port,
                     std::uint64_t latency_ns) {
  Connect connect;
  connect.outcome = outcome;
  connect.comm = "curl";
  connect.remote = Endpoint{.port = port};
  connect.latency_ns = latency_ns;
  return connect;
}

TEST(Total, OnlyConnectionsHaveALatency) {
  Total total;
  total.add(connect_with(Outcome::ok, 1, 3));
  total.add(connect_with(Outcome::refused, 1, 1000));
  total.add(connect_with(Outcome::pending, 1, 1000));
  EXPECT_EQ(total.count, 3U);
  EXPECT_EQ(total.failed(), 1U);
  EXPECT_EQ(total.latencies_ns.count(), 1U);
  EXPECT_EQ(total.latencies_ns.percentile(99), 3U);
}

TEST(Total, AddsUp) {
  Total one;
  auto slow = connect_with(Outcome::timeout, 1, 5);
  slow.retransmits = 6;
  one.add(slow);
  Total two = one;
  two.add(one);
  EXPECT_EQ(two.count, 2U);
  EXPECT_EQ(two.failed(), 2U);
  EXPECT_EQ(two.retransmits, 12U);
}

TEST(Summary, ByDestinationAndByOutcome) {
  Summary summary;
  for (int i = 0; i < 3; ++i) summary.add(connect_with(Outcome::ok, 80, 7));
  summary.add(connect_with(Outcome::refused, 81, 9));
  summary.add(connect_with(Outcome::pending, 81, 11));
  auto ranked = summary.by_destination.ranked();
  ASSERT_EQ(ranked.size(), 2U);
  EXPECT_EQ(ranked[0].first, "[::]:80");
  EXPECT_EQ(ranked[0].second->count, 3U);
  auto count = [&](Outcome outcome) {
    return summary.latencies_ns[static_cast<std::size_t>(outcome)].count();
  };
  EXPECT_EQ(count(Outcome::ok), 3U);
  EXPECT_EQ(count(Outcome::refused), 1U);
  EXPECT_EQ(count(Outcome::pending), 0U);
}

TEST(FoldedConnects, AFailureEndsInItsOutcome) {
  FoldedConnects folded;
  auto connect = connect_with(Outcome::ok, 80, 1);
  connect.ancestors = {{2, "b;ash"}, {1, "init"}};
  folded.add(connect);
  folded.add(connect);
  connect.outcome = Outcome::refused;
  folded.add(connect);
  EXPECT_EQ(folded.text(),
            "init;b:ash;curl;[::]:80 2\n"
            "init;b:ash;curl;[::]:80 [refused] 1\n");
}

}  // namespace
}  // namespace sightline::tcpconnect
