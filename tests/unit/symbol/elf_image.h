// SPDX-License-Identifier: Apache-2.0
// Small ELF files made to measure, for tests of what linkers never write.
#pragma once

#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/handle.h"

namespace sightline::symbol::testing {

inline UniqueFd memory_file(std::string_view bytes) {
  UniqueFd fd(memfd_create("test", MFD_CLOEXEC));
  (void)write_all(fd.get(), bytes.data(), bytes.size());
  return fd;
}

template <typename Value>
std::string_view raw_bytes(const Value& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

struct Elf64 {
  using Header = Elf64_Ehdr;
  using Section = Elf64_Shdr;
  using Segment = Elf64_Phdr;
  using Symbol = Elf64_Sym;
  static constexpr unsigned char class_byte = ELFCLASS64;
};
struct Elf32 {
  using Header = Elf32_Ehdr;
  using Section = Elf32_Shdr;
  using Segment = Elf32_Phdr;
  using Symbol = Elf32_Sym;
  static constexpr unsigned char class_byte = ELFCLASS32;
};

// Code of `text_size` bytes at address 0x1000, which is offset 0x400 of the
// file, and one symbol table. The section headers are: 0, .text, the symbol
// table, its strings, the section names.
template <typename Class = Elf64>
class ElfImage {
 public:
  static constexpr std::uint64_t text_address = 0x1000;
  static constexpr std::uint64_t text_offset = 0x400;
  static constexpr std::uint64_t text_size = 0x1000;

  explicit ElfImage(unsigned table_type = SHT_SYMTAB) : type_(table_type) {
    symbols_.emplace_back();
  }

  ElfImage& add(std::string_view name, std::uint64_t value, std::uint64_t size,
                unsigned binding = STB_GLOBAL, unsigned type = STT_FUNC,
                unsigned section = 1) {
    typename Class::Symbol symbol{};
    symbol.st_name = static_cast<std::uint32_t>(strings_.size());
    symbol.st_value = static_cast<decltype(symbol.st_value)>(value);
    symbol.st_size = static_cast<decltype(symbol.st_size)>(size);
    symbol.st_info = static_cast<unsigned char>(binding << 4U | type);
    symbol.st_shndx = static_cast<std::uint16_t>(section);
    symbols_.push_back(symbol);
    strings_.append(name).push_back('\0');
    return *this;
  }

  // Further sections, behind the five.
  ElfImage& add_section(std::string_view name, unsigned type,
                        std::string_view content) {
    extra_.push_back({std::string(name), type, std::string(content)});
    return *this;
  }

  // .note.gnu.build-id of at most 255 bytes.
  ElfImage& add_build_id(std::string id) {
    const Elf64_Nhdr head{4, static_cast<Elf64_Word>(id.size()),
                          NT_GNU_BUILD_ID};
    id.resize((id.size() + 3) & ~std::size_t{3});
    return add_section(
        ".note.gnu.build-id", SHT_NOTE,
        std::string(raw_bytes(head)) + std::string("GNU", 4) + id);
  }

  // The headers may be bent before the bytes are asked for.
  typename Class::Header header{};
  typename Class::Section table{};

  [[nodiscard]] std::string bytes() const {
    std::string symbols;
    for (const auto& symbol : symbols_) symbols += raw_bytes(symbol);
    std::string names("\0.text\0.table\0.strings\0.names\0", 30);
    std::string body(text_size, '\xcc');
    std::vector<typename Class::Section> sections(5);
    sections[1] = section(1, SHT_PROGBITS, text_offset, text_size);
    sections[1].sh_flags = SHF_ALLOC | SHF_EXECINSTR;
    sections[1].sh_addr = text_address;
    const auto append = [&body](std::string_view part) {
      body.append((8 - body.size() % 8) % 8, '\0');
      const std::uint64_t at = text_offset + body.size();
      body += part;
      return at;
    };
    sections[2] = section(7, type_, append(symbols), symbols.size());
    sections[2].sh_entsize = sizeof(typename Class::Symbol);
    sections[2].sh_link = 3;
    sections[3] = section(14, SHT_STRTAB, append(strings_), strings_.size());
    for (const Extra& extra : extra_) {
      sections.push_back(section(static_cast<unsigned>(names.size()),
                                 extra.type, append(extra.content),
                                 extra.content.size()));
      names.append(extra.name).push_back('\0');
    }
    sections[4] = section(23, SHT_STRTAB, append(names), names.size());
    bend(sections[2]);
    std::string headers;
    for (const auto& each : sections) headers += raw_bytes(each);
    return front(append(headers)) + body;
  }

  [[nodiscard]] UniqueFd fd() const { return memory_file(bytes()); }

 private:
  struct Extra {
    std::string name;
    unsigned type;
    std::string content;
  };

  static typename Class::Section section(unsigned name, unsigned type,
                                         std::uint64_t offset,
                                         std::uint64_t size) {
    typename Class::Section made{};
    made.sh_name = name;
    made.sh_type = type;
    made.sh_offset = static_cast<decltype(made.sh_offset)>(offset);
    made.sh_size = static_cast<decltype(made.sh_size)>(size);
    return made;
  }

  void bend(typename Class::Section& made) const {
    if (table.sh_size != 0) made.sh_size = table.sh_size;
    if (table.sh_offset != 0) made.sh_offset = table.sh_offset;
    if (table.sh_link != 0) made.sh_link = table.sh_link;
    if (table.sh_entsize != 0) made.sh_entsize = table.sh_entsize;
  }

  [[nodiscard]] std::string front(std::uint64_t section_headers) const {
    typename Class::Header made{};
    std::string_view(ELFMAG).copy(reinterpret_cast<char*>(made.e_ident), 4);
    made.e_ident[EI_CLASS] = Class::class_byte;
    made.e_ident[EI_DATA] = ELFDATA2LSB;
    made.e_type = ET_DYN;
    made.e_phoff = sizeof made;
    made.e_phentsize = sizeof(typename Class::Segment);
    made.e_phnum = 1;
    made.e_shoff = static_cast<decltype(made.e_shoff)>(section_headers);
    made.e_shentsize = sizeof(typename Class::Section);
    const auto sections = static_cast<std::uint16_t>(5 + extra_.size());
    made.e_shnum = header.e_shnum != 0 ? header.e_shnum : sections;
    made.e_shstrndx = 4;
    typename Class::Segment load{};
    load.p_type = PT_LOAD;
    load.p_flags = PF_R | PF_X;
    load.p_offset = text_offset;
    load.p_vaddr = text_address;
    load.p_filesz = load.p_memsz = text_size;
    std::string bytes(raw_bytes(made));
    bytes += raw_bytes(load);
    bytes.resize(text_offset);
    return bytes;
  }

  unsigned type_;
  std::vector<Extra> extra_;
  std::vector<typename Class::Symbol> symbols_;
  std::string strings_ = std::string(1, '\0');
};

}  // namespace sightline::symbol::testing
