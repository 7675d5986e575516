// SPDX-License-Identifier: Apache-2.0
// Keeps the kernel half's tables what the machine is: rows of what is mapped,
// mappings of what runs. Before the start for what runs already, then from what
// the side-band tells.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "process/table.h"
#include "unwind/object_rows.h"
#include "unwind/spaces.h"
#include "unwind/store.h"

namespace sightline::unwind {

// Not thread-safe. On the heap, because its parts refer to one another.
class Loader {
 public:
  static Result<std::unique_ptr<Loader>> open(Store store,
                                              process::Table& table,
                                              process::Objects& objects);

  // Chosen processes: all their rows are in place when it returns, except for
  // what takes longer than until `deadline_ns` (CLOCK_MONOTONIC), which is
  // loaded while the tool runs. Takes longer than that by one object.
  Status load(std::span<const std::uint32_t> pids, std::uint64_t deadline_ns);

  // A program that is to be executed, by its path: its file's rows and those of
  // the libraries that it needs are in place when it returns, and are kept for
  // a while. The deadline as above. Returns the names of what was found.
  Result<std::vector<std::string>> load_program(const std::string& path,
                                                std::uint64_t deadline_ns);

  // What runs now, busiest first. Whatever is not in place at `deadline_ns`
  // (CLOCK_MONOTONIC) is loaded while the tool runs. Takes longer than that by
  // one object.
  Status load_all(std::uint64_t deadline_ns);

  // Done again and again while they take their time, for what must not wait.
  void meanwhile(std::function<void()> task) { meanwhile_ = std::move(task); }

  Spaces& spaces() { return *spaces_; }

  // Publishes what happened up to `applied_ns`, and rows that were made
  // meanwhile. False when something waits for a later time.
  Result<bool> advance(std::uint64_t applied_ns);

  // Publishes rows that were made meanwhile, and has those made that were asked
  // for.
  Status advance_rows();

  // Somebody waits for these rows: they are made next, or here and now, which
  // is false when that could not be.
  void hurry(std::uint32_t object) { rows_->hurry(object); }
  Result<bool> build_now(std::uint32_t object) {
    return rows_->build_now(object);
  }

  // Waits until some have been made, and publishes them. False when none were
  // waited for, or none came before `deadline_ns`.
  Result<bool> wait_for_rows(std::uint64_t deadline_ns);

  // Every program that ran at the last call has ended.
  Status grace_period_passed();

  // Readable when advance() has something to do.
  [[nodiscard]] int fd() const { return rows_->fd(); }

  void mark_objects(std::vector<bool>& live) const {
    rows_->mark_objects(live);
  }

  [[nodiscard]] LoadSummary summary() const { return rows_->summary(); }
  [[nodiscard]] const auto& left_out() const { return rows_->left_out(); }
  [[nodiscard]] Store::Use use() const { return store_.use(); }
  [[nodiscard]] const Store& store() const { return store_; }

 private:
  Loader(Store store, process::Table& table, process::Objects& objects)
      : store_(std::move(store)), table_(table), objects_(objects) {}

  Status visit_until(std::uint64_t deadline_ns);
  Status visit_next(std::uint64_t applied_ns);
  Status visit_more(std::uint64_t applied_ns);

  Store store_;
  process::Table& table_;
  process::Objects& objects_;
  std::optional<ObjectRows> rows_;
  std::optional<Spaces> spaces_;
  std::deque<std::uint32_t> unvisited_;  // processes that ran at the start
  std::function<void()> meanwhile_;
};

}  // namespace sightline::unwind
