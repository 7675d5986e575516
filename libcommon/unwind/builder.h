// SPDX-License-Identifier: Apache-2.0
// Makes rows in a thread of its own: a large program takes hundreds of
// milliseconds, in which the rings must be read all the same.
#pragma once

#include <sys/eventfd.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/handle.h"
#include "process/objects.h"
#include "unwind/rows.h"

namespace sightline::unwind {

// A file whose rows are wanted. The descriptors are the job's own.
struct BuildJob {
  process::ObjectId object = process::no_object;
  UniqueFd file = {};
  UniqueFd root = {};     // where `path` leads to it; none: our own root
  std::string path = {};  // debug files are looked for beside it
};

struct Built {
  process::ObjectId object = process::no_object;
  Rows rows = {};
  std::uint64_t cpu_ns = 0;
};

// Makes the rows of a job here and now. Where the program has no call frame
// information itself, its separate debug file is asked.
Built build(BuildJob job, const RowLimits& limits = {});

// All members are to be called from one thread.
class Builder {
 public:
  static Result<Builder> open();

  Builder(Builder&& other) = default;
  Builder& operator=(Builder&& other) = default;
  ~Builder();

  // The thread is started by the first job, so that it has no more capabilities
  // than whoever asks. It takes no signals. Where no thread can be had (a limit
  // on tasks), the job is done here and now.
  void add(BuildJob job);

  // This one next, if it has not been begun.
  void hurry(process::ObjectId object);

  // Gives it back, if it has not been begun, to whoever makes it himself.
  std::optional<BuildJob> take_back(process::ObjectId object);

  // What is done, oldest first; the jobs that are not are in waiting().
  std::vector<Built> take();
  [[nodiscard]] std::size_t waiting() const { return waiting_; }

  // Waits until there is something to take. False when nothing is being made,
  // or nothing was ready at `deadline_ns` (CLOCK_MONOTONIC).
  bool wait(std::uint64_t deadline_ns);

  // Readable (EPOLLIN) when there is something to take, or after wake().
  [[nodiscard]] int fd() const { return shared_->ready.get(); }
  void wake() { ::eventfd_write(shared_->ready.get(), 1); }

 private:
  struct Shared {
    UniqueFd ready;  // eventfd
    std::mutex mutex = {};
    std::condition_variable changed = {};   // jobs
    std::condition_variable finished = {};  // one of them
    std::deque<BuildJob> jobs = {};
    std::vector<Built> done = {};
    std::atomic<bool> ends = false;
  };
  explicit Builder(std::unique_ptr<Shared> shared)
      : shared_(std::move(shared)) {}
  bool start();
  static void work(Shared& shared);

  std::unique_ptr<Shared> shared_;
  std::thread thread_;
  std::size_t waiting_ = 0;
};

}  // namespace sightline::unwind
