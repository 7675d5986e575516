// SPDX-License-Identifier: Apache-2.0
// Names of generated code from a jitdump file, which also says when.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>

#include "base/handle.h"
#include "symbol/code_history.h"
#include "symbol/code_ranges.h"
#include "symbol/growing_file.h"
#include "symbol/reason.h"

namespace sightline::symbol {

// The format is that of tools/perf/Documentation/jitdump-specification.txt in
// the kernel's sources, version 1, in this machine's byte order. Code that was
// loaded or moved is read; debug and unwinding information and the code itself
// are passed over. Times must be of CLOCK_MONOTONIC, which perf asks of the
// runtimes too (`perf record -k mono`).
//
// Bounds: a file of 4 GiB, 4 KiB of a name, and unless other limits are given
// 1 Mi places of functions and 64 MiB of names. Const members may be called
// from many threads.
class Jitdump {
 public:
  static constexpr CodeLimits default_limits = {1U << 20, 64U << 20};

  // Takes the file, opened for reading, of the process that knows itself as
  // `pid`; who may be believed is the caller's to say. Fails with
  // `jitdump_refused`. Reads nothing yet: a runtime may keep even the header
  // in its buffer for long.
  static std::expected<Jitdump, Reason> open(
      UniqueFd fd, std::uint32_t pid, CodeLimits limits = default_limits);

  // Reads what was appended since the last time, about `most_bytes` of it at
  // most, and tells how many bytes that was; whole records only, the rest
  // comes next time. A file that was written anew is read anew. Without news
  // it costs 3 us; else under 1 us a record, and a pass over all that is
  // known.
  std::uint64_t refresh(std::uint64_t most_bytes = all_bytes);

  // The function that was at `address` at some time of [from_ns, to_ns] of
  // CLOCK_MONOTONIC. Fails with `mapping_changed` where functions of two names
  // were there in that time, and with `none` where nothing is known. Where code
  // was not yet or no longer is no second answer: nothing can have been sampled
  // there then. Cost: code_history.h.
  [[nodiscard]] std::expected<CodeSymbol, Reason> find(
      std::uint64_t address, std::uint64_t from_ns, std::uint64_t to_ns) const;

  // Why nothing is read (any more): `jitdump_refused` when it is no jitdump or
  // another process's, `jitdump_clock`, or `corrupt` from some record on; what
  // was before that is kept. Else `none`.
  [[nodiscard]] Reason reason() const { return reason_; }
  // Places of code known; one that was moved from counts too.
  [[nodiscard]] std::size_t size() const { return history_.size(); }
  // Places that were forgotten for want of room.
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }
  // Bytes held, with the default limits at most 200 MiB.
  [[nodiscard]] std::size_t memory() const;

 private:
  class Window;

  Jitdump(GrowingFile file, std::uint32_t pid, CodeLimits limits)
      : file_(std::move(file)), pid_(pid), limits_(limits) {}
  void clear();
  std::uint64_t take_header(Window& window);
  std::uint64_t take_records(Window& window, std::uint64_t at,
                             std::uint64_t stop, std::uint64_t end);
  void take_load(std::string_view record, std::uint64_t time_ns);
  void take_move(std::string_view record, std::uint64_t time_ns);
  void place(std::uint64_t start, std::uint64_t size, std::uint64_t time_ns,
             std::uint32_t name);
  std::uint32_t keep_name(std::string_view name);
  void make_room();
  [[nodiscard]] const char* name_of(const CodeHistory::Version& version) const {
    return names_.c_str() + version.name;
  }

  GrowingFile file_;
  std::uint32_t pid_;
  CodeLimits limits_;
  Reason reason_ = Reason::none;
  std::uint64_t forgotten_ = 0;
  CodeHistory history_;  // names are offsets into names_; 0 is no code
  std::string names_;    // each ends with NUL
  std::map<std::uint64_t, std::uint32_t> name_by_index_;  // for moves
};

}  // namespace sightline::symbol
