// SPDX-License-Identifier: Apache-2.0
#include "symbol/perf_map.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

namespace sightline::symbol {
namespace {

// Ten million lines of a hundred bytes.
constexpr std::uint64_t max_file = 1000ULL << 20;
constexpr std::size_t chunk_size = 1U << 18;  // and the longest line
constexpr std::size_t max_name = 4096;
// No runtime's whole code cache is larger.
constexpr std::uint64_t max_code = 1U << 31;

struct Line {
  std::uint64_t start = 0;
  std::uint64_t size = 0;
  std::string_view name;
};

// Takes a number and the blanks behind it off `text`.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  const std::size_t blanks = std::min(text.find_first_not_of(' '), text.size());
  if (blanks == 0) return std::nullopt;
  text.remove_prefix(blanks);
  return value;
}

std::optional<Line> parse_line(std::string_view text) {
  const auto start = take_number(text);
  if (!start) return std::nullopt;
  const auto size = take_number(text);
  if (!size || *size == 0 || *size > max_code || *start + *size < *start) {
    return std::nullopt;
  }
  // A NUL ends the name, as it does for whoever wrote it.
  const auto name = text.substr(0, std::min(text.find('\0'), max_name));
  if (name.empty()) return std::nullopt;
  return Line{.start = *start, .size = *size, .name = name};
}

}  // namespace

std::expected<PerfMap, Reason> PerfMap::open(UniqueFd fd, CodeLimits limits) {
  auto file =
      GrowingFile::open(std::move(fd), max_file, Reason::jit_map_refused);
  if (!file) return std::unexpected(file.error());
  return PerfMap(*std::move(file), limits);
}

std::uint64_t PerfMap::refresh(std::uint64_t most_bytes) {
  if (file_.restart_if_rewritten()) clear();
  std::uint64_t at = file_.position();
  const std::uint64_t end = file_.size();
  const std::uint64_t before = at;
  const std::uint64_t stop = file_.stop_after(most_bytes);
  if (at == stop) return 0;
  std::vector<char> buffer(std::min<std::uint64_t>(chunk_size, end - at));
  while (at < stop) {
    const std::size_t want = std::min<std::uint64_t>(buffer.size(), end - at);
    const std::size_t got = file_.read_at(at, std::span(buffer.data(), want));
    std::size_t used = take_lines({buffer.data(), got});
    if (used == 0) {
      if (got < chunk_size) break;  // the writer is not done with this line
      used = got;
      bad_lines_ += in_long_line_ ? 0 : 1;
      in_long_line_ = true;
    }
    at += used;
  }
  file_.consume(at);
  ranges_.settle();
  return at - before;
}

void PerfMap::clear() {
  in_long_line_ = false;
  bad_lines_ = 0;
  forgotten_ = 0;
  symbols_ = {};
  names_ = {};
  ranges_.clear();
}

// Returns how much of `text` is whole lines.
std::size_t PerfMap::take_lines(std::string_view text) {
  std::size_t used = 0;
  for (;;) {
    const std::size_t end = text.find('\n', used);
    if (end == std::string_view::npos) return used;
    if (!std::exchange(in_long_line_, false)) {
      take_line(text.substr(used, end - used));
    }
    used = end + 1;
  }
}

void PerfMap::take_line(std::string_view text) {
  const auto line = parse_line(text);
  if (!line) {
    ++bad_lines_;
    return;
  }
  if (symbols_.size() >= limits_.functions ||
      names_.size() + line->name.size() >= limits_.name_bytes) {
    make_room();
  }
  const auto size = static_cast<std::uint32_t>(line->size);
  ranges_.add({.start = line->start,
               .size = size,
               .number = static_cast<std::uint32_t>(symbols_.size())});
  symbols_.push_back({.start = line->start,
                      .size = size,
                      .name = static_cast<std::uint32_t>(names_.size())});
  names_.append(line->name).push_back('\0');
}

// Of those that are seen, the newest: half of what there is room for, so that
// this pays for itself.
std::vector<std::uint32_t> PerfMap::newest_seen() {
  std::vector<bool> seen(symbols_.size());
  for (const auto& piece : ranges_.pieces()) seen[piece.number] = true;
  std::vector<std::uint32_t> kept;
  std::size_t names = 0;
  for (std::size_t i = symbols_.size(); i-- > 0;) {
    if (!seen[i]) continue;
    const std::size_t end =
        i + 1 < symbols_.size() ? symbols_[i + 1].name : names_.size();
    names += end - symbols_[i].name;
    if (names > limits_.name_bytes / 2 || kept.size() == limits_.functions / 2)
      break;
    kept.push_back(static_cast<std::uint32_t>(i));
  }
  forgotten_ +=
      static_cast<std::size_t>(std::ranges::count(seen, true)) - kept.size();
  std::ranges::reverse(kept);
  return kept;
}

void PerfMap::make_room() {
  ranges_.unite();
  const auto kept = newest_seen();
  std::size_t to = 0;
  std::size_t name_to = 0;
  for (const std::uint32_t from : kept) {
    // Moved towards the front, in place: two copies would be twice the bound.
    Symbol symbol = symbols_[from];
    const std::string_view name(names_.c_str() + symbol.name);
    std::ranges::copy_n(name.data(),
                        static_cast<std::ptrdiff_t>(name.size() + 1),
                        names_.data() + name_to);
    symbol.name = static_cast<std::uint32_t>(name_to);
    name_to += name.size() + 1;
    symbols_[to++] = symbol;
  }
  symbols_.resize(to);
  names_.resize(name_to);
  ranges_.renumber(kept);
}

std::optional<CodeSymbol> PerfMap::find(std::uint64_t address) const {
  const auto number = ranges_.find(address);
  if (!number) return std::nullopt;
  const Symbol& symbol = symbols_[*number];
  return CodeSymbol{.name = names_.c_str() + symbol.name,
                    .start = symbol.start,
                    .size = symbol.size};
}

std::size_t PerfMap::memory() const {
  return symbols_.capacity() * sizeof(Symbol) + names_.capacity() +
         ranges_.memory();
}

}  // namespace sightline::symbol
