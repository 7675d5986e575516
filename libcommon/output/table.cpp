// SPDX-License-Identifier: Apache-2.0
#include "output/table.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/text.h"

namespace sightline::output {
namespace {

constexpr std::string_view gap = "  ";

std::string pad(std::string text, Align align, std::size_t width) {
  std::string blanks(width - std::min(width, display_width(text)), ' ');
  return align == Align::right ? blanks + text : text + blanks;
}

std::string fit(std::string line, std::size_t width) {
  line.erase(line.find_last_not_of(' ') + 1);
  return width == 0 ? line : truncate(line, width);
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::add_row(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (auto& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths(std::size_t limit) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    auto widest = display_width(columns_[i].title);
    for (const auto& row : rows_) {
      widest = std::max(widest, display_width(row[i]));
    }
    widths.push_back(widest);
  }
  auto flexible = std::ranges::find(columns_, true, &Column::flexible);
  if (limit == 0 || flexible == columns_.end()) return widths;
  auto total = std::accumulate(widths.begin(), widths.end(),
                               gap.size() * (columns_.size() - 1));
  if (total <= limit) return widths;
  auto& give = widths[static_cast<std::size_t>(flexible - columns_.begin())];
  auto least = display_width(flexible->title);
  give -= std::min(total - limit, give - least);
  return widths;
}

std::string Table::line(const Row& cells,
                        const std::vector<std::size_t>& widths) const {
  std::string out;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (i > 0) out += gap;
    out += pad(truncate(cells[i], widths[i]), columns_[i].align, widths[i]);
  }
  return out;
}

std::string Table::render(std::size_t width, const Style& style) const {
  auto columns = widths(width);
  Row titles;
  for (const auto& column : columns_) titles.push_back(column.title);
  auto out = style.bold(fit(line(titles, columns), width)) + "\n";
  for (const auto& row : rows_) out += fit(line(row, columns), width) + "\n";
  return out;
}

}  // namespace sightline::output
