// SPDX-License-Identifier: Apache-2.0
#include "stack/copied_stacks.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "unwind/store_view.h"
#include "unwind/walker.h"
#include "unwind_registers.h"

namespace sightline::stack {
namespace {

using unwind::pc_register;

unwind::Registers registers_of(const copy_record& record) {
  unwind::Registers registers;
  for (unsigned i = 0; i < pc_register && i < COPY_REGISTERS; ++i) {
    registers.set(i, record.registers[i]);
  }
  registers.set(pc_register, record.pc);
  return registers;
}

// The rest of a copy follows at once: no more than this come in between.
constexpr std::ptrdiff_t most_between = 256;

// The record's bytes from `offset` on, at most `count` of them.
std::vector<std::byte> part(std::span<const std::byte> record,
                            std::size_t offset, std::size_t count) {
  auto bytes = record.subspan(std::min(offset, record.size()));
  bytes = bytes.first(std::min(bytes.size(), count));
  return {bytes.begin(), bytes.end()};
}

bool read_part(std::span<const std::byte> bytes, std::uint64_t offset,
               std::span<std::byte> to) {
  if (bytes.size() < to.size() || offset > bytes.size() - to.size()) {
    return false;
  }
  std::memcpy(to.data(), bytes.data() + offset, to.size());
  return true;
}

}  // namespace

std::optional<std::uint32_t> CopiedStacks::add(
    std::span<const std::byte> bytes) {
  constexpr auto header_bytes = offsetof(copy_record, bytes);
  if (bytes.size() < header_bytes) return std::nullopt;
  copy_record record;
  std::memcpy(&record, bytes.data(), header_bytes);
  if (bytes_ >= most_bytes) return std::nullopt;
  auto below =
      std::min<std::size_t>(record.below_count, std::size_t{COPY_BELOW});
  auto& copy = copies_.emplace_back(
      Copy{.image = {record.pid, record.exec_id, record.start_ns},
           .time_ns = record.header.time_ns,
           .hash = record.hash,
           .partial_hash = record.partial_hash,
           .registers = registers_of(record),
           .stack_pointer = record.registers[UNWIND_SP],
           .in_syscall = record.from_call != 0,
           .below = part(bytes, offsetof(copy_record, below), below),
           .bytes = part(bytes, header_bytes, record.byte_count),
           .last_is_full = copy_is_full(record.byte_count) != 0});
  copy.add_holes(0, record.holes);
  bytes_ += copy.memory();
  return record.pid;
}

void CopiedStacks::Copy::add_holes(std::uint64_t offset,
                                   std::uint32_t missing) {
  const auto address = stack_pointer + offset;
  for (std::uint32_t i = 0; i < COPY_BYTES / COPY_PIECE; ++i) {
    if ((missing >> i & 1) == 0) continue;
    holes.push_back({offset + copy_piece_begin(address, i),
                     offset + copy_piece_begin(address, i + 1)});
  }
}

void CopiedStacks::add_more(std::span<const std::byte> bytes) {
  constexpr auto header_bytes = offsetof(copy_more_record, bytes);
  if (bytes.size() < header_bytes) return;
  copy_more_record record;
  std::memcpy(&record, bytes.data(), header_bytes);
  if (bytes_ >= most_bytes) return;
  auto oldest = copies_.rbegin() + std::min(std::ssize(copies_), most_between);
  auto to = std::find_if(copies_.rbegin(), oldest, [&](const Copy& copy) {
    return copy.hash == record.hash && copy.may_get_more();
  });
  if (to == oldest) return;
  auto more = part(bytes, header_bytes, record.byte_count);
  to->add_holes(to->bytes.size(), record.holes);
  to->bytes.insert(to->bytes.end(), more.begin(), more.end());
  bytes_ += more.size();
  to->records += 1;
  to->last_is_full = copy_is_full(record.byte_count) != 0;
}

bool CopiedStacks::Copy::read(std::uint64_t address,
                              std::span<std::byte> to) const {
  if (address < stack_pointer) {
    return read_part(below, address - (stack_pointer - below.size()), to);
  }
  const auto offset = address - stack_pointer;
  bool is_there = std::ranges::none_of(holes, [&](const Hole& hole) {
    return offset < hole.end && offset + to.size() > hole.begin;
  });
  return is_there && read_part(bytes, offset, to);
}

void CopiedStacks::walk_by_rows(unwind::Loader& loader, bool frame_pointers) {
  loader_ = &loader;
  frame_pointers_ = frame_pointers;
  full_.follow_frame_pointers(frame_pointers);
}

unwind::WalkedStack CopiedStacks::walk_fully(const Copy& copy) {
  const auto* space = table_.current(copy.image).space;
  if (space == nullptr) {
    return {.frames = {copy.registers.values[pc_register]},
            .reason = STACK_PENDING};
  }
  auto read = [&copy](std::uint64_t address, std::uint64_t& word) {
    return copy.read(address, std::as_writable_bytes(std::span(&word, 1)));
  };
  return full_.walk(copy.registers, copy.in_syscall, *space, read);
}

// Walks those whose rows were missing the last time; returns what still is.
// What the store has may have changed since, so it is looked at anew.
std::set<std::uint32_t> CopiedStacks::walk_waiting(std::vector<Copy>& copies,
                                                   const Images& images) {
  unwind::StoreView view(loader_->store());
  unwind::Walker walker(view, frame_pointers_);
  std::set<std::uint32_t> wanted;
  for (auto& copy : copies) {
    if (!copy.wants_rows) continue;
    copy.walked = walker.walk(
        copy.registers, copy.in_syscall, images.at(copy.image).mappings(),
        [&copy](auto address, auto to) { return copy.read(address, to); });
    copy.wants_rows = walker.wanted().has_value();
    if (copy.wants_rows) wanted.insert(*walker.wanted());
  }
  return wanted;
}

// Rather than to wait for a thread that is at something else, they are made
// here. False when there is no time left, or none came in it.
Result<bool> CopiedStacks::get_rows(const std::set<std::uint32_t>& wanted) {
  const auto start = monotonic_ns();
  bool came = false;
  for (auto object : wanted) {
    bool late = monotonic_ns() - start >= wait_ns_;
    if (late) loader_->hurry(object);
    if (!late && SL_TRY(loader_->build_now(object))) came = true;
  }
  if (!came) came = SL_TRY(loader_->wait_for_rows(start + wait_ns_));
  wait_ns_ -= std::min(wait_ns_, monotonic_ns() - start);
  return came;
}

Status CopiedStacks::walk_by_rows(std::vector<Copy>& copies) {
  Images images;
  for (const auto& copy : copies) {
    if (images.contains(copy.image)) continue;
    images.emplace(copy.image, SL_TRY(loader_->spaces().lend(copy.image)));
  }
  SL_CHECK(loader_->advance_rows());
  while (true) {
    auto wanted = walk_waiting(copies, images);
    if (wanted.empty() || !SL_TRY(get_rows(wanted))) return {};
  }
}

// No rule expresses it, or one has led to where nothing is mapped, also by what
// is known now.
bool CopiedStacks::is_beyond_rows(const Copy& copy) {
  const auto reason = copy.walked.reason;
  return reason == STACK_UNSUPPORTED ||
         (reason == STACK_PENDING && !copy.wants_rows);
}

// Of a later one the process table does not know yet what was mapped; and the
// kernel half may just be sending the rest of one.
std::vector<CopiedStacks::Copy> CopiedStacks::take(std::uint64_t until_ns,
                                                   bool all) {
  auto copies = std::exchange(copies_, {});
  bytes_ = 0;
  std::erase_if(copies, [&](Copy& copy) {
    bool early = copy.time_ns > until_ns;
    bool partial = copy.may_get_more() && !copy.has_waited && !all;
    if (!early && !partial) return false;
    copy.has_waited = !early;
    bytes_ += copy.memory();
    copies_.push_back(std::move(copy));
    return true;
  });
  return copies;
}

Status CopiedStacks::walk(std::uint64_t until_ns, bool all,
                          const Deliver& deliver) {
  auto copies = take(until_ns, all);
  if (copies.empty()) return {};
  if (loader_ != nullptr) SL_CHECK(walk_by_rows(copies));
  for (auto& copy : copies) {
    auto& stack = copy.walked;
    if (loader_ == nullptr || is_beyond_rows(copy)) stack = walk_fully(copy);
    // The copy ends before the stack does.
    bool to_its_end = copy.last_is_full && copy.holes.empty();
    if (stack.reason == STACK_UNREADABLE && to_its_end) {
      stack.reason = STACK_CUT;
    }
    deliver(copy.hash, copy.partial_hash, stack);
  }
  return {};
}

}  // namespace sightline::stack
