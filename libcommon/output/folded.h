// SPDX-License-Identifier: Apache-2.0
// Collapsed stacks, as flamegraph.pl, inferno and speedscope read them:
// `root;caller;leaf COUNT`, one stack a line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sightline::output {

// What a frame is, shown by its ending; flamegraph.pl colours by it.
enum class FrameKind : std::uint8_t {
  plain,
  kernel,   // _[k]
  inlined,  // _[i]
  jit,      // _[j]
  waker,    // _[w]
};

// Builds one line. A name may hold anything: `;` becomes `:`, what printable()
// escapes becomes \xNN, no name becomes `[no name]`. A name that ends in a
// blank and a number gets `_` for the blank, for flamegraph.pl would take
// `worker 7 31` as the two counts of a differential profile.
class FoldedLine {
 public:
  // Frames come from the root to the leaf; at least one.
  FoldedLine& frame(std::string_view name, FrameKind kind = FrameKind::plain);

  // The whole line with its newline; the next frame() starts another line.
  std::string finish(std::uint64_t count);

 private:
  std::string text_;
};

}  // namespace sightline::output
