// SPDX-License-Identifier: Apache-2.0
#include "symbol/dwarf_lines.h"

#include <dwarf.h>
#include <gelf.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

namespace sightline::symbol {
namespace {

// Reads numbers of this machine's byte order, never past the end: then it is
// empty, and what it returns is 0.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : left_(bytes) {}

  [[nodiscard]] bool empty() const { return left_.empty(); }
  [[nodiscard]] std::size_t size() const { return left_.size(); }
  [[nodiscard]] std::string_view rest() const { return left_; }

  // Those in front.
  Bytes take(std::uint64_t size) {
    const auto taken = left_.substr(0, size);
    left_.remove_prefix(taken.size());
    return Bytes(taken);
  }
  // A number of at most eight bytes.
  std::uint64_t number(std::size_t size) {
    std::uint64_t value = 0;
    if (size <= left_.size() && size <= sizeof value) {
      std::memcpy(&value, left_.data(), size);
    }
    take(size);
    return value;
  }
  std::uint8_t byte() { return static_cast<std::uint8_t>(number(1)); }

  std::uint64_t unsigned_leb() { return leb(false); }
  std::uint64_t signed_leb() { return leb(true); }

 private:
  std::uint64_t leb(bool is_signed) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; !left_.empty(); shift += 7) {
      const std::uint64_t next = byte();
      if (shift < 64) value |= (next & 0x7fU) << shift;
      if ((next & 0x80U) != 0) continue;
      const bool negative = is_signed && (next & 0x40U) != 0;
      if (negative && shift + 7 < 64) value |= ~0ULL << (shift + 7);
      break;
    }
    return value;
  }

  std::string_view left_;
};

// What libdw has of the section already, decompressed.
std::string_view line_section(Dwarf* dwarf) {
  Elf* const elf = dwarf_getelf(dwarf);
  std::size_t names = 0;
  if (elf == nullptr || elf_getshdrstrndx(elf, &names) != 0) return {};
  Elf_Scn* section = nullptr;
  while ((section = elf_nextscn(elf, section)) != nullptr) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr) continue;
    const char* const name = elf_strptr(elf, names, header.sh_name);
    if (name == nullptr || (std::strcmp(name, ".debug_line") != 0 &&
                            std::strcmp(name, ".zdebug_line") != 0)) {
      continue;
    }
    const Elf_Data* const data = elf_rawdata(section, nullptr);
    if (data == nullptr || data->d_buf == nullptr) return {};
    return {static_cast<const char*>(data->d_buf), data->d_size};
  }
  return {};
}

std::string_view program_bytes(Dwarf_Die& unit) {
  Dwarf_Attribute found;
  Dwarf_Word offset = 0;
  if (dwarf_attr(&unit, DW_AT_stmt_list, &found) == nullptr ||
      dwarf_formudata(&found, &offset) != 0) {
    return {};
  }
  const auto section = line_section(dwarf_cu_getdwarf(unit.cu));
  return offset < section.size() ? section.substr(offset) : "";
}

}  // namespace

struct DwarfLines::Program {
  static std::optional<Program> open(std::string_view bytes);

  // Of a special opcode, counted from the first of them.
  [[nodiscard]] std::uint64_t advance(unsigned special) const {
    return std::uint64_t{special / line_range} * instruction;
  }

  Bytes code{""};
  std::uint64_t instruction = 0;  // the shortest's length
  std::int8_t line_base = 0;
  unsigned line_range = 0;
  unsigned opcode_base = 0;
  std::string_view operands;  // how many, of each opcode below the base
};

// One operation of an instruction: machines that have several are not here.
std::optional<DwarfLines::Program> DwarfLines::Program::open(
    std::string_view bytes) {
  constexpr std::uint64_t is_64bit_dwarf = 0xffffffff;
  Bytes header(bytes);
  std::size_t offset_size = 4;
  std::uint64_t size = header.number(4);
  if (size == is_64bit_dwarf) {
    offset_size = 8;
    size = header.number(8);
  }
  header = header.take(size);
  const auto version = header.number(2);
  if (version < 2 || version > 5) return {};
  if (version == 5) header.take(2);  // sizes of addresses and selectors
  Program program;
  size = header.number(offset_size);
  program.code = header;
  header = program.code.take(size);
  program.instruction = header.byte();
  header.take(version >= 4 ? 2 : 1);
  program.line_base = static_cast<std::int8_t>(header.byte());
  program.line_range = header.byte();
  program.opcode_base = header.byte();
  if (program.line_range == 0 || program.opcode_base == 0 ||
      header.size() < program.opcode_base - 1) {
    return {};
  }
  program.operands = header.rest().substr(0, program.opcode_base - 1);
  return program;
}

void DwarfLines::read(Dwarf_Die& unit) {
  if (addresses_.empty()) return;
  if (auto program = Program::open(program_bytes(unit))) run(*program);
}

void DwarfLines::run(Program& program) {
  Row row;
  while (!program.code.empty()) {
    const auto opcode = program.code.byte();
    if (opcode == 0) {
      const bool ends = execute_extended(program, row);
      if (!ends) continue;
      put_row(row);
      row = {};
      in_sequence_ = false;
    } else if (execute(program, opcode, row)) {
      put_row(row);
    }
  }
}

// Whether that made a row.
bool DwarfLines::execute(Program& program, std::uint8_t opcode, Row& row) {
  if (opcode >= program.opcode_base) {
    const unsigned special = opcode - program.opcode_base;
    row.address += program.advance(special);
    row.place.line += static_cast<std::uint32_t>(
        program.line_base + static_cast<int>(special % program.line_range));
    return true;
  }
  switch (opcode) {
    case DW_LNS_copy:
      return true;
    case DW_LNS_advance_pc:
      row.address += program.code.unsigned_leb() * program.instruction;
      return false;
    case DW_LNS_advance_line:
      row.place.line += static_cast<std::uint32_t>(program.code.signed_leb());
      return false;
    case DW_LNS_set_file:
      row.place.file = program.code.unsigned_leb();
      return false;
    case DW_LNS_const_add_pc:
      row.address += program.advance(255 - program.opcode_base);
      return false;
    case DW_LNS_fixed_advance_pc:
      row.address += program.code.number(2);
      return false;
    default:
      for (auto left = static_cast<std::uint8_t>(program.operands[opcode - 1U]);
           left > 0; --left) {
        program.code.unsigned_leb();
      }
      return false;
  }
}

// Whether that ended the sequence.
bool DwarfLines::execute_extended(Program& program, Row& row) {
  auto operation = program.code.take(program.code.unsigned_leb());
  const auto opcode = operation.byte();
  if (opcode == DW_LNE_set_address) {
    row.address = operation.number(operation.size());
  }
  return opcode == DW_LNE_end_sequence;
}

// A row holds up to the next that has a higher address; of several at one
// address the last does. The first sequence that has an address keeps it.
void DwarfLines::put_row(const Row& row) {
  if (!std::exchange(in_sequence_, true)) {
    // Discarded code lies at 0, or at the last address and around to 0.
    is_live_ = row.address >= code_start_ && row.address <= addresses_.back();
  } else if (is_live_ && row.address > last_.address) {
    auto at = std::ranges::lower_bound(addresses_, last_.address);
    for (; at != addresses_.end() && *at < row.address; ++at) {
      auto& place = places_[static_cast<std::size_t>(at - addresses_.begin())];
      if (place.line == 0) place = last_.place;
    }
  }
  last_ = row;
}

}  // namespace sightline::symbol
