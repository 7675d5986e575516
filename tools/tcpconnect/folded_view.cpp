// SPDX-License-Identifier: Apache-2.0
// Collapsed stacks: the ancestry and the destination of each attempt.
#include <utility>

#include "report.h"

namespace sightline::tcpconnect {
namespace {

class FoldedView : public View {
 public:
  // Of a document that is replaced, each time.
  std::string begin() override {
    shown_ = false;
    return {};
  }
  std::string row(const Connect&) override { return {}; }
  // Intervals are separated by an empty line.
  std::string report(const Report& report) override {
    if (report.behind_intervals) return {};
    std::string text = std::exchange(shown_, true) ? "\n" : "";
    return text + report.folded->text();
  }

 private:
  bool shown_ = false;
};

}  // namespace

std::unique_ptr<View> make_folded_view() {
  return std::make_unique<FoldedView>();
}

}  // namespace sightline::tcpconnect
