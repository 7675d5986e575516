// SPDX-License-Identifier: Apache-2.0
#include "symbol/jitdump.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace sightline::symbol {
namespace {

constexpr std::uint64_t max_file = 4ULL << 30;
constexpr std::size_t chunk_size = 1U << 16;
constexpr std::size_t max_name = 4096;
constexpr std::uint32_t max_header = 1U << 16;
// No runtime's whole code cache is larger.
constexpr std::uint64_t max_code = 1U << 31;

constexpr std::uint32_t magic = 0x4A695444;  // "JiTD"
constexpr std::uint64_t arch_timestamp = 1;
constexpr std::uint32_t code_load = 0;
constexpr std::uint32_t code_move = 1;

// In the place of a name: code went away from there, and code without a name
// (the empty one, at that place of the names).
constexpr std::uint32_t no_code = 0;
constexpr std::uint32_t nameless = 1;

struct FileHeader {
  std::uint32_t magic;
  std::uint32_t version;
  std::uint32_t total_size;
  std::uint32_t elf_machine;
  std::uint32_t padding;
  std::uint32_t pid;
  std::uint64_t timestamp;
  std::uint64_t flags;
};

struct RecordHeader {
  std::uint32_t id;
  std::uint32_t total_size;  // with this header
  std::uint64_t timestamp;
};

struct LoadRecord {
  RecordHeader header;
  std::uint32_t pid;
  std::uint32_t tid;
  std::uint64_t vma;
  std::uint64_t code_addr;
  std::uint64_t code_size;
  std::uint64_t code_index;  // then the name, NUL and the code
};

struct MoveRecord {
  RecordHeader header;
  std::uint32_t pid;
  std::uint32_t tid;
  std::uint64_t vma;
  std::uint64_t old_code_addr;
  std::uint64_t new_code_addr;
  std::uint64_t code_size;
  std::uint64_t code_index;
};

static_assert(sizeof(FileHeader) == 40 && sizeof(RecordHeader) == 16 &&
              sizeof(LoadRecord) == 56 && sizeof(MoveRecord) == 64);

template <typename Record>
std::optional<Record> decode(std::string_view bytes) {
  if (bytes.size() < sizeof(Record)) return std::nullopt;
  Record record;
  std::memcpy(&record, bytes.data(), sizeof record);
  return record;
}

}  // namespace

// Small reads that mostly follow one another.
class Jitdump::Window {
 public:
  explicit Window(const GrowingFile& file) : file_(file) {}

  // Up to `size` bytes at `offset`, at most chunk_size; fewer at the end.
  std::string_view at(std::uint64_t offset, std::size_t size) {
    if (offset < begin_ || offset + size > begin_ + filled_) {
      buffer_.resize(chunk_size);
      begin_ = offset;
      filled_ = file_.read_at(offset, buffer_);
    }
    return std::string_view(buffer_.data(), filled_)
        .substr(offset - begin_, size);
  }

 private:
  const GrowingFile& file_;
  std::uint64_t begin_ = 0;
  std::size_t filled_ = 0;
  std::vector<char> buffer_;
};

std::expected<Jitdump, Reason> Jitdump::open(UniqueFd fd, std::uint32_t pid,
                                             CodeLimits limits) {
  auto file =
      GrowingFile::open(std::move(fd), max_file, Reason::jitdump_refused);
  if (!file) return std::unexpected(file.error());
  return Jitdump(*std::move(file), pid, limits);
}

std::uint64_t Jitdump::refresh(std::uint64_t most_bytes) {
  if (file_.restart_if_rewritten()) clear();
  const std::uint64_t end = file_.size();
  std::uint64_t at = file_.position();
  if (reason_ != Reason::none || at == end) return 0;
  const std::uint64_t stop = file_.stop_after(most_bytes);
  Window window(file_);
  if (at == 0) at = take_header(window);
  // What was refused is remembered, so that another file in its place is seen.
  if (reason_ != Reason::none) file_.consume(sizeof(FileHeader));
  if (at == 0 || at > end) return 0;
  const std::uint64_t before = file_.position();
  file_.consume(take_records(window, at, stop, end));
  history_.settle();
  return file_.position() - before;
}

void Jitdump::clear() {
  reason_ = Reason::none;
  forgotten_ = 0;
  history_.clear();
  names_ = {};
  name_by_index_ = {};
}

// Where the records begin, or 0.
std::uint64_t Jitdump::take_header(Window& window) {
  const auto header = decode<FileHeader>(window.at(0, sizeof(FileHeader)));
  if (!header) return 0;  // not yet there
  if (header->magic != magic || header->version != 1 || header->pid != pid_ ||
      header->total_size < sizeof *header || header->total_size > max_header) {
    reason_ = Reason::jitdump_refused;
  } else if ((header->flags & arch_timestamp) != 0) {
    reason_ = Reason::jitdump_clock;
  }
  return reason_ == Reason::none ? header->total_size : 0;
}

// Returns where the first record is that is not whole yet, or begins behind
// `stop`. One that reaches over it is taken, or it would never be.
std::uint64_t Jitdump::take_records(Window& window, std::uint64_t at,
                                    std::uint64_t stop, std::uint64_t end) {
  for (;;) {
    if (at >= stop) return at;
    const auto header =
        decode<RecordHeader>(window.at(at, sizeof(RecordHeader)));
    // Zeros may be a hole that is still to be filled.
    if (!header || header->total_size == 0) return at;
    if (header->total_size < sizeof *header) {
      reason_ = Reason::corrupt;
      return at;
    }
    if (at > end || header->total_size > end - at) return at;
    const auto head = std::min<std::size_t>(header->total_size,
                                            sizeof(LoadRecord) + max_name);
    if (header->id == code_load) {
      take_load(window.at(at, head), header->timestamp);
    } else if (header->id == code_move) {
      take_move(window.at(at, head), header->timestamp);
    }
    at += header->total_size;
  }
}

void Jitdump::take_load(std::string_view record, std::uint64_t time_ns) {
  const auto load = decode<LoadRecord>(record);
  if (!load) return;
  record.remove_prefix(sizeof *load);
  const std::uint32_t name = keep_name(record.substr(0, record.find('\0')));
  name_by_index_.insert_or_assign(name_by_index_.end(), load->code_index, name);
  place(load->code_addr, load->code_size, time_ns, name);
}

void Jitdump::take_move(std::string_view record, std::uint64_t time_ns) {
  const auto move = decode<MoveRecord>(record);
  if (!move) return;
  if (history_.size() + 2 > limits_.functions) make_room();
  const auto named = name_by_index_.find(move->code_index);
  const std::uint32_t name =
      named == name_by_index_.end() ? nameless : named->second;
  place(move->old_code_addr, move->code_size, time_ns, no_code);
  place(move->new_code_addr, move->code_size, time_ns, name);
}

// Empty functions are allowed and name nothing.
void Jitdump::place(std::uint64_t start, std::uint64_t size,
                    std::uint64_t time_ns, std::uint32_t name) {
  if (size == 0 || size > max_code || start + size < start) return;
  history_.add(
      {.start = start, .size = size, .time_ns = time_ns, .name = name});
}

std::uint32_t Jitdump::keep_name(std::string_view name) {
  if (history_.size() >= limits_.functions ||
      name_by_index_.size() >= limits_.functions ||
      names_.size() + name.size() + 3 > limits_.name_bytes) {
    make_room();
  }
  if (names_.empty()) names_.assign(nameless + 1, '\0');
  if (name.empty()) return nameless;
  const auto at = static_cast<std::uint32_t>(names_.size());
  names_.append(name).push_back('\0');
  return at;
}

// Names of what is forgotten go with it, and so do the names of functions that
// might yet have been moved.
void Jitdump::make_room() {
  const std::size_t before = history_.size();
  history_.keep_newest(before / 2);
  forgotten_ += before - history_.size();
  std::vector<std::uint32_t> used;
  history_.for_each_name([&](std::uint32_t name) { used.push_back(name); });
  std::ranges::sort(used);
  used.erase(std::ranges::unique(used).begin(), used.end());
  std::string names(nameless + 1, '\0');
  std::vector<std::uint32_t> moved;
  for (const std::uint32_t name : used) {
    const auto end = static_cast<std::uint32_t>(names.size());
    moved.push_back(name <= nameless ? name : end);
    if (name > nameless) names.append(names_.c_str() + name).push_back('\0');
  }
  const auto place_of = [&](std::uint32_t name) {
    const auto at = std::ranges::lower_bound(used, name);
    return at != used.end() && *at == name ? moved[at - used.begin()] : 0;
  };
  history_.for_each_name([&](std::uint32_t& name) { name = place_of(name); });
  for (auto at = name_by_index_.begin(); at != name_by_index_.end();) {
    at->second = place_of(at->second);
    at = at->second == 0 ? name_by_index_.erase(at) : std::next(at);
  }
  names_ = std::move(names);
}

std::expected<CodeSymbol, Reason> Jitdump::find(std::uint64_t address,
                                                std::uint64_t from_ns,
                                                std::uint64_t to_ns) const {
  std::optional<CodeSymbol> found;
  for (const auto& version : history_.find(address, from_ns, to_ns)) {
    if (version.name == no_code) continue;
    const CodeSymbol next = {
        .name = name_of(version), .start = version.start, .size = version.size};
    if (found && found->name != next.name) {
      return std::unexpected(Reason::mapping_changed);
    }
    found = next;
  }
  if (!found || found->name.empty()) return std::unexpected(Reason::none);
  return *found;
}

std::size_t Jitdump::memory() const {
  // A node of a red-black tree has three pointers and a colour.
  constexpr std::size_t node = 4 * sizeof(void*) + 16;
  return history_.memory() + names_.capacity() + name_by_index_.size() * node;
}

}  // namespace sightline::symbol
