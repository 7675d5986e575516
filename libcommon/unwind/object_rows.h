// SPDX-License-Identifier: Apache-2.0
// Which objects have rows in the kernel half's store, and which are waited
// for. One object stands for one file however many processes map it; its rows
// leave a while after the last of them.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/units.h"
#include "process/objects.h"
#include "unwind/builder.h"
#include "unwind/store.h"

namespace sightline::unwind {

// What was loaded since the start.
struct LoadSummary {
  std::uint64_t objects = 0;  // whose rows were made
  std::uint64_t functions = 0;
  std::uint64_t rows = 0;
  std::uint64_t unsupported = 0;  // rows that rules cannot express
  std::uint64_t unreadable = 0;   // files that could not be read
  std::uint64_t left_out = 0;     // objects for which there was no room
  std::uint64_t waiting = 0;
  std::uint64_t build_cpu_ns = 0;
};

// Not thread-safe. `store` and `objects` must outlive it.
class ObjectRows {
 public:
  static Result<ObjectRows> open(Store& store, process::Objects& objects);

  // The store's object for what is mapped. A file that is met for the first
  // time is pending, and its rows are asked for. The object is used until
  // release(), once for each call.
  Result<std::uint32_t> use(process::ObjectId id);
  void release(std::uint32_t slot);

  // Makes rows of what waits, the first asked for first, here and now, until
  // `deadline_ns` (CLOCK_MONOTONIC); one that was begun is finished. Large
  // files only with a second to go.
  Status build_waiting(std::uint64_t deadline_ns);

  // Publishes what the thread has made, and gives it what waits.
  Status advance();

  // Takes away what nobody has used for a while. To be called after each grace
  // period of the store.
  Status drop_unused(std::uint64_t now_ns = monotonic_ns());

  // Marks the objects that this refers to by id: they must not be forgotten.
  void mark_objects(std::vector<bool>& live) const;

  // Readable when advance() has something to do, or after wake().
  [[nodiscard]] int fd() const { return builder_.fd(); }
  void wake() { builder_.wake(); }

  // Objects whose rows are not made yet.
  [[nodiscard]] std::size_t waiting() const {
    return wanted_.size() + builder_.waiting();
  }

  // Somebody waits for this one: it is made next.
  void hurry(std::uint32_t slot);

  // The same, here and now: the thread may be at something that takes seconds.
  // False when it is at this one, it is large itself, or it is made.
  Result<bool> build_now(std::uint32_t slot);

  // Waits for the thread to have made rows: false when it has none to make, or
  // not before `deadline_ns` (CLOCK_MONOTONIC).
  bool wait(std::uint64_t deadline_ns) { return builder_.wait(deadline_ns); }
  [[nodiscard]] LoadSummary summary() const;
  // The names of files for which there was no room at some time.
  [[nodiscard]] const std::set<std::string, std::less<>>& left_out() const {
    return left_out_;
  }

  // How long rows stay that nobody uses.
  static constexpr std::uint64_t keep_ns = 30 * ns_per_second;

 private:
  struct Slot {
    process::ObjectId object = process::no_object;
    unwind_object_state state = UNWIND_PENDING;
    std::uint32_t uses = 0;
    std::uint64_t unused_since_ns = 0;
    std::uint64_t words = 0;  // that there was no room for
  };

  ObjectRows(Store& store, process::Objects& objects, Builder builder)
      : store_(&store), objects_(&objects), builder_(std::move(builder)) {}
  Status add_fixed();
  Status add_vdso();
  Result<std::uint32_t> add(process::ObjectId id);
  [[nodiscard]] std::optional<std::uint32_t> known(process::ObjectId id) const;
  std::optional<BuildJob> next_job();
  std::optional<BuildJob> take_job(process::ObjectId id);
  std::optional<BuildJob> job_for(process::ObjectId id);
  Status publish(const Built& built);
  Status ask_again();

  Store* store_;
  process::Objects* objects_;
  Builder builder_;
  std::unordered_map<std::uint32_t, Slot> slots_;
  std::unordered_map<process::ObjectId, std::uint32_t> by_object_;
  unsigned rounds_until_room_ = 0;        // 0: none has been given back
  std::deque<process::ObjectId> wanted_;  // not given to the thread yet
  std::uint32_t generated_code_ = 0;      // fixed objects
  std::uint32_t no_room_ = 0;
  std::uint32_t vdso_ = 0;
  LoadSummary summary_;
  std::set<std::string, std::less<>> left_out_;
};

}  // namespace sightline::unwind
