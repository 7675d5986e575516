// SPDX-License-Identifier: Apache-2.0
// Collapsed stacks, weighted by microseconds of waiting.
#include <utility>

#include "report.h"
#include "stack/fold.h"

namespace sightline::offcpu {
namespace {

class FoldedView : public View {
 public:
  Status show(const Measurement& measurement, ReportKind,
              output::Sink& sink) override {
    // Reports are told apart by an empty line.
    if (std::exchange(shown_, true) && sink.fd() >= 0) {
      SL_CHECK(sink.write("\n"));
    }
    return stack::fold(
        measurement.profile, measurement.names, measurement.labels,
        [&](std::string_view line) { return sink.write(line); },
        stack::FoldedNumber::microseconds);
  }

 private:
  bool shown_ = false;
};

}  // namespace

std::unique_ptr<View> make_folded_view() {
  return std::make_unique<FoldedView>();
}

}  // namespace sightline::offcpu
