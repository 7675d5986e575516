// SPDX-License-Identifier: Apache-2.0
// Rows for eyes that leave as they come: columns whose widths are fixed
// beforehand, the last of which takes what is left of the line.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "output/style.h"
#include "output/table.h"

namespace sightline::output {

struct LiveColumn {
  std::string title;      // without blanks, so that awk can count columns
  std::size_t width = 0;  // a wider cell pushes the rest of its row
  Align align = Align::left;
};

// For one thread at a time.
class LiveTable {
 public:
  // `width` is that of a line, 0 for as wide as it takes.
  LiveTable(std::vector<LiveColumn> columns, std::size_t width)
      : columns_(std::move(columns)), width_(width) {}

  // One line with its newline. Cells may hold anything: they pass through
  // printable(). What does not fit is cut with `…`.
  [[nodiscard]] std::string title(const Style& style = Style()) const;
  [[nodiscard]] std::string row(const std::vector<std::string>& cells) const;

  // Columns left for the last cell, where those before keep to theirs; 0 where
  // there is no limit, or no room.
  [[nodiscard]] std::size_t last_room() const;

 private:
  [[nodiscard]] std::string line(const std::vector<std::string>& cells) const;

  std::vector<LiveColumn> columns_;
  std::size_t width_;
};

}  // namespace sightline::output
