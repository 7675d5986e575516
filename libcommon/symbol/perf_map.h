// SPDX-License-Identifier: Apache-2.0
// Names of generated code from /tmp/perf-PID.map.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.h"
#include "symbol/code_ranges.h"
#include "symbol/growing_file.h"
#include "symbol/reason.h"

namespace sightline::symbol {

// A runtime appends a line for each function it generates: `START SIZE NAME`,
// both numbers hexadecimal, the name all the rest, with blanks in it
// (tools/perf/Documentation/jit-interface.txt in the kernel's sources). Nothing
// says when code came or went: an address has the name of what lies there when
// the map is read, and where lines overlap, the later one is right. A `0x`
// before a number is taken too, since some runtimes write it. Lines of
// another form are passed over.
//
// Bounds: a file of 1000 MiB, a line of 256 KiB, 4 KiB of a name, and unless
// other limits are given 1 Mi functions and 64 MiB of names.
// Const members may be called from many threads.
class PerfMap {
 public:
  static constexpr CodeLimits default_limits = {1U << 20, 64U << 20};

  // Takes the file, opened for reading; who may be believed is the caller's to
  // say. Fails with `jit_map_refused`. Reads nothing yet.
  static std::expected<PerfMap, Reason> open(
      UniqueFd fd, CodeLimits limits = default_limits);

  // Reads what was appended since the last time, and tells how many bytes that
  // was; whole lines only, the rest
  // comes next time, as does what is beyond about `most_bytes`. A file that was
  // written anew is read anew. Without news it costs 2 us; else under 1 us a
  // line, and now and then a pass over all that is known. Ten million lines at
  // once take some seconds.
  std::uint64_t refresh(std::uint64_t most_bytes = all_bytes);

  // The function that holds `address`, by the last line that says so.
  // O(log n).
  [[nodiscard]] std::optional<CodeSymbol> find(std::uint64_t address) const;

  // Functions known, also those that later lines hide.
  [[nodiscard]] std::size_t size() const { return symbols_.size(); }
  // Lines that were passed over since the file was opened or written anew.
  [[nodiscard]] std::uint64_t bad_lines() const { return bad_lines_; }
  // Functions that were forgotten although later lines did not hide them.
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }
  // Bytes held.
  [[nodiscard]] std::size_t memory() const;

 private:
  struct Symbol {
    std::uint64_t start;
    std::uint32_t size;
    std::uint32_t name;  // offset into names_, ends with NUL
  };

  PerfMap(GrowingFile file, CodeLimits limits)
      : file_(std::move(file)), limits_(limits) {}
  void clear();
  std::size_t take_lines(std::string_view text);
  void take_line(std::string_view line);
  void make_room();
  std::vector<std::uint32_t> newest_seen();

  GrowingFile file_;
  CodeLimits limits_;
  bool in_long_line_ = false;  // its beginning was dropped
  std::uint64_t bad_lines_ = 0;
  std::uint64_t forgotten_ = 0;
  std::vector<Symbol> symbols_;  // in the order of the file
  std::string names_;
  CodeRanges ranges_;  // numbers are indexes into symbols_
};

}  // namespace sightline::symbol
