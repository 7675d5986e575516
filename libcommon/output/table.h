// SPDX-License-Identifier: Apache-2.0
// Rows for eyes: aligned columns that fit the terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "output/style.h"

namespace sightline::output {

enum class Align : std::uint8_t { left, right };

struct Column {
  std::string title;  // without blanks, so that awk can count columns
  Align align = Align::left;
  bool flexible = false;  // gives way when the row is too wide; one a table
};

// A table in memory. Cells may hold anything: they pass through printable().
// For one thread at a time.
class Table {
 public:
  explicit Table(std::vector<Column> columns);

  // Missing cells are empty, surplus ones are dropped.
  void add_row(std::vector<std::string> cells);

  [[nodiscard]] std::size_t rows() const { return rows_.size(); }

  // Title line and rows, each with its newline and without blanks at the end.
  // With a width over 0 no line is wider: first the flexible column is cut
  // with `…` (down to its title), then the line.
  [[nodiscard]] std::string render(std::size_t width,
                                   const Style& style = Style()) const;

 private:
  using Row = std::vector<std::string>;
  [[nodiscard]] std::vector<std::size_t> widths(std::size_t limit) const;
  [[nodiscard]] std::string line(const Row& cells,
                                 const std::vector<std::size_t>& widths) const;

  std::vector<Column> columns_;
  std::vector<Row> rows_;
};

}  // namespace sightline::output
