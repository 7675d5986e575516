// SPDX-License-Identifier: Apache-2.0
#include "symbol/elf_file.h"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

#include "symbol/build_id.h"

namespace sightline::symbol {
namespace {

// The linkers write at most some hundreds of either into what is executed.
constexpr std::uint64_t max_sections = 1U << 16;
constexpr std::uint64_t max_segments = 1U << 10;
// A megabyte is what a linker writes that was told to keep each function apart.
constexpr std::uint64_t max_section_names = 4U << 20;
constexpr std::size_t max_notes = 1U << 16;

struct Class32 {
  using Header = Elf32_Ehdr;
  using Section = Elf32_Shdr;
  using Segment = Elf32_Phdr;
};
struct Class64 {
  using Header = Elf64_Ehdr;
  using Section = Elf64_Shdr;
  using Segment = Elf64_Phdr;
};

constexpr unsigned char native_order =
    std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;

template <typename T>
std::span<char> bytes_of(T& value) {
  return {reinterpret_cast<char*>(&value), sizeof value};
}

}  // namespace

std::expected<ElfFile, Reason> ElfFile::open(UniqueFd fd) {
  struct stat status{};
  if (fstat(fd.get(), &status) != 0) return std::unexpected(Reason::file_gone);
  // A FIFO or a device could block or never end.
  if (!S_ISREG(status.st_mode)) return std::unexpected(Reason::not_elf);
  ElfFile file;
  file.fd_ = std::move(fd);
  file.file_size_ = static_cast<std::uint64_t>(status.st_size);
  std::array<char, EI_NIDENT> ident{};
  if (file.read_at(0, ident) != ident.size() ||
      std::memcmp(ident.data(), ELFMAG, SELFMAG) != 0 ||
      ident[EI_DATA] != native_order) {
    return std::unexpected(Reason::not_elf);
  }
  file.is_64bit_ = ident[EI_CLASS] == ELFCLASS64;
  if (!file.is_64bit_ && ident[EI_CLASS] != ELFCLASS32) {
    return std::unexpected(Reason::not_elf);
  }
  const Reason reason = file.is_64bit_ ? file.read_headers<Class64>()
                                       : file.read_headers<Class32>();
  if (reason != Reason::none) return std::unexpected(reason);
  return file;
}

std::expected<ElfFile, Reason> ElfFile::open(UniqueFd fd,
                                             std::span<const Segment> code) {
  auto file = open(std::move(fd));
  if (file && !code.empty()) file->segments_.assign(code.begin(), code.end());
  return file;
}

template <typename Class>
Reason ElfFile::read_headers() {
  typename Class::Header header{};
  if (read_at(0, bytes_of(header)) != sizeof header) return Reason::corrupt;
  entry_ = header.e_entry;
  std::uint64_t section_count = header.e_shnum;
  std::uint64_t segment_count = header.e_phnum;
  section_names_ = header.e_shstrndx;
  if (header.e_shoff != 0) {
    if (header.e_shentsize != sizeof(typename Class::Section)) {
      return Reason::corrupt;
    }
    // Counts too large for the header stand in section 0 (gABI, "ELF Header").
    typename Class::Section first{};
    if (read_at(header.e_shoff, bytes_of(first)) != sizeof first) {
      return Reason::corrupt;
    }
    if (section_count == 0) section_count = first.sh_size;
    if (segment_count == PN_XNUM) segment_count = first.sh_info;
    if (section_names_ == SHN_XINDEX) section_names_ = first.sh_link;
    const Reason reason = read_sections<Class>(header.e_shoff, section_count);
    if (reason != Reason::none) return reason;
  }
  if (header.e_phoff == 0 || segment_count == 0) return Reason::none;
  if (header.e_phentsize != sizeof(typename Class::Segment)) {
    return Reason::corrupt;
  }
  return read_segments<Class>(header.e_phoff, segment_count);
}

template <typename Header>
std::optional<std::vector<Header>> ElfFile::read_table(
    std::uint64_t offset, std::uint64_t count, std::uint64_t limit) const {
  if (count > limit || offset > file_size_ ||
      count > (file_size_ - offset) / sizeof(Header)) {
    return std::nullopt;
  }
  std::vector<Header> table(count);
  const std::size_t size = count * sizeof(Header);
  const std::span into(reinterpret_cast<char*>(table.data()), size);
  if (read_at(offset, into) != size) return std::nullopt;
  return table;
}

template <typename Class>
Reason ElfFile::read_sections(std::uint64_t offset, std::uint64_t count) {
  const auto table =
      read_table<typename Class::Section>(offset, count, max_sections);
  if (!table) return Reason::corrupt;
  sections_.reserve(count);
  for (const auto& from : *table) {
    Section section;
    section.name = from.sh_name;
    section.type = from.sh_type;
    section.link = from.sh_link;
    section.flags = from.sh_flags;
    section.address = from.sh_addr;
    section.offset = from.sh_offset;
    section.size = from.sh_size;
    section.entry_size = from.sh_entsize;
    if (section.type != SHT_NOBITS && section.offset < file_size_) {
      section.file_size = std::min(section.size, file_size_ - section.offset);
    }
    sections_.push_back(section);
  }
  return Reason::none;
}

template <typename Class>
Reason ElfFile::read_segments(std::uint64_t offset, std::uint64_t count) {
  const auto table =
      read_table<typename Class::Segment>(offset, count, max_segments);
  if (!table) return Reason::corrupt;
  segments_.reserve(count);
  for (const auto& from : *table) {
    segments_.push_back({.type = from.p_type,
                         .flags = from.p_flags,
                         .offset = from.p_offset,
                         .address = from.p_vaddr,
                         .file_size = from.p_filesz});
  }
  return Reason::none;
}

const Section* ElfFile::find_section(std::uint32_t type) const {
  const auto found = std::ranges::find(sections_, type, &Section::type);
  return found == sections_.end() ? nullptr : &*found;
}

const Section* ElfFile::find_section(std::string_view name) const {
  if (section_names_ >= sections_.size()) return nullptr;
  const Section& table = sections_[section_names_];
  std::string names(std::min(table.file_size, max_section_names), '\0');
  names.resize(read_at(table.offset, names));
  for (const Section& section : sections_) {
    if (section.name >= names.size()) continue;
    const auto found = std::string_view(names).substr(section.name);
    if (found.size() > name.size() && found.starts_with(name) &&
        found[name.size()] == '\0') {
      return &section;
    }
  }
  return nullptr;
}

std::optional<std::uint64_t> ElfFile::address_of(
    std::uint64_t file_offset) const {
  std::optional<std::uint64_t> found;
  for (const Segment& segment : segments_) {
    if (segment.type != PT_LOAD || file_offset < segment.offset ||
        file_offset - segment.offset >= segment.file_size) {
      continue;
    }
    const std::uint64_t address =
        segment.address + (file_offset - segment.offset);
    if ((segment.flags & PF_X) != 0) return address;
    if (!found) found = address;
  }
  return found;
}

std::optional<std::uint64_t> ElfFile::offset_of(std::uint64_t address) const {
  for (const Segment& segment : segments_) {
    if (segment.type == PT_LOAD && address >= segment.address &&
        address - segment.address < segment.file_size) {
      return segment.offset + (address - segment.address);
    }
  }
  return std::nullopt;
}

std::uint64_t ElfFile::code_start() const {
  constexpr std::uint64_t executable = SHF_ALLOC | SHF_EXECINSTR;
  std::optional<std::uint64_t> lowest;
  const auto take = [&](std::uint64_t address) {
    lowest = std::min(lowest.value_or(address), address);
  };
  for (const Section& section : sections_) {
    if ((section.flags & executable) == executable) take(section.address);
  }
  if (lowest) return *lowest;
  // Such a segment may begin with the headers of the file.
  for (const Segment& segment : segments_) {
    if (segment.type == PT_LOAD && (segment.flags & PF_X) != 0) {
      take(segment.address);
    }
  }
  return lowest.value_or(0);
}

bool ElfFile::has_dwarf() const {
  for (const std::string_view name : {".debug_info", ".zdebug_info"}) {
    const Section* const info = find_section(name);
    if (info != nullptr && info->file_size != 0) return true;
  }
  return false;
}

std::string ElfFile::build_id() const {
  std::uint64_t budget = max_notes;
  for (const Segment& segment : segments_) {
    if (segment.type != PT_NOTE) continue;
    std::string id = build_id_in(segment.offset, segment.file_size, budget);
    if (!id.empty()) return id;
  }
  // A separate debug file keeps the note, but its program headers point
  // nowhere.
  for (const Section& section : sections_) {
    if (section.type != SHT_NOTE) continue;
    std::string id = build_id_in(section.offset, section.file_size, budget);
    if (!id.empty()) return id;
  }
  return {};
}

std::string ElfFile::build_id_in(std::uint64_t offset, std::uint64_t size,
                                 std::uint64_t& budget) const {
  const std::uint64_t end = std::min(size, budget);
  budget -= end;
  return find_build_id(end, [&](std::uint64_t at, std::span<char> into) {
    return read_at(offset + at, into);
  });
}

std::size_t ElfFile::read_at(std::uint64_t offset, std::span<char> into) const {
  std::size_t done = 0;
  while (done < into.size() && offset + done < file_size_) {
    const ssize_t got = pread(fd_.get(), into.data() + done, into.size() - done,
                              static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

}  // namespace sightline::symbol
