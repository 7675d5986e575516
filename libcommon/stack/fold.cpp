// SPDX-License-Identifier: Apache-2.0
#include "stack/fold.h"

#include "output/folded.h"

namespace sightline::stack {
namespace {

using output::FoldedLine;
using output::FrameKind;

FrameKind kind_of(const Function& function) {
  if (function.kernel) return FrameKind::kernel;
  if (function.inlined) return FrameKind::inlined;
  return function.jit ? FrameKind::jit : FrameKind::plain;
}

}  // namespace

Status fold(const Profile& profile, const Names& names, const Labeller& labels,
            const std::function<Status(std::string_view line)>& write) {
  auto stacks = rank_stacks(profile, names, labels);
  for (const auto& entry : stacks.entries) {
    FoldedLine line;
    for (const auto& label : stacks.labels[entry.labels]) line.frame(label);
    for (auto id : stacks.functions(entry)) {
      const auto& function = names.function(id);
      line.frame(name_with_place(function), kind_of(function));
    }
    SL_CHECK(write(line.finish(entry.counts.count)));
  }
  return {};
}

}  // namespace sightline::stack
