// SPDX-License-Identifier: Apache-2.0
#include "output/live_table.h"

#include "base/text.h"

namespace sightline::output {

std::string LiveTable::line(const std::vector<std::string>& cells) const {
  std::string out;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const auto& column = columns_[i];
    auto cell = i < cells.size() ? printable(cells[i]) : std::string();
    auto size = display_width(cell);
    auto blanks = column.width > size ? column.width - size : 0;
    if (i > 0) out += "  ";
    if (column.align == Align::right) out.append(blanks, ' ');
    out += cell;
    if (column.align == Align::left) out.append(blanks, ' ');
  }
  out.erase(out.find_last_not_of(' ') + 1);
  return width_ == 0 ? out : truncate(out, width_);
}

std::size_t LiveTable::last_room() const {
  std::size_t before = 0;
  for (std::size_t i = 0; i + 1 < columns_.size(); ++i) {
    before += columns_[i].width + 2;
  }
  return width_ > before ? width_ - before : 0;
}

std::string LiveTable::title(const Style& style) const {
  std::vector<std::string> titles;
  for (const auto& column : columns_) titles.push_back(column.title);
  return style.bold(line(titles)) + "\n";
}

std::string LiveTable::row(const std::vector<std::string>& cells) const {
  return line(cells) + "\n";
}

}  // namespace sightline::output
