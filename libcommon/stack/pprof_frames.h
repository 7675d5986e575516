// SPDX-License-Identifier: Apache-2.0
// The frames of a profile as pprof's locations, functions and mappings.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "output/pprof_writer.h"
#include "stack/names.h"
#include "stack/profile.h"

namespace sightline::stack {

// A location is a frame: an address in the code segment of a file, as its
// symbol tables know it, or in the whole of memory for what is no file
// (`[kernel.kallsyms]`, `[xfs]`, `[vdso]`, `[jit]`, `[unknown]`). Frames
// without a name are functions that are called after their reason, as in every
// format. All of them are named, and stay so while this exists.
class PprofFrames {
 public:
  PprofFrames(const Profile& profile, const Names& names,
              output::PprofWriter& writer)
      : profile_(profile), names_(names), writer_(writer) {}

  // The locations of a stack from the leaf to the root. Adds the frames that
  // are on no stack before it.
  std::vector<output::pprof::Index> stack(CallTree::Node node);

  // Adds the mappings, which are whole now. Once, and the last of all.
  void finish();

 private:
  using Index = output::pprof::Index;
  struct Place {
    Index mapping;
    std::uint64_t address;
  };
  Index location_of(FrameId id);
  Place place_of(const Frame& frame, const Function& function);
  Index mapping_of(process::ObjectId object,
                   const output::pprof::Mapping& what);
  void note(Index mapping, const Function& function);

  const Profile& profile_;
  const Names& names_;
  output::PprofWriter& writer_;
  std::vector<std::optional<Index>> locations_;  // of each frame
  std::vector<output::pprof::Mapping> mappings_;
  std::vector<process::ObjectId> objects_;  // of each mapping
  std::map<std::tuple<process::ObjectId, std::uint64_t, std::string_view>,
           Index>
      mapping_ids_;
};

}  // namespace sightline::stack
