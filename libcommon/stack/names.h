// SPDX-License-Identifier: Apache-2.0
// Names for the frames of a profile. Each frame is named once, in batches by
// object; frames that have the same name in the same object are one function.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "process/objects.h"
#include "stack/frames.h"
#include "stack/generated_code.h"
#include "symbol/symbolizer.h"

namespace sightline::stack {

using FunctionId = std::uint32_t;

struct Function {
  std::string name;    // never empty; "[libfoo.so: stripped]" without a symbol
  std::string object;  // "libc.so.6", "[kernel]", "[xfs]", "[unknown]"
  bool kernel = false;
  symbol::Reason reason = symbol::Reason::none;
  bool jit = false;  // generated code, named or not

  bool operator==(const Function&) const = default;
};

class Names {
 public:
  // `generated` may be null where there is no frame in generated code.
  Names(symbol::Symbolizer symbolizer, process::Objects& objects,
        const GeneratedCode* generated = nullptr)
      : symbolizer_(std::move(symbolizer)),
        objects_(objects),
        generated_(generated) {}

  // Names all frames that have none yet. Can be called as often as frames come:
  // what is done during the run is not waited for at its end.
  void resolve(const FrameTable& frames);

  // The same once as many frames are unnamed as have names: for each drain. A
  // pass over an object's symbols costs the same for one name as for
  // thousands, so there are few of them however long the run is.
  void keep_up(const FrameTable& frames) {
    if (frames.size() >= 2 * functions_of_.size()) resolve(frames);
  }

  // Forgets all names, for another table of frames.
  void reset();

  // The function of a frame that was there at the last resolve().
  [[nodiscard]] FunctionId function_of(FrameId frame) const {
    return functions_of_[frame];
  }
  [[nodiscard]] const Function& function(FunctionId id) const {
    return functions_[id];
  }
  [[nodiscard]] const Function& at(FrameId frame) const {
    return functions_[functions_of_[frame]];
  }

 private:
  using Batch = std::vector<FrameId>;
  void name_batch(const FrameTable& frames, process::ObjectId object,
                  Batch& batch);
  void name_offsets(process::ObjectId object,
                    const std::vector<std::uint64_t>& offsets,
                    std::vector<symbol::Named>& out);
  [[nodiscard]] Function function_without_file(const Frame& frame) const;
  FunctionId intern(Function function);

  symbol::Symbolizer symbolizer_;
  process::Objects& objects_;
  const GeneratedCode* generated_;
  std::vector<Function> functions_;
  std::unordered_multimap<std::size_t, FunctionId> function_ids_;
  std::vector<FunctionId> functions_of_;
};

}  // namespace sightline::stack
