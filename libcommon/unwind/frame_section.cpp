// SPDX-License-Identifier: Apache-2.0
#include "unwind/frame_section.h"

#include <elf.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "unwind/cfi_reader.h"

namespace sightline::unwind {
namespace {

using symbol::ElfFile;
using symbol::Reason;
using symbol::Section;
using symbol::Segment;

std::optional<Machine> machine_of(const ElfFile& file) {
  std::array<char, sizeof(Elf64_Half)> bytes{};
  const auto at = offsetof(Elf64_Ehdr, e_machine);
  if (!file.is_64bit() || file.read_at(at, bytes) != bytes.size()) {
    return std::nullopt;
  }
  Elf64_Half machine = 0;
  std::memcpy(&machine, bytes.data(), sizeof machine);
  if (machine == EM_X86_64) return Machine::x86_64;
  if (machine == EM_AARCH64) return Machine::arm64;
  return std::nullopt;
}

std::string read_bytes(const ElfFile& file, std::uint64_t offset,
                       std::uint64_t size) {
  std::string bytes;
  bytes.resize_and_overwrite(size, [&](char* into, std::size_t room) {
    return file.read_at(offset, {into, room});
  });
  return bytes;
}

// The address that a program header of .eh_frame_hdr leads to (LSB Core, "The
// .eh_frame_hdr section"). Its table is not read: it is only an index.
std::optional<std::uint64_t> eh_frame_address(const ElfFile& file,
                                              const Segment& segment) {
  FrameSection header;
  header.bytes = read_bytes(file, segment.offset, 12);
  header.address = segment.address;
  Cursor cursor(header.bytes, 0, header.bytes.size());
  const std::uint8_t version = cursor.byte();
  const std::uint8_t encoding = cursor.byte();
  cursor.skip(2);
  const std::uint64_t address = read_pointer(cursor, header, encoding);
  if (cursor.failed() || version != 1) return std::nullopt;
  return address;
}

struct Whereabouts {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint64_t address = 0;
};

// From an address to the end of the segment that holds it.
std::optional<Whereabouts> rest_of_segment(const ElfFile& file,
                                           std::uint64_t address) {
  for (const Segment& segment : file.segments()) {
    if (segment.type != PT_LOAD || address < segment.address ||
        address - segment.address >= segment.file_size) {
      continue;
    }
    const std::uint64_t skipped = address - segment.address;
    return Whereabouts{.offset = segment.offset + skipped,
                       .size = segment.file_size - skipped,
                       .address = address};
  }
  return std::nullopt;
}

// Where a file without section headers says that its .eh_frame begins.
std::optional<Whereabouts> place_by_segment(const ElfFile& file) {
  const auto found =
      std::ranges::find(file.segments(), PT_GNU_EH_FRAME, &Segment::type);
  if (found == file.segments().end()) return std::nullopt;
  const auto address = eh_frame_address(file, *found);
  if (!address) return std::nullopt;
  return rest_of_segment(file, *address);
}

std::expected<FrameSection, Reason> read_place(const ElfFile& file,
                                               const Whereabouts& place,
                                               std::uint64_t most_bytes) {
  if (place.size > most_bytes) {
    return std::unexpected(Reason::unwind_info_large);
  }
  FrameSection section;
  section.bytes = read_bytes(file, place.offset, place.size);
  section.address = place.address;
  return section;
}

// Unpacks exactly `size` bytes.
std::expected<std::string, Reason> inflate_bytes(std::string_view packed,
                                                 std::uint64_t size,
                                                 std::uint64_t most_bytes) {
  if (size > most_bytes) return std::unexpected(Reason::unwind_info_large);
  // zlib packs a thousand bytes into one at best (zlib.net, "Technical
  // Details"); who claims more lies about the size.
  if (size / 1100 > packed.size()) return std::unexpected(Reason::corrupt);
  std::string bytes;
  int status = Z_OK;
  bytes.resize_and_overwrite(size, [&](char* into, std::size_t room) {
    uLongf made = room;
    status = uncompress(reinterpret_cast<Bytef*>(into), &made,
                        reinterpret_cast<const Bytef*>(packed.data()),
                        packed.size());
    return made;
  });
  if (status != Z_OK || bytes.size() != size) {
    return std::unexpected(Reason::corrupt);
  }
  return bytes;
}

// gABI, "Compressed sections".
std::expected<std::string, Reason> unpack(std::string_view packed,
                                          std::uint64_t most_bytes) {
  Elf64_Chdr header{};
  if (packed.size() < sizeof header) return std::unexpected(Reason::corrupt);
  std::memcpy(&header, packed.data(), sizeof header);
  if (header.ch_type != ELFCOMPRESS_ZLIB) {
    return std::unexpected(Reason::corrupt);
  }
  return inflate_bytes(packed.substr(sizeof header), header.ch_size,
                       most_bytes);
}

// The older form: "ZLIB", the size in 64 bits with the highest first.
std::expected<std::string, Reason> unpack_zdebug(std::string_view packed,
                                                 std::uint64_t most_bytes) {
  constexpr std::string_view magic = "ZLIB";
  if (!packed.starts_with(magic) || packed.size() < 12) {
    return std::unexpected(Reason::corrupt);
  }
  std::uint64_t size = 0;
  for (const char byte : packed.substr(magic.size(), 8)) {
    size = size << 8 | static_cast<unsigned char>(byte);
  }
  return inflate_bytes(packed.substr(12), size, most_bytes);
}

std::expected<std::string, Reason> unpacked(const ElfFile& file,
                                            const Section& section, bool zdebug,
                                            std::uint64_t most_bytes) {
  if (section.file_size > most_bytes) {
    return std::unexpected(Reason::unwind_info_large);
  }
  std::string bytes = read_bytes(file, section.offset, section.file_size);
  if (zdebug) return unpack_zdebug(bytes, most_bytes);
  if ((section.flags & SHF_COMPRESSED) != 0) return unpack(bytes, most_bytes);
  return bytes;
}

const Section* filled_section(const ElfFile& file, std::string_view name) {
  const Section* const section = file.find_section(name);
  return section != nullptr && section->file_size != 0 ? section : nullptr;
}

}  // namespace

std::expected<FrameSection, Reason> read_eh_frame(const ElfFile& file,
                                                  std::uint64_t most_bytes) {
  const auto machine = machine_of(file);
  if (!machine) return std::unexpected(Reason::not_elf);
  std::optional<Whereabouts> place;
  const Section* const section = filled_section(file, ".eh_frame");
  if (section != nullptr) {
    place = {.offset = section->offset,
             .size = section->file_size,
             .address = section->address};
  } else {
    place = place_by_segment(file);
  }
  if (!place) return std::unexpected(Reason::no_unwind_info);
  auto read = read_place(file, *place, most_bytes);
  if (read) {
    read->machine = *machine;
    read->ends_at_zero = section == nullptr;
  }
  return read;
}

std::expected<FrameSection, Reason> read_debug_frame(const ElfFile& file,
                                                     std::uint64_t most_bytes) {
  const auto machine = machine_of(file);
  if (!machine) return std::unexpected(Reason::not_elf);
  const Section* section = filled_section(file, ".debug_frame");
  const bool zdebug = section == nullptr;
  if (zdebug) section = filled_section(file, ".zdebug_frame");
  if (section == nullptr) return std::unexpected(Reason::no_unwind_info);
  auto bytes = unpacked(file, *section, zdebug, most_bytes);
  if (!bytes) return std::unexpected(bytes.error());
  FrameSection read;
  read.bytes = std::move(*bytes);
  read.machine = *machine;
  read.is_eh_frame = false;
  return read;
}

}  // namespace sightline::unwind
