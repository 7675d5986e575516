// SPDX-License-Identifier: Apache-2.0
// Where addresses come from, as a table, and as the bytes in which a process
// that reads DWARF tells it. The reader of those bytes trusts none of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "symbol/dwarf.h"
#include "symbol/reason.h"

namespace sightline::symbol {

struct SourceFrame {
  std::uint32_t function = 0;  // into `texts`, as `file`; 0 is the empty text
  std::uint32_t file = 0;
  std::uint32_t line = 0;  // 0: not known
};

struct SourceTable {
  struct Chain {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };
  std::vector<std::string> texts{std::string()};  // raw bytes, each once
  std::vector<SourceFrame> frames;
  std::vector<Chain> chains;     // one for each address
  Reason reason = Reason::none;  // why chains are empty

  // The functions at an address, the innermost first; the last is the one that
  // the others are inlined into. Empty: see `reason`.
  [[nodiscard]] std::span<const SourceFrame> at(std::size_t index) const {
    return std::span(frames).subspan(chains[index].first, chains[index].count);
  }
};

// Writes to a descriptor; its failure is only seen by the other side.
class SourceEncoder {
 public:
  explicit SourceEncoder(int fd) : fd_(fd) {}

  void chain(std::size_t index, std::span<const DwarfFrame> frames);
  // Done with so many addresses: written at once.
  void progress(std::size_t done);
  // The last message, without which nothing is complete.
  void end(Reason reason);

 private:
  std::uint32_t text(std::string_view text);
  void message(std::uint32_t kind, std::string_view payload);
  void flush();

  int fd_;
  std::string buffer_;
  std::unordered_map<std::string, std::uint32_t> ids_;
};

// Takes the bytes in pieces of any size. Whatever they are, at most
// 64 MiB of texts and 256 frames an address (16 million in all) are kept.
class SourceDecoder {
 public:
  explicit SourceDecoder(std::size_t addresses) {
    table_.chains.resize(addresses);
  }

  // False when no encoder writes such bytes, or more than is kept; nothing more
  // is taken then.
  bool take(std::span<const char> bytes);

  // Whether it was too much, and not wrong.
  [[nodiscard]] bool full() const { return full_; }
  [[nodiscard]] std::size_t done() const { return done_; }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] SourceTable&& table() && { return std::move(table_); }

 private:
  bool take_message(std::uint32_t kind, std::string_view payload);
  bool take_chain(std::string_view payload);

  SourceTable table_;
  std::string pending_;
  std::size_t text_bytes_ = 0;
  std::size_t done_ = 0;
  bool ended_ = false;
  bool full_ = false;
};

}  // namespace sightline::symbol
