// SPDX-License-Identifier: Apache-2.0
// What a report shows, and the views that show it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "bpf/loss_ledger.h"
#include "output/sink.h"
#include "stack/names.h"
#include "stack/profile.h"
#include "stack/rank.h"
#include "waits.h"

namespace sightline::offcpu {

struct Measurement {
  std::uint64_t length_ns;
  const bpf::Ledger& ledger;
  const Waits& waits;
  const stack::Profile& profile;  // weights in nanoseconds
  const stack::Names& names;
  // What stacks are filed under, as --by says (by command without it).
  stack::Labeller labels;
};

class View {
 public:
  virtual ~View() = default;
  virtual Status show(const Measurement& measurement, output::Sink& sink) = 0;
};

struct ViewSettings {
  std::size_t rows = 20;
  std::string sort;       // "total", "count" or "longest"
  std::size_t width = 0;  // columns, 0 for as many as it takes
  bool color = false;
};

std::unique_ptr<View> make_table_view(const ViewSettings& settings);
std::unique_ptr<View> make_folded_view();
std::unique_ptr<View> make_json_view();

}  // namespace sightline::offcpu
