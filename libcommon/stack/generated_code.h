// SPDX-License-Identifier: Apache-2.0
// Frames in generated code (JIT). An address there means something in one
// process and at one time only, so its name is taken when the samples are, and
// not at the end as that of a file's function. What its runtime has not written
// by then (V8 buffers 2 MiB of a jitdump) is looked for once more at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "process/table.h"
#include "stack/frames.h"
#include "symbol/jit_code.h"

namespace sightline::stack {

// Not thread-safe.
class GeneratedCode {
 public:
  // An honest map is some megabytes; hostile ones must neither fill the memory
  // nor stop everything else.
  struct Limits {
    // Of all processes' names together. The one that was asked last goes last,
    // and whichever went is read again when it is needed. The one that is being
    // read stays, so a single one may have more: jit_code.h.
    std::size_t memory = 128U << 20;
    std::size_t sources = 128;  // which hold descriptors, too
    // Addresses that wait for a name; more of them get none.
    std::size_t waiting = 1U << 16;
    // Bytes that an epoch reads: of one process, and of all.
    std::uint64_t one_in_epoch = 8U << 20;
    std::uint64_t all_in_epoch = 64U << 20;
    // And a report.
    std::uint64_t one_in_report = 64U << 20;
    std::uint64_t all_in_report = 256U << 20;
  };

  GeneratedCode(process::Table& processes, process::Objects& objects)
      : GeneratedCode(processes, objects, Limits()) {}
  GeneratedCode(process::Table& processes, process::Objects& objects,
                const Limits& limits)
      : processes_(processes), objects_(objects), limits_(limits) {}

  // The frame of an address that lies in memory without a file and was sampled
  // in the epoch [from_ns, to_ns] of CLOCK_MONOTONIC: of process::jit_object,
  // and its offset is a number for at(). Of process::anonymous_object where
  // it will have no name: where a jitdump says that one function and then
  // another lay there in that epoch, it is `mapping_changed`. What the process
  // has written is read once for each `to_ns`.
  Frame locate(const process::ImageKey& image, std::uint64_t address,
               std::uint64_t from_ns, std::uint64_t to_ns);

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

  // What all processes' names hold, and of how many there are some.
  [[nodiscard]] std::size_t memory() const;
  [[nodiscard]] std::size_t sources() const { return sources_.size(); }

 private:
  // An address without a name as yet.
  struct Open {
    std::uint64_t code;  // index
    std::uint64_t from_ns;
    std::uint64_t to_ns;
  };
  // An address and the end of its epoch: what lay there in another one may be
  // another function. 0 where there is nothing that tells times: then it is
  // what lies there when it is read, whatever the epoch.
  using OpenKey = std::pair<std::uint64_t, std::uint64_t>;
  struct Source {
    symbol::JitCode code;
    std::uint64_t read_ns = 0;  // the epoch that it was read for
    std::set<process::ObjectId> dumps = {};
    std::map<OpenKey, Open> open = {};
  };
  Source* source_of(const process::ImageKey& image);
  void read_on(const process::ImageKey& image, Source& source,
               std::uint64_t to_ns);
  void read(Source& source, std::uint64_t most_bytes);
  void add_jitdumps(const process::ImageKey& image, Source& source);
  void add_jitdump(const process::ImageKey& image,
                   const process::Mapping& mapping, const process::Root& root,
                   Source& source);
  void make_room(const Source& used);
  std::uint64_t intern(std::string_view name);
  Open* open_for(Source& source, std::uint64_t address, std::uint64_t from_ns,
                 std::uint64_t to_ns);
  void settle(Source& source, std::uint64_t most_bytes);

  process::Table& processes_;
  process::Objects& objects_;
  Limits limits_;
  std::uint64_t epoch_ns_ = 0;    // the end of the one that is read for
  std::uint64_t bytes_left_ = 0;  // that may still be read in it
  std::size_t waiting_ = 0;       // in all sources
  std::unordered_map<process::ImageKey, Source, process::ImageKeyHash> sources_;
  std::vector<Code> codes_;
  std::unordered_map<std::string, std::uint64_t> code_ids_;
};

}  // namespace sightline::stack
