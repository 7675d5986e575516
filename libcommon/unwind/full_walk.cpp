// SPDX-License-Identifier: Apache-2.0
#include "unwind/full_walk.h"

#include <utility>

#include "symbol/vdso.h"
#include "unwind_registers.h"

namespace sightline::unwind {
namespace {

constexpr unsigned sp_register = UNWIND_SP;
constexpr unsigned fp_register = UNWIND_FP;

constexpr std::size_t most_objects = 64;

std::optional<symbol::ElfFile> open_file(process::Objects& objects,
                                         process::ObjectId id) {
  if (id == process::vdso_object) {
    auto image = symbol::open_vdso();
    if (image) return std::move(*image);
  }
  if (id < process::first_file_object || objects.is_generated(id)) return {};
  auto file = symbol::ElfFile::open(objects.open(id).take());
  if (!file) return {};
  return std::move(*file);
}

// The frame's own words: what it saved of its caller's frame pointer, and where
// it returns to.
stack_reason by_frame_pointer(Registers& registers, const MemoryReader& read,
                              bool begins_threads) {
  const auto end = begins_threads ? STACK_WHOLE : STACK_NO_ROWS;
  const auto fp = registers.get(fp_register);
  if (!fp) return STACK_NO_ROWS;
  if (*fp == 0) return end;
  std::uint64_t saved = 0;
  std::uint64_t to = 0;
  if ((*fp & 7) != 0 || !read(*fp, saved) || !read(*fp + 8, to)) {
    return STACK_NO_ROWS;
  }
  if (to == 0) return end;
  registers.known = 0;
  registers.set(fp_register, saved);
  registers.set(sp_register, *fp + 16);
  registers.set(pc_register, to);
  return STACK_REASONS;
}

stack_reason reason_for(StepEnd end) {
  switch (end) {
    case StepEnd::stepped:
      return STACK_REASONS;
    case StepEnd::root:
      return STACK_WHOLE;
    case StepEnd::not_covered:
      return STACK_NO_ROWS;
    case StepEnd::not_understood:
      return STACK_UNSUPPORTED;
    case StepEnd::not_readable:
      return STACK_UNREADABLE;
  }
  return STACK_UNSUPPORTED;
}

}  // namespace

struct FullWalk::Frame {
  Registers registers;
  bool from_call = false;    // its address is one of return
  bool interrupted = false;  // a signal frame was left for it
  bool first = true;         // or interrupted: all registers are known

  [[nodiscard]] std::uint64_t pc() const {
    return registers.values[pc_register];
  }
};

FullWalk::Object& FullWalk::object(process::ObjectId id) {
  auto at = known_.find(id);
  if (at != known_.end()) {
    recent_.splice(recent_.begin(), recent_, at->second);
    return recent_.front();
  }
  recent_.push_front({.id = id, .file = open_file(objects_, id)});
  auto& object = recent_.front();
  known_[id] = recent_.begin();
  auto frames = object.file ? CallFrames::open(*object.file)
                            : std::unexpected(symbol::Reason::no_unwind_info);
  if (frames) {
    object.memory = frames->memory();
    object.frames.emplace(std::move(*frames));
  }
  // As unwind_begins_threads() of bpf/include/unwind_rows.h.
  object.begins_threads =
      object.file && (is_go(*object.file) || !object.frames);
  memory_ += object.memory;
  bound_memory();
  return object;
}

void FullWalk::forget_last() {
  memory_ -= recent_.back().memory;
  known_.erase(recent_.back().id);
  recent_.pop_back();
}

// Each may hold its file open.
void FullWalk::bound_memory() {
  while (recent_.size() > 1 &&
         (memory_ > most_memory_ || recent_.size() > most_objects)) {
    forget_last();
  }
}

void FullWalk::keep(const std::vector<bool>& live) {
  std::erase_if(recent_, [&](const Object& object) {
    if (object.id < live.size() && live[object.id]) return false;
    memory_ -= object.memory;
    known_.erase(object.id);
    return true;
  });
}

// STACK_REASONS: go on.
stack_reason FullWalk::step(Frame& frame, const process::AddressSpace& space,
                            const MemoryReader& read) {
  const auto address = frame.pc() - (frame.from_call ? 1 : 0);
  const auto found = space.locate(address, UINT64_MAX);
  if (found.mapping == nullptr) return STACK_NOT_CODE;
  auto& from = object(found.object);
  const auto before = frame.registers.get(sp_register);
  Step step;
  if (from.frames) {
    const auto place = from.file->address_of(found.offset);
    if (!place) return STACK_NO_ROWS;
    step = from.frames->step(frame.registers, *place, read, address - *place);
    // A frame that was made, not called, returns to a function's start
    // (makecontext).
    if (step.end == StepEnd::not_covered && frame.from_call) {
      step = from.frames->step(frame.registers, *place + 1, read,
                               address - *place);
    }
  }
  auto reason =
      step.end == StepEnd::not_covered && frame_pointers_
          ? by_frame_pointer(frame.registers, read, from.begins_threads)
          : reason_for(step.end);
  frame.from_call = !step.signal_frame;
  frame.interrupted = step.signal_frame;
  if (reason == STACK_REASONS && frame.pc() == 0) return STACK_WHOLE;
  // Without going up it would not end; only the first frame can be empty.
  const auto now = frame.registers.get(sp_register);
  const bool covered = step.end == StepEnd::stepped && !step.signal_frame;
  if (covered && before && now && *now < *before + (frame.first ? 0 : 1)) {
    return STACK_UNSUPPORTED;
  }
  frame.first = step.signal_frame;
  return reason;
}

WalkedStack FullWalk::walk(Registers registers, bool in_syscall,
                           const process::AddressSpace& space,
                           const MemoryReader& read) {
  WalkedStack stack;
  Frame frame{.registers = registers, .from_call = in_syscall};
  while (stack.frames.size() < STACK_MAX_FRAMES) {
    stack.frames.push_back(frame.pc() + (frame.interrupted ? 1 : 0));
    auto reason = step(frame, space, read);
    if (reason == STACK_REASONS) continue;
    // What a wrong guess led to is no frame.
    bool is_frame = reason != STACK_NOT_CODE || !frame.from_call;
    if (!is_frame && stack.frames.size() > 1) stack.frames.pop_back();
    stack.reason = reason;
    return stack;
  }
  stack.reason = STACK_CUT;
  return stack;
}

}  // namespace sightline::unwind
