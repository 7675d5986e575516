// SPDX-License-Identifier: Apache-2.0
#include "symbol/elf_symbols.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>
#include <tuple>
#include <vector>

namespace sightline::symbol {
namespace {

constexpr std::size_t chunk_size = 1U << 16;
// Of one name, and of all on average: names may overlap in a hostile table.
constexpr std::size_t max_name = 1U << 14;
constexpr std::size_t max_mean_name = 1U << 10;
// Three times the largest browser's table; 24 bytes each.
constexpr std::uint64_t max_symbols = 1U << 24;
// Reads of single names to choose between aliases. An honest table needs a few
// thousand; a table of millions of aliases must not cost millions of reads.
constexpr unsigned max_alias_reads = 1U << 18;

constexpr std::uint8_t underscores_unknown = 0xff;
constexpr std::size_t max_files = 8;

// What is remembered of a symbol while the table goes by; none while `name` is
// 0. Sixteen bytes, because there are two for each address.
struct Candidate {
  std::uint64_t start = 0;
  std::uint32_t name = 0;
  std::uint8_t table = 0;
  std::uint8_t kind = 0;  // 2 for a function, and 1 for a visible symbol
  std::uint8_t underscores = underscores_unknown;
  bool sized : 1 = false;
  bool global : 1 = false;
};
static_assert(sizeof(Candidate) == 16);

// A symbol of either class.
struct RawSymbol {
  std::uint64_t value;
  std::uint64_t size;
  std::uint32_t name;
  std::uint16_t section;
  unsigned char type;
  unsigned char binding;
};

RawSymbol widen(const Elf64_Sym& from) {
  return {from.st_value,
          from.st_size,
          from.st_name,
          from.st_shndx,
          static_cast<unsigned char>(ELF64_ST_TYPE(from.st_info)),
          static_cast<unsigned char>(ELF64_ST_BIND(from.st_info))};
}

RawSymbol widen(const Elf32_Sym& from) {
  return {from.st_value,
          from.st_size,
          from.st_name,
          from.st_shndx,
          static_cast<unsigned char>(ELF32_ST_TYPE(from.st_info)),
          static_cast<unsigned char>(ELF32_ST_BIND(from.st_info))};
}

// Names by offset, through a window of the string table. Cheap when offsets
// ascend.
class NameReader {
 public:
  NameReader(const ElfFile& file, const Section& strings)
      : file_(&file), strings_(&strings) {}

  std::string read(std::uint32_t offset, std::size_t limit) {
    std::string name;
    while (name.size() < limit) {
      const std::string_view rest = window_at(offset + name.size());
      const std::size_t end = rest.find('\0');
      name.append(rest.substr(0, end));
      if (rest.empty() || end != std::string_view::npos) break;
    }
    if (name.size() > limit) name.resize(limit);
    return name;
  }

  std::uint8_t count_underscores(std::uint32_t offset) {
    std::array<char, 8> head{};
    if (offset >= strings_->file_size) return 0;
    (void)file_->read_at(strings_->offset + offset, head);
    const auto end =
        std::ranges::find_if(head, [](char c) { return c != '_'; });
    return static_cast<std::uint8_t>(end - head.begin());
  }

 private:
  std::string_view window_at(std::uint64_t offset) {
    if (offset >= strings_->file_size) return {};
    if (offset < begin_ || offset >= begin_ + filled_) {
      const auto want =
          std::min<std::uint64_t>(window_.size(), strings_->file_size - offset);
      begin_ = offset;
      filled_ = file_->read_at(strings_->offset + offset,
                               std::span(window_).first(want));
    }
    return {window_.data() + (offset - begin_), begin_ + filled_ - offset};
  }

  const ElfFile* file_;
  const Section* strings_;
  std::vector<char> window_ = std::vector<char>(chunk_size);
  std::uint64_t begin_ = 0;
  std::uint64_t filled_ = 0;
};

// A symbol table of one of the files.
struct Table {
  const ElfFile* file;
  const Section* section;
};

// Shows each symbol of a table, in chunks that are not kept.
template <typename Sym, typename Visit>
Reason scan_symbols(const Table& table, Visit&& visit) {
  if (table.section->entry_size != sizeof(Sym)) return Reason::corrupt;
  std::vector<Sym> chunk(chunk_size / sizeof(Sym));
  const std::uint64_t count =
      std::min(table.section->file_size / sizeof(Sym), max_symbols);
  for (std::uint64_t at = 0; at < count;) {
    const std::size_t want = std::min<std::uint64_t>(chunk.size(), count - at);
    const std::span into(reinterpret_cast<char*>(chunk.data()),
                         want * sizeof(Sym));
    const std::size_t got =
        table.file->read_at(table.section->offset + at * sizeof(Sym), into) /
        sizeof(Sym);
    for (std::size_t i = 0; i < got; ++i) visit(widen(chunk[i]));
    if (got < want) break;
    at += got;
  }
  return Reason::none;
}

template <typename Visit>
Reason visit_symbols(const Table& table, Visit&& visit) {
  return table.file->is_64bit() ? scan_symbols<Elf64_Sym>(table, visit)
                                : scan_symbols<Elf32_Sym>(table, visit);
}

// Some symbol tables, as if they were one, against one list of addresses.
//
// Which of two symbols is better does not depend on the address, so the search
// is a range update "keep the better" and a point query at the end: a segment
// tree over the addresses. Overlapping symbols cannot make it quadratic.
class TableSearch {
 public:
  explicit TableSearch(std::span<const std::uint64_t> addresses)
      : addresses_(addresses),
        best_(2 * addresses.size()),
        last_start_(addresses.size()) {}

  // Offers all symbols of a table.
  Reason add(const Table& table) {
    const auto& sections = table.file->sections();
    if (table.section->link >= sections.size()) return Reason::corrupt;
    table_ = table;
    names_.emplace_back(*table.file, sections[table.section->link]);
    return visit_symbols(table,
                         [this](const RawSymbol& each) { consider(each); });
  }

  // Writes down what won.
  void collect(std::span<ElfSymbol*> out);

 private:
  void consider(const RawSymbol& symbol);
  [[nodiscard]] bool names_code(const RawSymbol& symbol) const;
  [[nodiscard]] std::uint64_t end_of(const RawSymbol& symbol) const;
  [[nodiscard]] std::size_t index_of(std::uint64_t address) const;
  void keep_better(Candidate& kept, Candidate& offered);
  bool is_better(Candidate& offered, Candidate& kept);
  void count_underscores(Candidate& candidate);
  Candidate winner(std::size_t index);

  std::span<const std::uint64_t> addresses_;
  std::vector<Candidate> best_;
  // The last start of any symbol in (addresses[i - 1], addresses[i]], plus one
  // if it has a size: past its end nothing that starts with it goes on.
  std::vector<std::uint64_t> last_start_;
  Table table_{};  // the one that is being read
  std::vector<NameReader> names_;
  unsigned alias_reads_ = 0;
};

void TableSearch::consider(const RawSymbol& symbol) {
  if (!names_code(symbol)) return;
  if (symbol.value > addresses_.back()) return;
  const std::size_t first = index_of(symbol.value);
  last_start_[first] =
      std::max(last_start_[first], symbol.value + (symbol.size != 0));
  const std::uint64_t end = end_of(symbol);
  if (end <= addresses_[first]) return;
  const int kind =
      2 * (symbol.type != STT_NOTYPE) + (symbol.binding != STB_LOCAL);
  Candidate candidate{.start = symbol.value,
                      .name = symbol.name,
                      .table = static_cast<std::uint8_t>(names_.size() - 1),
                      .kind = static_cast<std::uint8_t>(kind),
                      .sized = symbol.size != 0,
                      .global = symbol.binding != STB_WEAK};
  std::size_t left = first + addresses_.size();
  // Most functions hold one address or none.
  const bool only_one =
      first + 1 == addresses_.size() || end <= addresses_[first + 1];
  std::size_t right =
      (only_one ? first + 1 : index_of(end)) + addresses_.size();
  for (; left < right; left /= 2, right /= 2) {
    if (left % 2 == 1) keep_better(best_[left++], candidate);
    if (right % 2 == 1) keep_better(best_[--right], candidate);
  }
}

bool TableSearch::names_code(const RawSymbol& symbol) const {
  if (symbol.name == 0 || symbol.section == SHN_UNDEF ||
      symbol.section == SHN_ABS || symbol.section == SHN_COMMON) {
    return false;
  }
  if (symbol.type == STT_FUNC || symbol.type == STT_GNU_IFUNC) return true;
  if (symbol.type != STT_NOTYPE) return false;
  // Labels of assembly. A local one without a size is a jump target or marks
  // the kind of the bytes that follow (`$x`, `$d` of the ARM ABIs).
  if (symbol.size == 0 && symbol.binding == STB_LOCAL) return false;
  const auto& sections = table_.file->sections();
  return symbol.section < sections.size() &&
         (sections[symbol.section].flags & SHF_EXECINSTR) != 0;
}

std::uint64_t TableSearch::end_of(const RawSymbol& symbol) const {
  constexpr auto highest = std::numeric_limits<std::uint64_t>::max();
  if (symbol.size != 0) {
    return symbol.value + std::min(symbol.size, highest - symbol.value);
  }
  const std::uint64_t own_byte = symbol.value + (symbol.value != highest);
  const auto& sections = table_.file->sections();
  if (table_.section->type == SHT_DYNSYM || symbol.section >= sections.size()) {
    return own_byte;
  }
  const Section& section = sections[symbol.section];
  if (symbol.value < section.address ||
      symbol.value - section.address >= section.size) {
    return symbol.value;
  }
  return section.address + std::min(section.size, highest - section.address);
}

std::size_t TableSearch::index_of(std::uint64_t address) const {
  return static_cast<std::size_t>(
      std::ranges::lower_bound(addresses_, address) - addresses_.begin());
}

void TableSearch::keep_better(Candidate& kept, Candidate& offered) {
  if (is_better(offered, kept)) kept = offered;
}

bool TableSearch::is_better(Candidate& offered, Candidate& kept) {
  if (kept.name == 0 || offered.name == 0) return offered.name != 0;
  const auto rank = [](const Candidate& candidate) {
    return std::tuple(candidate.sized, candidate.start, candidate.kind);
  };
  if (rank(offered) != rank(kept)) return rank(offered) > rank(kept);
  if (offered.name == kept.name && offered.table == kept.table) return false;
  count_underscores(offered);
  count_underscores(kept);
  const auto taste = [](const Candidate& candidate) {
    return std::tuple(candidate.underscores, !candidate.global, candidate.table,
                      candidate.name);
  };
  return taste(offered) < taste(kept);
}

void TableSearch::count_underscores(Candidate& candidate) {
  if (candidate.underscores != underscores_unknown) return;
  candidate.underscores = 0;
  if (alias_reads_ == max_alias_reads) return;
  ++alias_reads_;
  candidate.underscores =
      names_[candidate.table].count_underscores(candidate.name);
}

Candidate TableSearch::winner(std::size_t index) {
  Candidate best = best_[index + addresses_.size()];
  for (std::size_t node = (index + addresses_.size()) / 2; node > 0;
       node /= 2) {
    keep_better(best, best_[node]);
  }
  return best;
}

void TableSearch::collect(std::span<ElfSymbol*> out) {
  struct Wanted {
    std::pair<std::uint8_t, std::uint32_t> name;  // the table, and where in it
    std::uint32_t index;
  };
  std::vector<Wanted> wanted;
  std::uint64_t last_start = 0;
  for (std::size_t i = 0; i < addresses_.size(); ++i) {
    last_start = std::max(last_start, last_start_[i]);
    const Candidate best = winner(i);
    if (best.name == 0 || (!best.sized && best.start != last_start)) continue;
    out[i]->start = best.start;
    wanted.push_back({.name = {best.table, best.name},
                      .index = static_cast<std::uint32_t>(i)});
  }
  std::ranges::sort(wanted, {}, &Wanted::name);
  std::size_t budget = max_name + wanted.size() * max_mean_name;
  const ElfSymbol* previous = nullptr;
  std::pair<std::uint8_t, std::uint32_t> previous_name;
  for (const Wanted& want : wanted) {
    ElfSymbol& symbol = *out[want.index];
    symbol.name = previous != nullptr && previous_name == want.name
                      ? previous->name
                      : names_[want.name.first].read(
                            want.name.second, std::min(max_name, budget));
    budget -= std::min(budget, symbol.name.size());
    previous = &symbol;
    previous_name = want.name;
  }
}

// Asks tables for everything that has no name yet.
Reason search(std::span<const Table> tables,
              std::span<const std::uint64_t> addresses,
              std::span<ElfSymbol> out) {
  std::vector<std::uint64_t> open_addresses;
  std::vector<ElfSymbol*> open_symbols;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (!out[i].name.empty()) continue;
    open_addresses.push_back(addresses[i]);
    open_symbols.push_back(&out[i]);
  }
  if (open_addresses.empty()) return Reason::none;
  TableSearch search(open_addresses);
  Reason reason = Reason::none;
  for (const Table& table : tables) {
    if (search.add(table) != Reason::none) reason = Reason::corrupt;
  }
  search.collect(open_symbols);
  return reason;
}

}  // namespace

Reason name_symbols(std::span<const ElfFile* const> files,
                    std::span<const std::uint64_t> addresses,
                    std::span<ElfSymbol> out) {
  assert(addresses.size() == out.size());
  assert(files.size() <= max_files);
  Reason reason = Reason::no_symbols;
  std::vector<Table> first;
  std::vector<Table> second;
  for (const ElfFile* file : files) {
    const Section* const full = file->find_section(SHT_SYMTAB);
    const Section* const dynamic = file->find_section(SHT_DYNSYM);
    if (full != nullptr) {
      reason = Reason::no_covering_symbol;
      first.push_back({file, full});
    }
    if (dynamic == nullptr) continue;
    (full != nullptr ? second : first).push_back({file, dynamic});
  }
  for (const auto& tables : {first, second}) {
    if (search(tables, addresses, out) != Reason::none) {
      reason = Reason::corrupt;
    }
  }
  return all_named(out) ? Reason::none : reason;
}

Reason name_symbols(const ElfFile& file,
                    std::span<const std::uint64_t> addresses,
                    std::span<ElfSymbol> out) {
  const std::array files = {&file};
  return name_symbols(files, addresses, out);
}

std::optional<std::uint64_t> find_exported(const ElfFile& file,
                                           std::string_view name) {
  const auto& sections = file.sections();
  const Section* const exported = file.find_section(SHT_DYNSYM);
  if (exported == nullptr || exported->link >= sections.size()) return {};
  NameReader names(file, sections[exported->link]);
  std::optional<std::uint64_t> address;
  visit_symbols({&file, exported}, [&](const RawSymbol& symbol) {
    const bool is_function =
        symbol.type == STT_FUNC && symbol.section != SHN_UNDEF;
    if (address || !is_function) return;
    // One byte more, so that a longer name is told apart.
    if (names.read(symbol.name, name.size() + 1) == name) {
      address = symbol.value;
    }
  });
  return address;
}

bool all_named(std::span<const ElfSymbol> symbols) {
  return std::ranges::none_of(symbols, &std::string::empty, &ElfSymbol::name);
}

}  // namespace sightline::symbol
