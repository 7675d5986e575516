// SPDX-License-Identifier: Apache-2.0
#include "symbol/go_symbols.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sightline::symbol {
namespace {

constexpr std::uint32_t magic_1_2 = 0xfffffffb;
constexpr std::uint32_t magic_1_16 = 0xfffffffa;
constexpr std::uint32_t magic_1_18 = 0xfffffff0;
constexpr std::uint32_t magic_1_20 = 0xfffffff1;

constexpr std::uint64_t header_size = 8;
constexpr std::uint64_t max_functions = 1U << 22;
constexpr std::size_t chunk_size = 1U << 16;
constexpr std::size_t max_name = 1U << 14;
constexpr std::size_t max_mean_name = 1U << 10;
// What is looked through for a table that has lost its section.
constexpr std::uint64_t max_looked_through = 64U << 20;
constexpr std::size_t table_alignment = 32;

// Reads of one section, which end where the section ends.
class SectionReader {
 public:
  SectionReader(const ElfFile& file, const Section& section)
      : file_(file), section_(section) {}

  [[nodiscard]] const Section& section() const { return section_; }

  std::size_t read(std::uint64_t offset, std::span<char> into) const {
    if (offset >= section_.file_size) return 0;
    const auto size =
        std::min<std::uint64_t>(into.size(), section_.file_size - offset);
    return file_.read_at(section_.offset + offset, into.first(size));
  }

  // An unsigned number of `size` (4 or 8) bytes.
  [[nodiscard]] std::optional<std::uint64_t> number(std::uint64_t offset,
                                                    std::size_t size) const {
    std::array<char, 8> bytes{};
    if (read(offset, std::span(bytes).first(size)) != size) return std::nullopt;
    return decode(bytes.data(), size);
  }

  static std::uint64_t decode(const char* bytes, std::size_t size) {
    if (size == sizeof(std::uint64_t)) {
      std::uint64_t value = 0;
      std::memcpy(&value, bytes, sizeof value);
      return value;
    }
    std::uint32_t value = 0;
    std::memcpy(&value, bytes, sizeof value);
    return value;
  }

 private:
  const ElfFile& file_;
  const Section& section_;
};

// What the header says, whichever version wrote it. Offsets are from the start
// of the section.
struct Layout {
  std::uint64_t functions = 0;  // how many there are
  std::uint64_t table = 0;      // pairs of address and offset of a record
  std::size_t field = 0;        // bytes of each number in the pairs
  std::uint64_t records = 0;    // what the records' offsets count from
  std::uint64_t names = 0;      // what the names' offsets count from
  std::uint64_t text = 0;       // what the addresses count from
  bool needs_text = false;      // `text` is to be found elsewhere
};

std::uint32_t magic_of(std::span<const char> header) {
  std::uint32_t magic = 0;
  std::memcpy(&magic, header.data(), sizeof magic);
  return magic;
}

// Magic, two zeroes, the least length of an instruction, the size of a pointer.
bool is_header(std::span<const char> bytes) {
  constexpr std::array magics = {magic_1_2, magic_1_16, magic_1_18, magic_1_20};
  return std::ranges::find(magics, magic_of(bytes)) != magics.end() &&
         bytes[4] == 0 && bytes[5] == 0 &&
         (bytes[6] == 1 || bytes[6] == 2 || bytes[6] == 4) &&
         (bytes[7] == 4 || bytes[7] == 8);
}

// Words of a pointer's size follow the eight bytes of the header.
std::optional<Layout> read_layout(const SectionReader& reader) {
  std::array<char, header_size> header{};
  if (reader.read(0, header) != header.size() || !is_header(header)) {
    return std::nullopt;
  }
  const std::uint32_t magic = magic_of(header);
  const auto pointer = std::size_t{static_cast<unsigned char>(header[7])};
  const auto word = [&](unsigned index) {
    return reader.number(header_size + index * pointer, pointer);
  };
  const auto functions = word(0);
  if (!functions || *functions > max_functions) return std::nullopt;
  Layout layout{.functions = *functions};
  if (magic == magic_1_2) {
    layout.table = header_size + pointer;
    layout.field = pointer;
    return layout;
  }
  const bool relative = magic == magic_1_18 || magic == magic_1_20;
  const auto text = word(2);  // before Go 1.18 the names' offset
  const auto names = word(relative ? 3 : 2);
  const auto table = word(relative ? 7 : 6);
  if (!text || !names || !table) return std::nullopt;
  layout.names = *names;
  layout.table = layout.records = *table;
  layout.field = relative ? sizeof(std::uint32_t) : pointer;
  if (!relative) return layout;
  layout.text = *text;
  layout.needs_text = layout.text == 0;
  return layout;
}

// Where the code begins, when the header does not say it. The start of .text is
// believed only if the table is about all of .text: a C linker may have put
// other code in front of Go's.
std::optional<std::uint64_t> find_text(const ElfFile& file,
                                       const SectionReader& reader,
                                       const Layout& layout) {
  constexpr std::uint64_t most_padding = 64;
  const Section* const text = file.find_section(".text");
  const auto end = reader.number(
      layout.table + layout.functions * 2 * layout.field, layout.field);
  if (text == nullptr || !end || *end > text->size ||
      text->size - *end > most_padding) {
    return std::nullopt;
  }
  return text->address;
}

// Goes through the functions and the addresses together.
class FunctionWalk {
 public:
  FunctionWalk(const SectionReader& reader, const Layout& layout,
               std::span<const std::uint64_t> addresses,
               std::span<ElfSymbol> out)
      : reader_(reader),
        layout_(layout),
        addresses_(addresses),
        out_(out),
        budget_(max_name + out.size() * max_mean_name) {}

  Reason run() {
    const std::size_t pair = 2 * layout_.field;
    std::vector<char> chunk(chunk_size);  // whole pairs: a power of two
    for (std::uint64_t i = 0; i < layout_.functions;) {
      const std::size_t got =
          reader_.read(layout_.table + i * pair, chunk) / pair;
      if (got == 0) return Reason::corrupt;
      const std::uint64_t end = std::min(layout_.functions, i + got);
      for (const char* at = chunk.data(); i < end; ++i, at += pair) {
        if (next_ == addresses_.size()) return Reason::none;
        if (step(at) != Reason::none) return Reason::corrupt;
      }
    }
    return finish();
  }

 private:
  struct Function {
    std::uint64_t start = 0;
    std::uint64_t record = 0;
  };

  // Behind the pairs stands where the last function ends.
  Reason finish() {
    const std::uint64_t at =
        layout_.table + layout_.functions * 2 * layout_.field;
    const auto end = reader_.number(at, layout_.field);
    return end ? end_at(layout_.text + *end) : Reason::corrupt;
  }

  Reason step(const char* pair) {
    const std::uint64_t start =
        layout_.text + SectionReader::decode(pair, layout_.field);
    const Reason reason = end_at(start);
    current_ = {
        .start = start,
        .record = SectionReader::decode(pair + layout_.field, layout_.field)};
    started_ = true;
    return reason;
  }

  // The current function ends where the next begins: names what lies in it.
  Reason end_at(std::uint64_t end) {
    if (started_ && end < current_.start) return Reason::corrupt;
    name_.reset();
    for (; next_ < addresses_.size() && addresses_[next_] < end; ++next_) {
      ElfSymbol& symbol = out_[next_];
      if (!started_ || !symbol.name.empty()) continue;
      if (!name_) name_ = read_name();
      if (!name_) return Reason::corrupt;
      symbol.name = *name_;
      symbol.start = current_.start;
      budget_ -= std::min(budget_, name_->size());
    }
    return Reason::none;
  }

  // The record begins with the function's address again, in the width of the
  // pairs, and the offset of its name.
  [[nodiscard]] std::optional<std::string> read_name() const {
    const std::uint64_t record = layout_.records + current_.record;
    const auto start = reader_.number(record, layout_.field);
    const auto offset =
        reader_.number(record + layout_.field, sizeof(std::uint32_t));
    if (!start || layout_.text + *start != current_.start || !offset) {
      return std::nullopt;
    }
    return read_string(layout_.names + *offset);
  }

  [[nodiscard]] std::optional<std::string> read_string(
      std::uint64_t offset) const {
    std::array<char, 256> part{};
    std::string text;
    const std::size_t limit = std::min(max_name, budget_);
    while (text.size() < limit) {
      const std::size_t got = reader_.read(offset + text.size(), part);
      const std::string_view seen(part.data(), got);
      const std::size_t end = seen.find('\0');
      text.append(seen.substr(0, end));
      if (end != std::string_view::npos) break;
      if (got == 0) return std::nullopt;
    }
    if (text.size() > limit) text.resize(limit);
    return text;
  }

  const SectionReader& reader_;
  const Layout& layout_;
  std::span<const std::uint64_t> addresses_;
  std::span<ElfSymbol> out_;
  std::size_t budget_;
  std::size_t next_ = 0;
  Function current_;
  bool started_ = false;
  std::optional<std::string> name_;
};

// The C linker merges the table of a position-independent program into
// .data.rel.ro (.data.rel.ro.* of its script), at the alignment that the Go
// linker gave it. Only looked for in what says that it is Go.
std::optional<Section> merged_table(const ElfFile& file) {
  const Section* const data = file.find_section(".data.rel.ro");
  if (data == nullptr || file.find_section(".go.buildinfo") == nullptr) {
    return std::nullopt;
  }
  const std::uint64_t end = std::min(data->file_size, max_looked_through);
  const std::uint64_t skip = -data->address % table_alignment;
  const SectionReader reader(file, *data);
  std::vector<char> chunk(chunk_size);
  for (std::uint64_t at = skip; at < end; at += chunk.size()) {
    const std::size_t got = reader.read(at, chunk);
    for (std::size_t i = 0; i + header_size <= got; i += table_alignment) {
      if (!is_header(std::span(chunk).subspan(i))) continue;
      Section table = *data;
      table.offset += at + i;
      table.address += at + i;
      table.file_size -= at + i;
      if (read_layout(SectionReader(file, table))) return table;
    }
  }
  return std::nullopt;
}

std::optional<Section> table_of(const ElfFile& file) {
  for (const char* name : {".gopclntab", ".data.rel.ro.gopclntab"}) {
    if (const Section* const section = file.find_section(name)) return *section;
  }
  return merged_table(file);
}

}  // namespace

Reason name_go_functions(const ElfFile& file,
                         std::span<const std::uint64_t> addresses,
                         std::span<ElfSymbol> out) {
  assert(addresses.size() == out.size());
  if (all_named(out)) return Reason::none;
  const auto section = table_of(file);
  if (!section) return Reason::no_symbols;
  const SectionReader reader(file, *section);
  auto layout = read_layout(reader);
  if (!layout) return Reason::corrupt;
  if (layout->needs_text) {
    const auto text = find_text(file, reader, *layout);
    if (!text) return Reason::corrupt;
    layout->text = *text;
  }
  const Reason reason = FunctionWalk(reader, *layout, addresses, out).run();
  if (all_named(out)) return Reason::none;
  return reason == Reason::none ? Reason::no_covering_symbol : reason;
}

}  // namespace sightline::symbol
