// SPDX-License-Identifier: Apache-2.0
// Walks a copied stack with all that call frame information says: slower than
// rows, and for what they cannot express (--unwind copy).
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>
#include <vector>

#include "process/address_space.h"
#include "process/objects.h"
#include "sample.h"
#include "unwind/cfi_walk.h"

namespace sightline::unwind {

// The program counter's DWARF number: psABI figure 3.36, AADWARF64 4.1.
#if defined(__aarch64__)
inline constexpr unsigned pc_register = 32;
#else
inline constexpr unsigned pc_register = 16;
#endif

// A user stack, leaf first. Return addresses are as the program has them; an
// address that was interrupted by a signal is one more, so that one can be
// taken from every frame but the first (as bpf/include/unwind_step.h does it).
struct WalkedStack {
  std::vector<std::uint64_t> frames = {};
  stack_reason reason = STACK_WHOLE;
};

// Not thread-safe. Keeps the call frame information of the objects that it met
// lately: at most `most_memory` bytes, but always of the last one.
class FullWalk {
 public:
  explicit FullWalk(process::Objects& objects,
                    std::uint64_t most_memory = 64U << 20)
      : objects_(objects), most_memory_(most_memory) {}

  // Forgets the objects that are not in `live` (by id): their numbers may come
  // back for others.
  void keep(const std::vector<bool>& live);

  // `registers` with the program counter under its DWARF number; `in_syscall`:
  // it is behind the instruction of a system call.
  WalkedStack walk(Registers registers, bool in_syscall,
                   const process::AddressSpace& space,
                   const MemoryReader& read);

  // Whether frame pointers are followed where nothing else is said (they are).
  void follow_frame_pointers(bool follow) { frame_pointers_ = follow; }

 private:
  struct Object {
    process::ObjectId id;
    std::optional<symbol::ElfFile> file = {};
    std::optional<CallFrames> frames = {};
    std::uint64_t memory = 0;
    bool begins_threads = false;
  };
  struct Frame;
  stack_reason step(Frame& frame, const process::AddressSpace& space,
                    const MemoryReader& read);
  Object& object(process::ObjectId id);
  void forget_last();
  void bound_memory();

  process::Objects& objects_;
  std::uint64_t most_memory_;
  std::uint64_t memory_ = 0;
  bool frame_pointers_ = true;
  std::list<Object> recent_;  // the one that was used last is in front
  std::unordered_map<process::ObjectId, std::list<Object>::iterator> known_;
};

}  // namespace sightline::unwind
