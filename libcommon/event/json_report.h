// SPDX-License-Identifier: Apache-2.0
// The records that close a stretch of events in JSON Lines (docs/schema.md):
// `lost`, `interval` and `end`.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "event/run.h"
#include "output/json.h"

namespace sightline::event {

// Counts the intervals of one output. Pure but for that; not thread-safe.
class JsonReport {
 public:
  using Put = std::function<void(output::Json&)>;

  // `counts` puts the tool's own, `totals` those of an interval; without
  // `totals` there is no interval at the end, where it would say nothing more.
  std::string lines(const Stretch& stretch, const Put& counts,
                    const Put& totals);

 private:
  std::uint64_t intervals_ = 0;
};

}  // namespace sightline::event
