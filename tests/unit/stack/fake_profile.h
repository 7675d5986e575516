// SPDX-License-Identifier: Apache-2.0
// Profiles with known names: a frame for which there is a reason is named after
// its object and that reason, so each object is one function.
#pragma once

#include <string>
#include <vector>

#include "stack/names.h"
#include "stack/profile.h"
#include "stack/rank.h"

namespace sightline::stack {

class FakeProfile {
 public:
  Profile profile;
  process::Objects objects;
  Names names{
      symbol::Symbolizer(symbol::KernelSymbols::open("/nonexistent/kallsyms")),
      objects};

  // The frame of a function called "[NAME: stripped]".
  FrameId function(const std::string& name, std::uint64_t offset = 0) {
    auto object = objects.intern({8, 1, 42, "/lib/" + name});
    return frame({object, symbol::Reason::no_symbols, offset});
  }
  FrameId frame(const Frame& what) { return profile.frames().intern(what); }

  // One row: who, the frames from the root, how often.
  void add(const std::string& comm, const std::vector<FrameId>& frames,
           const Counts& counts) {
    auto node = CallTree::root;
    for (auto id : frames) node = profile.stacks().child(node, id);
    profile.add({.comm = profile.name(comm), .stack = node}, counts);
    names.resolve(profile.frames());
  }

  [[nodiscard]] Labeller by_comm() const {
    return
        [this](const RowKey& key) { return Labels{profile.name_at(key.comm)}; };
  }
};

}  // namespace sightline::stack
