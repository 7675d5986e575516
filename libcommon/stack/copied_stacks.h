// SPDX-License-Identifier: Apache-2.0
// Copies of user stacks that the kernel half could not walk yet, or was told
// not to: kept until the process table knows what was mapped, and walked then:
// by the rows that the kernel half has by then, or with all call frame
// information.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "process/table.h"
#include "sample.h"
#include "unwind/full_walk.h"
#include "unwind/loader.h"
#include "unwind/spaces.h"

namespace sightline::stack {

// Not thread-safe. `table` and `objects` must outlive it.
class CopiedStacks {
 public:
  CopiedStacks(process::Table& table, process::Objects& objects)
      : table_(table), full_(objects) {}

  // From now on copies are walked by rows; with all call frame information only
  // what rows cannot express, for it means to read whole files. `loader` must
  // outlive it. `frame_pointers`: followed where nothing else is said.
  void walk_by_rows(unwind::Loader& loader, bool frame_pointers);

  // How long walks may wait for rows, in all, until this is called again.
  void may_wait(std::uint64_t ns) { wait_ns_ = ns; }

  // So many are kept that they should be walked soon.
  [[nodiscard]] bool is_filling() const { return bytes_ > most_bytes / 2; }

  // Takes a RECORD_COPY over, and tells whose stack it is; nothing when it is
  // malformed or there are too many.
  std::optional<std::uint32_t> add(std::span<const std::byte> record);
  // Takes over a RECORD_COPY_MORE, which belongs to one of the former.
  void add_more(std::span<const std::byte> record);

  // Forgets the objects that are not in `live`, by id.
  void keep(const std::vector<bool>& live) { full_.keep(live); }

  // Walks those that were taken up to `until_ns`, for which the process table
  // must know what had happened up to then, and forgets them. One whose rest
  // may be on its way waits for the next call, unless there is none (`all`).
  // `partial` is the hash of what the kernel half could walk, or 0. Fails only
  // when the kernel refuses to store rows.
  using Deliver = std::function<void(std::uint64_t hash, std::uint64_t partial,
                                     const unwind::WalkedStack& stack)>;
  Status walk(std::uint64_t until_ns, bool all, const Deliver& deliver);

 private:
  static constexpr std::size_t most_bytes = 16U << 20;

  // Bytes of a copy, counted from the stack pointer.
  struct Hole {
    std::uint64_t begin;
    std::uint64_t end;
  };
  struct Copy {
    process::ImageKey image;
    std::uint64_t time_ns = 0;
    std::uint64_t hash = 0;
    std::uint64_t partial_hash = 0;
    unwind::Registers registers = {};
    std::uint64_t stack_pointer = 0;
    bool in_syscall = false;
    std::vector<std::byte> below = {};  // up to the stack pointer
    std::vector<std::byte> bytes = {};  // from there on
    std::vector<Hole> holes = {};
    unsigned records = 1;
    bool last_is_full = false;
    bool has_waited = false;
    unwind::WalkedStack walked = {};
    bool wants_rows = true;
    bool read(std::uint64_t address, std::span<std::byte> to) const;
    void add_holes(std::uint64_t offset, std::uint32_t missing);
    [[nodiscard]] bool may_get_more() const {
      return last_is_full && records < COPY_RECORDS;
    }
    [[nodiscard]] std::size_t memory() const {
      return sizeof(Copy) + below.size() + bytes.size();
    }
  };
  using Images = std::unordered_map<process::ImageKey, unwind::Spaces::Lent,
                                    process::ImageKeyHash>;
  std::vector<Copy> take(std::uint64_t until_ns, bool all);
  Status walk_by_rows(std::vector<Copy>& copies);
  std::set<std::uint32_t> walk_waiting(std::vector<Copy>& copies,
                                       const Images& images);
  Result<bool> get_rows(const std::set<std::uint32_t>& wanted);
  static bool is_beyond_rows(const Copy& copy);
  unwind::WalkedStack walk_fully(const Copy& copy);

  process::Table& table_;
  unwind::FullWalk full_;
  unwind::Loader* loader_ = nullptr;
  bool frame_pointers_ = true;
  std::uint64_t wait_ns_ = 0;
  std::vector<Copy> copies_;
  std::size_t bytes_ = 0;
};

}  // namespace sightline::stack
