// SPDX-License-Identifier: Apache-2.0
// Where events come from: chains of parents, and as collapsed stacks.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "output/folded.h"

namespace sightline::event {

struct Ancestor {
  std::uint32_t pid = 0;
  std::string comm = {};
};

// Begins a line with the chain, the farthest first; `ancestors` has the parent
// first.
void put_ancestry(output::FoldedLine& line,
                  const std::vector<Ancestor>& ancestors);

// `systemd;sshd;bash;make;cc1plus COUNT`, added up by line. Once there are
// `most_lines`, further ones are counted together, as `[others]`. Not
// thread-safe.
class FoldedCounts {
 public:
  static constexpr std::size_t most_lines = 65536;

  // Finishes the line.
  void add(output::FoldedLine& line, std::uint64_t count);
  // Lines in the order of their text.
  [[nodiscard]] std::string text() const;
  void clear() { counts_.clear(); }

 private:
  std::map<std::string, std::uint64_t> counts_;  // without the count
};

}  // namespace sightline::event
