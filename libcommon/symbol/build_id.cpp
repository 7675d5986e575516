// SPDX-License-Identifier: Apache-2.0
#include "symbol/build_id.h"

#include <elf.h>

#include <array>
#include <cstring>

#include "base/file.h"

namespace sightline::symbol {
namespace {

constexpr std::size_t max_build_id = 64;
constexpr std::size_t max_kernel_notes = 1U << 16;

std::uint64_t aligned(std::uint64_t size) { return (size + 3) & ~3ULL; }

}  // namespace

std::string find_build_id(std::uint64_t size, const ReadNotes& read) {
  // Both classes use the same three 32-bit words.
  for (std::uint64_t at = 0; at + sizeof(Elf64_Nhdr) <= size;) {
    Elf64_Nhdr note{};
    const std::span bytes(reinterpret_cast<char*>(&note), sizeof note);
    if (read(at, bytes) != sizeof note) break;
    const std::uint64_t name_at = at + sizeof note;
    const std::uint64_t id_at = name_at + aligned(note.n_namesz);
    std::array<char, 4> name{};
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == name.size() &&
        note.n_descsz <= max_build_id && id_at + note.n_descsz <= size &&
        read(name_at, name) == name.size() &&
        std::memcmp(name.data(), ELF_NOTE_GNU, name.size()) == 0) {
      std::string id(note.n_descsz, '\0');
      if (read(id_at, id) == id.size()) return id;
    }
    at = id_at + aligned(note.n_descsz);
  }
  return {};
}

std::string kernel_build_id() {
  const auto notes = read_file("/sys/kernel/notes", max_kernel_notes);
  if (!notes) return {};
  return find_build_id(
      notes->size(), [&](std::uint64_t at, std::span<char> into) {
        return at < notes->size() ? notes->copy(into.data(), into.size(), at)
                                  : std::size_t{0};
      });
}

}  // namespace sightline::symbol
