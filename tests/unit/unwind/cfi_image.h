// SPDX-License-Identifier: Apache-2.0
// Call frame information put together by hand, for tests of what compilers
// seldom write or never.
#pragma once

#include <elf.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "symbol/elf_file.h"
#include "symbol/elf_image.h"

namespace sightline::unwind::testing {

inline std::string uleb(std::uint64_t value) {
  std::string bytes;
  do {
    const bool last = value < 0x80;
    bytes.push_back(static_cast<char>((value & 0x7f) | (last ? 0 : 0x80)));
    value >>= 7;
  } while (value != 0);
  return bytes;
}

inline std::string bytes_of(std::initializer_list<unsigned> values) {
  std::string bytes;
  for (const unsigned value : values) bytes.push_back(static_cast<char>(value));
  return bytes;
}

inline std::string word(std::uint32_t value) {
  return std::string(symbol::testing::raw_bytes(value));
}
inline std::string quad(std::uint64_t value) {
  return std::string(symbol::testing::raw_bytes(value));
}

// Instructions, as DWARF 5, table 7.29, writes them.
namespace cfa {

inline std::string advance(unsigned count) {
  return count < 0x40 ? bytes_of({0x40 | count})
                      : bytes_of({0x04}) + word(count);
}
inline std::string define(unsigned number, std::uint64_t offset) {
  return bytes_of({0x0c, number}) + uleb(offset);
}
inline std::string offset(unsigned number, std::uint64_t factored) {
  return bytes_of({0x80 | number}) + uleb(factored);
}
inline std::string expression(std::string_view operations) {
  return bytes_of({0x0f}) + uleb(operations.size()) + std::string(operations);
}
inline std::string saved(unsigned number, std::string_view operations) {
  return bytes_of({0x10, number}) + uleb(operations.size()) +
         std::string(operations);
}
inline std::string undefined(unsigned number) {
  return bytes_of({0x07, number});
}
inline const std::string remember = bytes_of({0x0a});
inline const std::string bring_back = bytes_of({0x0b});

}  // namespace cfa

// A file with code from 0x1000 to 0x2000 and this as its .eh_frame.
class CfiImage {
 public:
  static constexpr std::uint64_t code = 0x1000;

  explicit CfiImage(unsigned machine = EM_X86_64) : machine_(machine) {}

  // CFA = RSP + 8, RIP at CFA - 8: as every compiler begins. `letters` are put
  // behind the 'z' of the augmentation. Returns where it lies.
  std::uint32_t cie(std::string_view letters = "",
                    const std::string& more = "") {
    return raw_cie(std::string("z") + std::string(letters),
                   uleb(1) + bytes_of({0x78, 16}) + uleb(0),
                   cfa::define(7, 8) + cfa::offset(16, 1) + more);
  }
  std::uint32_t raw_cie(const std::string& augmentation,
                        const std::string& fields, const std::string& program) {
    const auto at = static_cast<std::uint32_t>(section_.size());
    entry(word(0) + bytes_of({1}) + augmentation + '\0' + fields + program);
    return at;
  }

  CfiImage& fde(std::uint32_t cie, std::uint64_t start, std::uint64_t length,
                const std::string& program) {
    const auto id_at = static_cast<std::uint32_t>(section_.size()) + 4;
    entry(word(id_at - cie) + quad(start) + quad(length) + uleb(0) + program);
    return *this;
  }
  // Bytes as they are.
  CfiImage& raw(std::string_view bytes) {
    section_ += bytes;
    return *this;
  }

  // Where the kernel begins to run it.
  CfiImage& begins_at(std::uint64_t address) {
    begin_ = address;
    return *this;
  }

  [[nodiscard]] symbol::ElfFile file() const {
    symbol::testing::ElfImage image;
    image.add_section(".eh_frame", SHT_PROGBITS, section_);
    std::string bytes = image.bytes();
    bytes[offsetof(Elf64_Ehdr, e_machine)] = static_cast<char>(machine_);
    bytes.replace(offsetof(Elf64_Ehdr, e_entry), sizeof begin_, quad(begin_));
    return std::move(
        *symbol::ElfFile::open(symbol::testing::memory_file(bytes)));
  }

 private:
  // Padded to a multiple of four, as all entries are.
  void entry(std::string body) {
    body.resize((body.size() + 3) & ~std::size_t{3}, '\0');
    section_ += word(static_cast<std::uint32_t>(body.size())) + body;
  }

  unsigned machine_;
  std::uint64_t begin_ = 0;
  std::string section_ = {};
};

}  // namespace sightline::unwind::testing
