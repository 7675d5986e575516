// SPDX-License-Identifier: Apache-2.0
// Frames in generated code (JIT). An address there means something in one
// process and at one time only, so its name is taken when the samples are, and
// not at the end as that of a file's function. What its runtime has not written
// by then (V8 buffers 2 MiB of a jitdump) is looked for once more at the end.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "process/table.h"
#include "stack/frames.h"
#include "symbol/jit_code.h"

namespace sightline::stack {

// Not thread-safe.
class GeneratedCode {
 public:
  GeneratedCode(process::Table& processes, process::Objects& objects)
      : processes_(processes), objects_(objects) {}

  // The frame of an address that lies in memory without a file, of
  // process::jit_object; its offset is a number for at(). `time_ns` is
  // CLOCK_MONOTONIC, the end of the epoch; what the process has written is read
  // once for each such time.
  Frame locate(const process::ImageKey& image, std::uint64_t address,
               std::uint64_t time_ns);

  // What a frame of process::jit_object is. Final after settle().
  struct Code {
    std::string name = {};  // raw bytes; empty: see `reason`
    symbol::Reason reason = symbol::Reason::none;
  };
  [[nodiscard]] const Code& at(std::uint64_t offset) const {
    return codes_[offset];
  }

  // Looks once more for what had no name: before a report.
  void settle();

  // Closes what belongs to images that the table has forgotten.
  void forget();

  // Starts over with the numbers, for another table of frames.
  void reset();

 private:
  // An address without a name as yet.
  struct Open {
    std::uint64_t code;  // index
    std::uint64_t time_ns;
  };
  struct Source {
    symbol::JitCode code;
    std::uint64_t read_ns = 0;  // the time_ns that it was read for
    std::set<process::ObjectId> dumps = {};
    std::map<std::uint64_t, Open> open = {};  // by address
  };
  Source* source_of(const process::ImageKey& image);
  void read_on(const process::ImageKey& image, Source& source,
               std::uint64_t time_ns);
  void add_jitdumps(const process::ImageKey& image, Source& source);
  void add_jitdump(const process::ImageKey& image,
                   const process::Mapping& mapping, const process::Root& root,
                   Source& source);
  void make_room();
  std::uint64_t intern(std::string_view name);
  std::uint64_t intern_open(Source& source, std::uint64_t address,
                            std::uint64_t time_ns);
  void settle(Source& source);

  process::Table& processes_;
  process::Objects& objects_;
  std::unordered_map<process::ImageKey, Source, process::ImageKeyHash> sources_;
  std::vector<Code> codes_;
  std::unordered_map<std::string, std::uint64_t> code_ids_;
};

}  // namespace sightline::stack
