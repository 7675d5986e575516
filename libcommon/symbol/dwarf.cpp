// SPDX-License-Identifier: Apache-2.0
#include "symbol/dwarf.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fmt/format.h>
#include <libelf.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "symbol/dwarf_lines.h"
#include "symbol/dwarf_scopes.h"
#include "symbol/worker.h"

namespace sightline::symbol {
namespace {

// libdw keeps what it has decoded until the file is closed: line tables of a
// whole program take gigabytes.
constexpr std::size_t most_decoded = 64U << 20;
constexpr std::uint64_t no_unit = ~0ULL;

struct CloseElf {
  void operator()(Elf* elf) const { elf_end(elf); }
};
struct CloseDwarf {
  void operator()(Dwarf* dwarf) const { dwarf_end(dwarf); }
};
using UniqueElf = std::unique_ptr<Elf, CloseElf>;
using UniqueDwarf = std::unique_ptr<Dwarf, CloseDwarf>;

std::size_t allocated() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// As libdw declares it: to clang, [[noreturn]] is no part of a type.
__attribute__((noreturn)) void out_of_memory() { _exit(worker_exit_memory); }

// One file's DWARF. The file is mapped, and not read as elsewhere: the kernel
// can take back the pages of some gigabytes whenever it needs them, and the
// SIGBUS of a file that is cut meanwhile hits a process that may die.
class DwarfFile {
 public:
  bool open(int fd) {
    if (fd < 0) return false;
    elf_.reset(elf_begin(fd, ELF_C_READ_MMAP, nullptr));
    return elf_ && begin();
  }

  // Forgets all that was decoded, if that has become much.
  bool renew(Dwarf* alternate) {
    if (allocated() < baseline_ + most_decoded) return false;
    dwarf_.reset();
    if (begin()) set_alternate(alternate);
    return true;
  }

  // Without one libdw would look for it by the name that the file gives; where
  // this runs it cannot open anything.
  void set_alternate(Dwarf* alternate) {
    if (alternate != nullptr) dwarf_setalt(dwarf_.get(), alternate);
  }

  [[nodiscard]] Dwarf* get() const { return dwarf_.get(); }

 private:
  bool begin() {
    dwarf_.reset(dwarf_begin_elf(elf_.get(), DWARF_C_READ, nullptr));
    if (!dwarf_) return false;
    dwarf_new_oom_handler(dwarf_.get(), out_of_memory);
    baseline_ = allocated();
    return true;
  }

  UniqueElf elf_;
  UniqueDwarf dwarf_;
  std::size_t baseline_ = 0;
};

bool is_split(Dwarf_Die& unit, std::uint8_t type) {
  return type == DW_UT_skeleton ||
         dwarf_hasattr(&unit, DW_AT_GNU_dwo_name) != 0;
}

// The unit of each address, as the offset of its first entry. .debug_aranges
// would tell the same faster, but clang writes none.
struct Units {
  std::vector<std::uint64_t> of;
  bool any_split = false;
  bool corrupt = false;
};

Units find_units(Dwarf* dwarf, std::span<const std::uint64_t> addresses,
                 std::uint64_t code_start) {
  Units units{.of = std::vector(addresses.size(), no_unit)};
  Dwarf_CU* unit = nullptr;
  Dwarf_Die die;
  std::uint8_t type = 0;
  Dwarf_Half version = 0;
  int more = 0;
  while ((more = dwarf_get_units(dwarf, unit, &unit, &version, &type, &die,
                                 nullptr)) == 0) {
    if (type != DW_UT_compile && type != DW_UT_skeleton) continue;
    const std::uint64_t offset = dwarf_dieoffset(&die);
    bool used = false;
    each_range(die, code_start, [&](std::uint64_t start, std::uint64_t end) {
      auto at = std::ranges::lower_bound(addresses, start);
      for (; at != addresses.end() && *at < end; ++at) {
        auto& of = units.of[static_cast<std::size_t>(at - addresses.begin())];
        if (of == no_unit) of = offset;
        used = true;
      }
    });
    if (used && is_split(die, type)) units.any_split = true;
  }
  units.corrupt = more < 0;
  return units;
}

// The file names of a unit, whole: what the compiler was given relative to its
// directory comes with that before it.
class FileNames {
 public:
  explicit FileNames(Dwarf_Die& unit) {
    std::size_t count = 0;
    if (dwarf_getsrcfiles(&unit, &files_, &count) == 0) count_ = count;
    Dwarf_Attribute found;
    const char* const directory =
        dwarf_formstring(dwarf_attr(&unit, DW_AT_comp_dir, &found));
    if (directory != nullptr) directory_ = directory;
  }
  // By its number in the table.
  [[nodiscard]] std::string_view at(Dwarf_Word index) {
    if (index >= count_) return {};
    return whole(dwarf_filesrc(files_, index, nullptr, nullptr));
  }
  // `name` lives as long as the unit.
  [[nodiscard]] std::string_view whole(const char* name) {
    if (name == nullptr) return {};
    if (*name == '/' || directory_.empty()) return name;
    auto& made = made_[name];
    if (made.empty()) made = fmt::format("{}/{}", directory_, name);
    return made;
  }

 private:
  Dwarf_Files* files_ = nullptr;
  std::size_t count_ = 0;
  std::string_view directory_;
  std::unordered_map<const char*, std::string> made_;
};

Dwarf_Word number(Dwarf_Die& die, unsigned attribute) {
  Dwarf_Attribute found;
  Dwarf_Word value = 0;
  if (dwarf_attr(&die, attribute, &found) == nullptr ||
      dwarf_formudata(&found, &value) != 0) {
    return 0;
  }
  return value;
}

class Reader {
 public:
  Reader(std::uint64_t code_start, const SourceWanted& wanted,
         const DwarfOutput& output)
      : code_start_(code_start), wanted_(wanted), output_(output) {}

  Reason read(const DebugFiles& files,
              std::span<const std::uint64_t> addresses);

 private:
  void read_units(const Units& units, std::span<const std::uint64_t> addresses);
  void read_unit(std::uint64_t offset, std::span<const std::uint64_t> addresses,
                 std::span<const std::size_t> indexes);
  void put_line(const DwarfLines::Place& place, FileNames& files);
  void put_functions(const DwarfScopes::Chain& outermost_first,
                     std::optional<FileNames>& files);
  std::string_view name_of(Dwarf_Die& die);

  std::uint64_t code_start_;
  SourceWanted wanted_;
  const DwarfOutput& output_;
  DwarfFile alternate_;
  DwarfFile file_;
  std::vector<DwarfFrame> frames_;  // of one address, innermost first
  std::unordered_map<const void*, std::string_view> names_;  // by origin
};

Reason Reader::read(const DebugFiles& files,
                    std::span<const std::uint64_t> addresses) {
  elf_version(EV_CURRENT);
  // The caller has seen that there is some.
  if (!file_.open(files.debug) && !file_.open(files.file)) {
    return Reason::corrupt_debug_info;
  }
  alternate_.open(files.alternate);
  file_.set_alternate(alternate_.get());
  const auto units = find_units(file_.get(), addresses, code_start_);
  read_units(units, addresses);
  if (units.corrupt) return Reason::corrupt_debug_info;
  return units.any_split ? Reason::split_debug_info : Reason::no_debug_info;
}

// Functions of one unit may lie anywhere in the program.
void Reader::read_units(const Units& units,
                        std::span<const std::uint64_t> addresses) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (units.of[i] != no_unit) order.push_back(i);
  }
  const auto unit_of = [&](std::size_t index) { return units.of[index]; };
  std::ranges::stable_sort(order, {}, unit_of);
  std::vector<std::uint64_t> in_unit;
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    in_unit.clear();
    for (; end < order.size() && unit_of(order[end]) == unit_of(order[begin]);
         ++end) {
      in_unit.push_back(addresses[order[end]]);
    }
    read_unit(unit_of(order[begin]), in_unit,
              std::span(order).subspan(begin, end - begin));
    output_.progress(end);
    if (file_.renew(alternate_.get())) names_.clear();
  }
}

void Reader::read_unit(std::uint64_t offset,
                       std::span<const std::uint64_t> addresses,
                       std::span<const std::size_t> indexes) {
  Dwarf_Die unit;
  if (dwarf_offdie(file_.get(), offset, &unit) == nullptr) return;
  DwarfScopes scopes(addresses, code_start_);
  if (wanted_.inlines) scopes.read(unit);
  std::optional<FileNames> files;
  std::optional<DwarfLines> lines;
  if (wanted_.lines) {
    files.emplace(unit);
    lines.emplace(addresses, code_start_);
    lines->read(unit);
  }
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    frames_.assign(1, {});
    if (lines) put_line(lines->at(i), *files);
    put_functions(scopes.chain(i), files);
    const bool known = !frames_[0].function.empty() || frames_[0].line != 0;
    if (known) output_.chain(indexes[i], frames_);
  }
}

void Reader::put_line(const DwarfLines::Place& place, FileNames& files) {
  const auto file = files.at(place.file);
  if (file.empty() || place.line == 0) return;
  frames_.back().file = file;
  frames_.back().line = place.line;
}

// `outermost_first` may be empty.
void Reader::put_functions(const DwarfScopes::Chain& outermost_first,
                           std::optional<FileNames>& files) {
  for (std::size_t i = outermost_first.size(); i-- > 0;) {
    Dwarf_Die die = outermost_first[i];
    frames_.back().function = name_of(die);
    if (i == 0) break;
    DwarfFrame& caller = frames_.emplace_back();
    if (!files) continue;
    caller.file = files->at(number(die, DW_AT_call_file));
    caller.line = static_cast<std::uint32_t>(number(die, DW_AT_call_line));
  }
}

// Names stand at the end of a chain of origins, which libdw follows 16 times at
// most. Instances of a function share its origin.
std::string_view Reader::name_of(Dwarf_Die& die) {
  Dwarf_Attribute link;
  Dwarf_Die origin = die;
  for (const unsigned kind : {DW_AT_abstract_origin, DW_AT_specification}) {
    if (dwarf_attr(&die, kind, &link) == nullptr) continue;
    if (dwarf_formref_die(&link, &origin) == nullptr) origin = die;
    break;
  }
  const auto [at, added] = names_.try_emplace(origin.addr);
  if (!added) return at->second;
  for (const unsigned kind :
       {DW_AT_linkage_name, DW_AT_MIPS_linkage_name, DW_AT_name}) {
    Dwarf_Attribute found;
    if (dwarf_attr_integrate(&die, kind, &found) == nullptr) continue;
    const char* const name = dwarf_formstring(&found);
    if (name != nullptr && *name != '\0') return at->second = name;
  }
  return at->second;
}

}  // namespace

Reason read_dwarf(const DebugFiles& files,
                  std::span<const std::uint64_t> addresses,
                  std::uint64_t code_start, const SourceWanted& wanted,
                  const DwarfOutput& output) {
  return Reader(code_start, wanted, output).read(files, addresses);
}

}  // namespace sightline::symbol
