// SPDX-License-Identifier: Apache-2.0
// Collapsed stacks, weighted by microseconds of waiting.
#include "report.h"
#include "stack/fold.h"

namespace sightline::offcpu {
namespace {

class FoldedView : public View {
 public:
  Status show(const Measurement& measurement, output::Sink& sink) override {
    return stack::fold(
        measurement.profile, measurement.names, measurement.labels,
        [&](std::string_view line) { return sink.write(line); },
        stack::FoldedNumber::microseconds);
  }
};

}  // namespace

std::unique_ptr<View> make_folded_view() {
  return std::make_unique<FoldedView>();
}

}  // namespace sightline::offcpu
