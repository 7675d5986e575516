// SPDX-License-Identifier: Apache-2.0
// An ELF file that a stranger may have written, read through a descriptor.
//
// Everything is read by pread into small buffers. A mapping would be faster by
// nothing that matters and would hand the owner of the file a SIGBUS to send
// us, by truncating it. Counts and sizes are bounded before memory is taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.h"
#include "symbol/reason.h"

namespace sightline::symbol {

// A section header; `size` is cut to what the file holds.
struct Section {
  std::uint32_t name = 0;  // offset into the section name table
  std::uint32_t type = 0;
  std::uint32_t link = 0;
  std::uint64_t flags = 0;
  std::uint64_t address = 0;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;       // bytes in memory, as the header says
  std::uint64_t file_size = 0;  // bytes that the file really has of it
  std::uint64_t entry_size = 0;
};

// A program header.
struct Segment {
  std::uint32_t type = 0;
  std::uint32_t flags = 0;
  std::uint64_t offset = 0;
  std::uint64_t address = 0;
  std::uint64_t file_size = 0;
};

// Not thread-safe to move, but every const member may be called from many
// threads: pread keeps no position.
class ElfFile {
 public:
  // Takes any descriptor. A FIFO, a directory, a foreign byte order or another
  // format is `not_elf`; headers that contradict themselves are `corrupt`;
  // missing section headers are no error (there is nothing in the file then).
  // Costs three preads and at most 5 MiB, whatever the headers claim.
  static std::expected<ElfFile, Reason> open(UniqueFd fd);

  // The same for a debug file: its code lay in these segments of the file that
  // ran, which its own headers do not say any more (objcopy(1),
  // --only-keep-debug). Where there are none, its own hold.
  static std::expected<ElfFile, Reason> open(UniqueFd fd,
                                             std::span<const Segment> code);

  [[nodiscard]] bool is_64bit() const { return is_64bit_; }
  // Where the kernel begins to run it (e_entry); of libraries often nowhere.
  [[nodiscard]] std::uint64_t entry() const { return entry_; }
  [[nodiscard]] const std::vector<Section>& sections() const {
    return sections_;
  }
  [[nodiscard]] const std::vector<Segment>& segments() const {
    return segments_;
  }

  // The first section of that type (SHT_*) or name, or null. For a name the
  // table of names is read, at most 4 MiB of it.
  [[nodiscard]] const Section* find_section(std::uint32_t type) const;
  [[nodiscard]] const Section* find_section(std::string_view name) const;

  // The virtual address that the linker gave a byte of the file: what symbol
  // tables speak of. Executable segments win where two hold the byte.
  [[nodiscard]] std::optional<std::uint64_t> address_of(
      std::uint64_t file_offset) const;

  // The way back, for who has an address out of a symbol table or a linker map
  // and asks what speaks of files: the first segment that holds it.
  [[nodiscard]] std::optional<std::uint64_t> offset_of(
      std::uint64_t address) const;

  // Where the code begins: the lowest address of an executable section, or of
  // an executable segment where there are no sections; 0 if there is neither.
  [[nodiscard]] std::uint64_t code_start() const;

  // Whether it has .debug_info, plain or compressed, that is not empty. Costs
  // as find_section() by name.
  [[nodiscard]] bool has_dwarf() const;

  // The bytes of the GNU build-id note (at most 64), empty if there is none.
  [[nodiscard]] std::string build_id() const;

  // For libraries that read the file themselves. Stays this object's; nobody
  // may rely on its position.
  [[nodiscard]] int fd() const { return fd_.get(); }

  // Bytes in the file when it was opened.
  [[nodiscard]] std::uint64_t size() const { return file_size_; }

  // Reads at a file offset until `into` is full or the file ends; the number
  // of bytes read. An I/O error counts as the end.
  std::size_t read_at(std::uint64_t offset, std::span<char> into) const;

 private:
  ElfFile() = default;
  template <typename Class>
  Reason read_headers();
  template <typename Class>
  Reason read_sections(std::uint64_t offset, std::uint64_t count);
  template <typename Class>
  Reason read_segments(std::uint64_t offset, std::uint64_t count);
  template <typename Header>
  std::optional<std::vector<Header>> read_table(std::uint64_t offset,
                                                std::uint64_t count,
                                                std::uint64_t limit) const;
  [[nodiscard]] std::string build_id_in(std::uint64_t offset,
                                        std::uint64_t size,
                                        std::uint64_t& budget) const;

  UniqueFd fd_;
  std::uint64_t file_size_ = 0;
  bool is_64bit_ = false;
  std::uint64_t entry_ = 0;
  std::uint32_t section_names_ = 0;
  std::vector<Section> sections_;
  std::vector<Segment> segments_;
};

}  // namespace sightline::symbol
