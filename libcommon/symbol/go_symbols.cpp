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
constexpr std::uint64_t max_relocations = 1U << 22;

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
  std::uint64_t functions = 0;   // how many there are
  std::uint64_t table = 0;       // pairs of address and offset of a record
  std::size_t field = 0;         // bytes of each number in the pairs
  std::uint64_t records = 0;     // what the records' offsets count from
  std::uint64_t names = 0;       // what the names' offsets count from
  std::uint64_t text = 0;        // what the addresses count from
  bool needs_text = false;       // `text` is to be found elsewhere
  std::uint64_t text_field = 0;  // where it should have been
};

// Words of a pointer's size follow the eight bytes of the header.
std::optional<Layout> read_layout(const SectionReader& reader) {
  std::array<char, header_size> header{};
  if (reader.read(0, header) != header.size()) return std::nullopt;
  std::uint32_t magic = 0;
  std::memcpy(&magic, header.data(), sizeof magic);
  const auto pointer = static_cast<std::size_t>(header[7]);
  if (pointer != 4 && pointer != 8) return std::nullopt;
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
  if (!relative && magic != magic_1_16) return std::nullopt;
  const auto text = word(2);  // before Go 1.18 the names' offset
  const auto names = word(relative ? 3 : 2);
  const auto table = word(relative ? 7 : 6);
  if (!text || !names || !table) return std::nullopt;
  layout.names = *names;
  layout.table = layout.records = *table;
  layout.field = relative ? sizeof(std::uint32_t) : pointer;
  if (!relative) return layout;
  layout.text = *text;
  layout.text_field = header_size + 2 * pointer;
  layout.needs_text = layout.text == 0;
  return layout;
}

// The value that the dynamic linker writes to an address: in a
// position-independent program the file itself may have zeroes there.
template <typename Rela>
std::optional<std::uint64_t> relocated_value(const ElfFile& file,
                                             const Section& section,
                                             std::uint64_t address) {
  const SectionReader reader(file, section);
  std::vector<Rela> chunk(chunk_size / sizeof(Rela));
  const std::span bytes(reinterpret_cast<char*>(chunk.data()),
                        chunk.size() * sizeof(Rela));
  for (std::uint64_t at = 0; at < max_relocations; at += chunk.size()) {
    const std::size_t got =
        reader.read(at * sizeof(Rela), bytes) / sizeof(Rela);
    for (std::size_t i = 0; i < got; ++i) {
      if (chunk[i].r_offset == address) {
        return static_cast<std::uint64_t>(chunk[i].r_addend);
      }
    }
    if (got < chunk.size()) break;
  }
  return std::nullopt;
}

// Where the code begins, when the header does not say it (any more). The start
// of .text is believed only if the table is about all of .text: a C linker may
// have put other code in front of Go's.
std::optional<std::uint64_t> find_text(const ElfFile& file,
                                       const SectionReader& reader,
                                       const Layout& layout) {
  constexpr std::uint64_t most_padding = 64;
  if (const Section* const moves = file.find_section(".rela.dyn")) {
    const std::uint64_t address = reader.section().address + layout.text_field;
    const auto value = file.is_64bit()
                           ? relocated_value<Elf64_Rela>(file, *moves, address)
                           : relocated_value<Elf32_Rela>(file, *moves, address);
    if (value) return value;
  }
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
    std::vector<char> chunk(chunk_size);
    std::uint64_t read_until = 0;
    std::uint64_t filled = 0;
    // The last pair is only half: where the last function ends.
    for (std::uint64_t i = 0; i <= layout_.functions; ++i) {
      if (next_ == addresses_.size()) return Reason::none;
      if (i * pair + pair > read_until) {
        filled = i * pair;
        read_until =
            filled + reader_.read(layout_.table + filled, chunk) / pair * pair;
        if (read_until == filled && i < layout_.functions) {
          return Reason::corrupt;
        }
      }
      const bool last = i == layout_.functions;
      const auto reason = last ? finish() : step(&chunk[i * pair - filled]);
      if (reason != Reason::none) return reason;
    }
    return Reason::none;
  }

 private:
  struct Function {
    std::uint64_t start = 0;
    std::uint64_t record = 0;
  };

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

const Section* table_of(const ElfFile& file) {
  const Section* const section = file.find_section(".gopclntab");
  return section != nullptr ? section
                            : file.find_section(".data.rel.ro.gopclntab");
}

}  // namespace

bool has_go_symbols(const ElfFile& file) { return table_of(file) != nullptr; }

Reason name_go_functions(const ElfFile& file,
                         std::span<const std::uint64_t> addresses,
                         std::span<ElfSymbol> out) {
  assert(addresses.size() == out.size());
  if (all_named(out)) return Reason::none;
  const Section* const section = table_of(file);
  if (section == nullptr) return Reason::no_symbols;
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
