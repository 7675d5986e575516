// SPDX-License-Identifier: Apache-2.0
#include "output/flame_graph.h"

#include "output/flame_document.h"
#include "output/flame_layout.h"

namespace sightline::output {
namespace {

std::size_t size_of(const FlameTree& tree, const FlameLayout& layout,
                    const FlameTitle& title, const FlameOptions& options) {
  std::size_t bytes = 0;
  // Cannot fail: counting does not.
  (void)write_flame_document(tree, layout, title, options,
                             [&](std::string_view text) -> Status {
                               bytes += text.size();
                               return {};
                             });
  return bytes;
}

}  // namespace

Status write_flame_graph(
    const FlameGraph& graph, const FlameTitle& title,
    const FlameOptions& options,
    const std::function<Status(std::string_view text)>& write) {
  const FlameTree tree(graph, options.show_before);
  const auto width = options.width - 2 * flame_margin;
  auto layout = lay_out(tree, width, options.least_width);
  // With a least width beyond the picture's only the root is left.
  while (size_of(tree, layout, title, options) > options.most_bytes &&
         layout.least_width <= width) {
    layout = lay_out(tree, width, 1.5 * layout.least_width);
  }
  return write_flame_document(tree, layout, title, options, write);
}

}  // namespace sightline::output
