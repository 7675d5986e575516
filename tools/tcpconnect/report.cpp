// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <fmt/format.h>

namespace sightline::tcpconnect {

Counts& Counts::operator+=(const Counts& more) {
  established += more.established;
  failed += more.failed;
  pending += more.pending;
  return *this;
}

void Total::add(const Connect& connect) {
  ++count;
  ++by_outcome[static_cast<std::size_t>(connect.outcome)];
  retransmits += connect.retransmits;
  if (connect.outcome == Outcome::ok && connect.latency_ns) {
    latencies_ns.add(*connect.latency_ns);
  }
}

void Total::add(const Total& other) {
  count += other.count;
  for (std::size_t i = 0; i < by_outcome.size(); ++i) {
    by_outcome[i] += other.by_outcome[i];
  }
  retransmits += other.retransmits;
  latencies_ns.add(other.latencies_ns);
}

std::uint64_t Total::failed() const {
  auto of = [this](Outcome outcome) {
    return by_outcome[static_cast<std::size_t>(outcome)];
  };
  return count - of(Outcome::ok) - of(Outcome::pending);
}

void Summary::add(const Connect& connect) {
  all.add(connect);
  by_destination.at(destination(connect)).add(connect);
  if (connect.latency_ns && connect.outcome != Outcome::pending) {
    latencies_ns[static_cast<std::size_t>(connect.outcome)].add(
        *connect.latency_ns);
  }
}

void FoldedConnects::add(const Connect& connect) {
  output::FoldedLine line;
  event::put_ancestry(line, connect.ancestors);
  line.frame(connect.comm);
  auto leaf = destination(connect);
  if (connect.outcome != Outcome::ok) {
    leaf += fmt::format(" [{}]", outcome_name(connect.outcome));
  }
  line.frame(leaf);
  counts_.add(line, 1);
}

std::string attempts_text(const Report& report) {
  return fmt::format("{} attempt{}", format_count(report.attempts()),
                     report.attempts() == 1 ? "" : "s");
}

}  // namespace sightline::tcpconnect
