// SPDX-License-Identifier: Apache-2.0
#include "unwind/frame_index.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <limits>

namespace sightline::unwind {
namespace {

using symbol::ElfFile;
using symbol::Reason;

constexpr std::size_t cached_cies = 64;  // a power of two

// Chrome has 1.5 million.
constexpr std::size_t most_functions = 8U << 20;

// Linkers write one executable segment, seldom two. Each function is looked for
// in all of them.
constexpr std::size_t most_code_segments = 16;

struct AddressRange {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
};

std::vector<AddressRange> code_of(const ElfFile& file) {
  std::vector<AddressRange> code;
  for (const auto& segment : file.segments()) {
    if (segment.type != PT_LOAD || (segment.flags & PF_X) == 0 ||
        segment.file_size > ~segment.address) {
      continue;
    }
    if (code.size() == most_code_segments) break;
    code.push_back({segment.address, segment.address + segment.file_size});
  }
  return code;
}

// Reads entry after entry of a section into an index.
class IndexReader {
 public:
  IndexReader(FrameIndex& index, std::vector<AddressRange> code,
              const std::atomic<bool>* abandoned)
      : index_(index),
        cies_(index.section),
        code_(std::move(code)),
        abandoned_(abandoned) {}

  void read() {
    const FrameSection& section = index_.section;
    for (std::uint64_t at = 0; at < section.bytes.size();) {
      if (abandoned_ != nullptr && abandoned_->load()) return;
      const auto header = read_header(section, at);
      if (!header) {
        index_.reason = Reason::corrupt;
        return;
      }
      if (header->empty && section.ends_at_zero) return;
      if (!header->empty && !header->is_cie && !add(*header)) return;
      at = header->end;
    }
  }

 private:
  // False when there is no room for more.
  bool add(const EntryHeader& header) {
    const CieCache::Entry* const common = cies_.find(header.cie);
    const auto fde = common == nullptr
                         ? std::nullopt
                         : read_fde(index_.section, header, common->cie);
    if (!fde || !in_code(*fde)) {
      ++index_.malformed;
      return true;
    }
    if (index_.functions.size() == most_functions) {
      index_.reason = Reason::unwind_info_large;
      return false;
    }
    index_.functions.push_back(
        {.start = fde->start,
         .length = static_cast<std::uint32_t>(fde->length),
         .entry = static_cast<std::uint32_t>(header.at)});
    return true;
  }

  [[nodiscard]] bool in_code(const Fde& fde) const {
    if (fde.length == 0 ||
        fde.length > std::numeric_limits<std::uint32_t>::max()) {
      return false;
    }
    return std::ranges::any_of(code_, [&](const AddressRange& range) {
      return fde.start >= range.start && fde.start + fde.length <= range.end;
    });
  }

  FrameIndex& index_;
  CieCache cies_;
  std::vector<AddressRange> code_;
  const std::atomic<bool>* abandoned_;
};

void sort_functions(std::vector<Function>& functions) {
  const auto before = [](const Function& left, const Function& right) {
    return left.start != right.start ? left.start < right.start
                                     : left.entry < right.entry;
  };
  if (!std::ranges::is_sorted(functions, before)) {
    std::ranges::sort(functions, before);
  }
  const auto repeated = std::ranges::unique(functions, {}, &Function::start);
  functions.erase(repeated.begin(), repeated.end());
  for (std::size_t i = 1; i < functions.size(); ++i) {
    Function& first = functions[i - 1];
    const std::uint64_t room = functions[i].start - first.start;
    if (first.length > room) first.length = static_cast<std::uint32_t>(room);
  }
}

// A program, or what loads programs. Old linkers have given libraries an entry
// point too, which is no more than the first byte of their code.
bool is_started_by_kernel(const ElfFile& file) {
  constexpr std::size_t most_entries = 256;
  for (const auto& segment : file.segments()) {
    if (segment.type == PT_INTERP) return true;
    if (segment.type != PT_DYNAMIC) continue;
    std::array<Elf64_Dyn, most_entries> entries{};
    file.read_at(segment.offset,
                 {reinterpret_cast<char*>(entries.data()),
                  std::min<std::size_t>(segment.file_size, sizeof entries)});
    return std::ranges::find(entries, DT_NEEDED, &Elf64_Dyn::d_tag) ==
           entries.end();
  }
  return true;
}

// Such code sets up a stack and calls or jumps. Where more has no information,
// it is not known where it ends.
constexpr std::uint64_t most_of_start = 128;

// Between two functions, or what the linker fills up with.
constexpr std::uint64_t most_padding = 15;

// `functions` are sorted.
void add_start(const ElfFile& file, const std::vector<AddressRange>& code,
               std::vector<Function>& functions) {
  const auto start = file.entry();
  if (start == 0) return;
  const auto within = [start](const AddressRange& range) {
    return range.start <= start && start < range.end;
  };
  const auto segment = std::ranges::find_if(code, within);
  if (segment == code.end()) return;
  const auto next =
      std::ranges::upper_bound(functions, start, {}, &Function::start);
  const auto before =
      next == functions.begin() ? segment->start : std::prev(next)->end();
  bool is_alone = next != functions.end() && before <= start &&
                  start - before <= most_padding &&
                  next->start - start <= most_of_start;
  if (!is_alone || !is_started_by_kernel(file)) return;
  functions.insert(next,
                   {.start = start,
                    .length = static_cast<std::uint32_t>(next->start - start),
                    .entry = Function::begins_thread});
}

std::expected<FrameIndex, Reason> index_of(
    const ElfFile& object, std::expected<FrameSection, Reason> section,
    const std::vector<AddressRange>& code, const std::atomic<bool>* abandoned) {
  if (!section) return std::unexpected(section.error());
  FrameIndex index;
  index.section = std::move(*section);
  IndexReader(index, code, abandoned).read();
  if (index.functions.empty()) {
    return std::unexpected(index.reason == Reason::none && index.malformed == 0
                               ? Reason::no_unwind_info
                               : Reason::corrupt);
  }
  sort_functions(index.functions);
  add_start(object, code, index.functions);
  return index;
}

}  // namespace

bool is_go(const ElfFile& file) {
  return file.find_section(".gopclntab") != nullptr ||
         file.find_section(".data.rel.ro.gopclntab") != nullptr;
}

std::expected<FrameIndex, Reason> read_frame_index(
    const ElfFile& object, const ElfFile* debug, std::uint64_t most_bytes,
    const std::atomic<bool>* abandoned) {
  constexpr std::uint64_t most_numbered =
      std::numeric_limits<std::uint32_t>::max();
  const std::uint64_t most = std::min(most_bytes, most_numbered);
  const auto code = code_of(object);
  auto index = index_of(object, read_eh_frame(object, most), code, abandoned);
  if (index || is_go(object)) return index;
  auto other =
      index_of(object, read_debug_frame(object, most), code, abandoned);
  if (!other && debug != nullptr) {
    other = index_of(object, read_debug_frame(*debug, most), code, abandoned);
  }
  // Of two reasons the one that says more.
  const bool says_more = other || index.error() == Reason::no_unwind_info;
  return says_more ? std::move(other) : std::move(index);
}

CieCache::CieCache(const FrameSection& section)
    : section_(&section), program_(section), slots_(cached_cies) {}

const CieCache::Entry* CieCache::find(std::uint64_t at) {
  // Entries begin at multiples of four.
  Slot& slot = slots_[at / 4 % cached_cies];
  if (slot.at != at) {
    slot.at = at;
    slot.good = false;
    const auto header = read_header(*section_, at);
    const auto cie = header ? read_cie(*section_, *header) : std::nullopt;
    if (!cie) return nullptr;
    slot.entry.cie = *cie;
    const auto initial = program_.initial_state(slot.entry.cie);
    if (!initial) return nullptr;
    slot.entry.initial = *initial;
    slot.good = true;
  }
  return slot.good ? &slot.entry : nullptr;
}

}  // namespace sightline::unwind
