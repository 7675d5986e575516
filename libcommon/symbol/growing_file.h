// SPDX-License-Identifier: Apache-2.0
// A stranger's file that is read while its writer appends to it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

#include "base/handle.h"
#include "symbol/reason.h"

namespace sightline::symbol {

// For refresh(): no bound.
inline constexpr std::uint64_t all_bytes = UINT64_MAX;

// The descriptor stays open, so a file that its writer deletes can still be
// read. Nothing is mapped, for who may truncate the file could send a SIGBUS.
// Not thread-safe.
class GrowingFile {
 public:
  // Takes a descriptor opened for reading. What is no regular file, or larger
  // than `limit` bytes, fails with `refused`. One fstat.
  static std::expected<GrowingFile, Reason> open(UniqueFd fd,
                                                 std::uint64_t limit,
                                                 Reason refused);

  // What may be read: the file's size, at most the limit. One fstat.
  [[nodiscard]] std::uint64_t size() const;

  // Reads at an offset until `into` is full or the file ends; the number of
  // bytes read. An I/O error counts as the end.
  std::size_t read_at(std::uint64_t offset, std::span<char> into) const;

  // Where what was not yet consumed begins.
  [[nodiscard]] std::uint64_t position() const { return position_; }

  // Where to stop who has `most_bytes` to read and no more: the file's end, or
  // earlier.
  [[nodiscard]] std::uint64_t stop_after(std::uint64_t most_bytes) const;

  // Everything before `position` is consumed. Remembers the last bytes of it.
  void consume(std::uint64_t position);

  // Whether what was consumed is no longer there: the file is shorter, or it
  // was written anew and has grown past that place already. Then the position
  // is back at 0. One fstat and one small pread.
  bool restart_if_rewritten();

 private:
  std::span<char> tail_span() { return std::span(tail_).first(tail_size_); }

  UniqueFd fd_;
  std::uint64_t limit_ = 0;
  std::uint64_t position_ = 0;
  std::array<char, 64> tail_{};  // the bytes before position_
  std::size_t tail_size_ = 0;
};

}  // namespace sightline::symbol
