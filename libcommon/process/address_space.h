// SPDX-License-Identifier: Apache-2.0
// The executable mappings of one process image over time. perf has no record of
// munmap, so a mapping ends when another one takes its place.
#pragma once

#include <cstdint>
#include <vector>

#include "process/objects.h"

namespace sightline::process {

struct Mapping {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::uint64_t file_offset = 0;
  ObjectId object = no_object;
  std::uint64_t since_ns = 0;  // CLOCK_MONOTONIC; 0: from the start
};

// Where an address was in a span of time.
struct Location {
  ObjectId object = no_object;
  std::uint64_t offset = 0;  // in the file; the address itself without a file
  const Mapping* mapping = nullptr;
  symbol::Reason reason = symbol::Reason::none;
};

// A plain value; a copy is a fork's.
class AddressSpace {
 public:
  // A mapping that came at mapping.since_ns; what it covers ends there.
  void insert(const Mapping& mapping);

  // What lay at `address` all the time from `from_ns` to now. An address whose
  // mapping changed meanwhile has two answers: mapping_changed.
  [[nodiscard]] Location locate(std::uint64_t address,
                                std::uint64_t from_ns) const;

  // Forgets what ended before `before_ns`.
  void forget_replaced(std::uint64_t before_ns);

  // What is mapped now, by address.
  [[nodiscard]] const std::vector<Mapping>& mappings() const {
    return mappings_;
  }

 private:
  struct Replaced {
    Mapping mapping;
    std::uint64_t until_ns;
  };
  [[nodiscard]] const Mapping* find(std::uint64_t address) const;
  void replace(const Mapping& mapping, std::uint64_t until_ns);
  [[nodiscard]] bool was_another(std::uint64_t address,
                                 std::uint64_t from_ns) const;

  std::vector<Mapping> mappings_;  // by start, never overlapping
  std::vector<Replaced> replaced_;
  // When there were too many of them: until then nothing is certain.
  std::uint64_t uncertain_until_ns_ = 0;
};

}  // namespace sightline::process
