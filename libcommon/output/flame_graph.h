// SPDX-License-Identifier: Apache-2.0
// A flame graph as one SVG file that needs nothing else: no network, no font,
// no other program. In a browser it can be searched and zoomed; without a
// script it is a complete picture.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sightline::output {

// What a frame is; shown by its hue.
enum class FlameKind : std::uint8_t {
  group,      // no code: a process, a container, the root
  kernel,     //
  user,       //
  generated,  // by a just-in-time compiler
  inlined,    // by the compiler into its caller
  unnamed,    // see FlameFrame::reason
};
inline constexpr std::size_t flame_kinds = 6;

// A frame's looks. Texts may hold any bytes.
struct FlameFrame {
  std::string name;
  std::string object = {};  // file, module; empty where there is none
  FlameKind kind = FlameKind::user;
  std::string reason = {};  // why it has no name
};

// A frame below its caller, with what was measured in itself, not in what it
// called. Weights of up to 2^64 - 1 each; sums beyond that are drawn to scale,
// but written as 2^64 - 1.
struct FlameNode {
  std::uint32_t parent = 0;  // index of a node before it; of the first: itself
  std::uint32_t frame = 0;   // index into FlameGraph::frames
  std::uint64_t self = 0;
  std::uint64_t before = 0;  // the same in the profile that is compared with
};

// a + b, or the largest number. Pure.
std::uint64_t add_saturated(std::uint64_t a, std::uint64_t b);

enum class FlameUnit : std::uint8_t {
  count,        // "1,234 samples"
  nanoseconds,  // "1.25 ms"
};

struct FlameGraph {
  std::vector<FlameFrame> frames;
  // The first is the root, of which all others are descendants; no two children
  // of one node have the same frame.
  std::vector<FlameNode> nodes;
  FlameUnit unit = FlameUnit::count;
  std::string counted = "samples";  // what a count is of; plural, plain text
  // Red grew, blue shrank: by `self` against `before`, both sides scaled to be
  // comparable by whoever fills them in.
  bool difference = false;
};

// What stands above the picture; texts may hold any bytes and any length.
struct FlameTitle {
  std::string title;
  std::vector<std::string> lines = {};
};

struct FlameOptions {
  unsigned width = 1200;     // pixels, where no script fits it to the window
  double least_width = 1;    // pixels; narrower frames are merged or left out
  bool icicle = false;       // the root on top
  bool show_before = false;  // in a difference: widths are those of `before`
  // Where the file would be larger, the least width grows until it is not.
  std::size_t most_bytes = 4'500'000;
};

// Writes the document piece by piece, as whole lines. Fails as `write` does,
// and in no other way. Needs about 40 bytes of memory a node. Keeps no state.
Status write_flame_graph(
    const FlameGraph& graph, const FlameTitle& title,
    const FlameOptions& options,
    const std::function<Status(std::string_view text)>& write);

}  // namespace sightline::output
