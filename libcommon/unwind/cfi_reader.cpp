// SPDX-License-Identifier: Apache-2.0
#include "unwind/cfi_reader.h"

#include <array>

namespace sightline::unwind {
namespace {

// LSB Core, "DWARF Exception Header Encoding".
enum PointerEncoding : std::uint8_t {
  absolute = 0x00,
  uleb128 = 0x01,
  udata2 = 0x02,
  udata4 = 0x03,
  udata8 = 0x04,
  sleb128 = 0x09,
  sdata2 = 0x0a,
  sdata4 = 0x0b,
  sdata8 = 0x0c,
  format_mask = 0x0f,
  pc_relative = 0x10,
  aligned = 0x50,
  indirect = 0x80,
};

// The longest that compilers write has six letters.
constexpr std::size_t longest_augmentation = 15;

// What a CIE says before every row of its FDEs. Thirty bytes are many; it may
// have to be run again for each of them.
constexpr std::uint64_t longest_initial_program = 128;

std::uint64_t read_number(Cursor& cursor, std::uint8_t format) {
  switch (format) {
    case absolute:
    case udata8:
    case sdata8:
      return cursor.take<std::uint64_t>();
    case uleb128:
      return cursor.uleb();
    case udata2:
      return cursor.take<std::uint16_t>();
    case udata4:
      return cursor.take<std::uint32_t>();
    case sleb128:
      return static_cast<std::uint64_t>(cursor.sleb());
    case sdata2:
      return static_cast<std::uint64_t>(
          std::int64_t{cursor.take<std::int16_t>()});
    case sdata4:
      return static_cast<std::uint64_t>(
          std::int64_t{cursor.take<std::int32_t>()});
    default:
      cursor.fail();
      return 0;
  }
}

// The place of a pointer that is said to be aligned.
void skip_to_alignment(Cursor& cursor, const FrameSection& section) {
  cursor.skip(-(section.address + cursor.at()) & 7);
}

// The augmentation string, up to its end; false if it is too long.
bool read_augmentation(Cursor& cursor,
                       std::array<char, longest_augmentation + 1>& text) {
  for (char& letter : text) {
    letter = static_cast<char>(cursor.byte());
    if (letter == '\0') return !cursor.failed();
  }
  return false;
}

void skip_personality(Cursor& cursor, const FrameSection& section) {
  const std::uint8_t encoding = cursor.byte();
  if (encoding == aligned) {
    skip_to_alignment(cursor, section);
    cursor.skip(8);
  } else {
    (void)read_number(cursor, encoding & format_mask);
  }
}

// The data behind each letter that follows 'z'. A letter that is not known
// ends it: how long the data is was said before.
void read_augmentation_data(Cursor& cursor, const FrameSection& section,
                            const char* letters, Cie& cie) {
  for (; *letters != '\0'; ++letters) {
    switch (*letters) {
      case 'R':
        cie.pointer_encoding = cursor.byte();
        break;
      case 'L':
        cursor.skip(1);
        break;
      case 'P':
        skip_personality(cursor, section);
        break;
      case 'S':
        cie.signal_frame = true;
        break;
      case 'B':  // arm64: which key signs return addresses
      case 'G':  // arm64: the stack is tagged
        break;
      default:
        return;
    }
  }
}

// Size of addresses and segment selectors, from version 4 on.
bool addresses_are_plain(Cursor& cursor, unsigned version) {
  if (version < 4) return true;
  const std::uint8_t address_size = cursor.byte();
  return cursor.byte() == 0 && address_size == 8;
}

}  // namespace

std::optional<EntryHeader> read_header(const FrameSection& section,
                                       std::uint64_t at) {
  Cursor cursor(section.bytes, at, section.bytes.size());
  EntryHeader header;
  header.at = at;
  std::uint64_t length = cursor.take<std::uint32_t>();
  const bool is_64bit = length == 0xffffffff;
  if (is_64bit) length = cursor.take<std::uint64_t>();
  if (cursor.failed() || length > cursor.left()) return std::nullopt;
  header.end = cursor.at() + length;
  header.empty = length == 0;
  if (header.empty) return header;
  const std::uint64_t id_at = cursor.at();
  std::uint64_t id = 0;
  if (section.is_eh_frame || !is_64bit) {
    id = cursor.take<std::uint32_t>();
  } else {
    id = cursor.take<std::uint64_t>();
  }
  if (cursor.failed() || cursor.at() > header.end) return std::nullopt;
  header.body = cursor.at();
  if (section.is_eh_frame) {
    header.is_cie = id == 0;
    header.cie = id_at - id;
  } else {
    header.is_cie = id == (is_64bit ? ~0ULL : 0xffffffffULL);
    header.cie = id;
  }
  return header;
}

std::uint64_t read_pointer(Cursor& cursor, const FrameSection& section,
                           std::uint8_t encoding) {
  if (encoding == aligned) {
    skip_to_alignment(cursor, section);
    return cursor.take<std::uint64_t>();
  }
  const std::uint64_t place = section.address + cursor.at();
  const std::uint64_t number = read_number(cursor, encoding & format_mask);
  const std::uint8_t base = encoding & ~format_mask;
  if (base == absolute) return number;
  if (base == pc_relative) return place + number;
  // Relative to a table of the run-time linker, or an address of an address:
  // no linker writes these for functions.
  cursor.fail();
  return 0;
}

std::optional<Cie> read_cie(const FrameSection& section,
                            const EntryHeader& header) {
  if (header.empty || !header.is_cie) return std::nullopt;
  Cursor cursor(section.bytes, header.body, header.end);
  const unsigned version = cursor.byte();
  if (version == 0 || version == 2 || version > 4) return std::nullopt;
  std::array<char, longest_augmentation + 1> augmentation{};
  if (!read_augmentation(cursor, augmentation)) return std::nullopt;
  if (!addresses_are_plain(cursor, version)) return std::nullopt;
  Cie cie;
  cie.code_align = cursor.uleb();
  cie.data_align = cursor.sleb();
  cie.return_register = version == 1 ? cursor.byte() : cursor.uleb();
  cie.has_augmentation = augmentation[0] == 'z';
  if (cie.has_augmentation) {
    const std::uint64_t length = cursor.uleb();
    Cursor data = cursor;
    cursor.skip(length);
    read_augmentation_data(data, section, augmentation.data() + 1, cie);
    if (data.failed()) return std::nullopt;
  } else if (augmentation[0] != '\0') {
    return std::nullopt;  // of a compiler that is older than x86-64
  }
  cie.program = {cursor.at(), header.end};
  if (cursor.failed() ||
      cie.program.end - cie.program.begin > longest_initial_program) {
    return std::nullopt;
  }
  return cie;
}

std::optional<Fde> read_fde(const FrameSection& section,
                            const EntryHeader& header, const Cie& cie) {
  Cursor cursor(section.bytes, header.body, header.end);
  Fde fde;
  fde.start = read_pointer(cursor, section, cie.pointer_encoding);
  fde.length = read_number(cursor, cie.pointer_encoding & format_mask);
  if (cie.has_augmentation) cursor.skip(cursor.uleb());
  fde.program = {cursor.at(), header.end};
  if (cursor.failed() || fde.length > ~fde.start) return std::nullopt;
  return fde;
}

}  // namespace sightline::unwind
