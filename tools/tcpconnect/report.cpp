// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <fmt/format.h>

namespace sightline::tcpconnect {

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

}  // namespace sightline::tcpconnect
