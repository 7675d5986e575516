// SPDX-License-Identifier: Apache-2.0
// Which mappings each process has, as the kernel half's walk sees them. The
// kernel half itself copies them at a fork and drops them at an exec and at the
// end of a process (bpf/include/unwind.h); what is published here follows what
// the process table knows.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "process/table.h"
#include "unwind/object_rows.h"
#include "unwind/store.h"

namespace sightline::unwind {

// Not thread-safe. What it refers to must outlive it.
class Spaces {
 public:
  Spaces(Store& store, ObjectRows& rows, process::Table& table,
         process::Objects& objects)
      : store_(store), rows_(rows), table_(table), objects_(objects) {}
  Spaces(const Spaces&) = delete;
  Spaces& operator=(const Spaces&) = delete;

  // Side-band records, in the order of their time. After a loss a process is
  // published anew when somebody follows it or says that it maps something.
  void on_fork(std::uint32_t pid, std::uint32_t parent, std::uint64_t time_ns);
  void on_exec(std::uint32_t pid, std::uint64_t time_ns);
  void on_map(std::uint32_t pid);
  void on_exit(std::uint32_t pid);
  void on_lost() { store_.forget_spaces(); }

  // From now on this process's mappings are published. `seen`: the image that
  // the kernel half met; until the side-band has told what happened before it,
  // nothing is published.
  void follow(std::uint32_t pid);
  void follow(const process::ImageSeen& seen);

  // Publishes the mappings that have changed, of what happened up to
  // `applied_ns`. False when something waits for a later time.
  Result<bool> publish(std::uint64_t applied_ns);

  // Gives back what ended processes had. To be called after each grace period
  // of the store.
  void forget(std::uint64_t now_ns = monotonic_ns());

  [[nodiscard]] std::size_t processes() const { return processes_.size(); }

  // What a process has in the store now; empty: nothing was published, or its
  // image has changed since. Valid until anything else is called.
  [[nodiscard]] std::span<const unwind_mapping> published(
      std::uint32_t pid) const;

  // Mappings with the objects that they use, for walks in user space.
  // Move-only; Spaces must outlive it.
  class Lent {
   public:
    explicit Lent(ObjectRows& rows) : rows_(&rows) {}
    Lent(Lent&&) = default;
    Lent& operator=(Lent&&) = delete;
    ~Lent();

    [[nodiscard]] std::span<const unwind_mapping> mappings() const {
      return mappings_;
    }

   private:
    friend class Spaces;
    ObjectRows* rows_;
    std::vector<unwind_mapping> mappings_ = {};
    std::vector<std::uint32_t> slots_ = {};
  };

  // What an image had mapped that was seen, whether it is published or has
  // ended meanwhile. Rows that are missing are asked for. Empty: not known.
  Result<Lent> lend(const process::ImageKey& image);

 private:
  // Mappings in the store, with the objects that they use.
  struct Published {
    Published(Spaces& owner, Extent where) : spaces(owner), extent(where) {}
    Published(const Published&) = delete;
    Published& operator=(const Published&) = delete;
    ~Published();

    Spaces& spaces;
    Extent extent;
    std::vector<std::uint32_t> slots = {};
    std::vector<unwind_mapping> mappings = {};
  };
  struct Held {
    std::shared_ptr<Published> published;
    std::uint64_t replaced_ns = 0;  // by a later one
  };
  struct Process {
    // The last one is the current one. Others may be what a child got that was
    // forked while they were replaced.
    std::vector<Held> held = {};
    std::uint64_t start_ns = 0;  // 0: not known, as exec_id
    std::uint32_t exec_id = 0;
    std::uint64_t seen_ns = 0;  // when that image was met
    std::uint64_t published_ns = 0;
    bool changed = false;
    bool replaced = false;  // by an exec, whose image was not met yet
    bool ended = false;
  };

  Status publish(std::uint32_t pid, Process& process);
  Result<bool> replace(Process& process, std::vector<unwind_mapping> mappings,
                       std::vector<std::uint32_t>& slots);
  Result<std::vector<unwind_mapping>> mappings_of(
      std::uint32_t pid, const process::Table::Current& now,
      std::vector<std::uint32_t>& slots);
  [[nodiscard]] static unwind_space space_for(const Process& process);

  Store& store_;
  ObjectRows& rows_;
  process::Table& table_;
  process::Objects& objects_;
  std::unordered_map<std::uint32_t, Process> processes_;
  std::vector<std::uint32_t> changed_;
  std::uint32_t rounds_ = 0;
};

}  // namespace sightline::unwind
