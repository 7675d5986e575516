// SPDX-License-Identifier: Apache-2.0
#include "unwind/builder.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>
#include <optional>
#include <system_error>
#include <utility>

#include "symbol/debug_files.h"

namespace sightline::unwind {
namespace {

std::uint64_t thread_cpu_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

Rows rows_of(const symbol::ElfFile& file, const BuildJob& job,
             const RowLimits& limits) {
  auto rows = build_rows(file, nullptr, limits);
  if (rows.functions > 0) return rows;
  auto debug =
      symbol::find_debug_file(file, {.root = job.root.get(), .path = job.path});
  if (!debug) return rows;
  auto opened = symbol::ElfFile::open(std::move(debug->fd));
  return opened ? build_rows(file, &*opened, limits) : rows;
}

}  // namespace

Built build(BuildJob job, const RowLimits& limits) {
  auto start = thread_cpu_ns();
  Built built{.object = job.object};
  auto file = symbol::ElfFile::open(std::move(job.file));
  if (file) {
    built.rows = rows_of(*file, job, limits);
  } else {
    built.rows.reason = file.error();
  }
  built.cpu_ns = thread_cpu_ns() - start;
  return built;
}

Result<Builder> Builder::open() {
  UniqueFd ready(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!ready) return fail_errno("cannot make an eventfd");
  return Builder(std::make_unique<Shared>(std::move(ready)));
}

Builder::~Builder() {
  if (!shared_ || !thread_.joinable()) return;
  {
    std::lock_guard lock(shared_->mutex);
    shared_->ends = true;
    shared_->jobs.clear();
  }
  shared_->changed.notify_one();
  thread_.join();
}

void Builder::add(BuildJob job) {
  ++waiting_;
  if (!start()) {
    shared_->done.push_back(build(std::move(job)));
    wake();
    return;
  }
  {
    std::lock_guard lock(shared_->mutex);
    shared_->jobs.push_back(std::move(job));
  }
  shared_->changed.notify_one();
}

// A thread inherits the mask of who starts it.
bool Builder::start() {
  if (thread_.joinable()) return true;
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = true;
  try {
    thread_ = std::thread([shared = shared_.get()] { work(*shared); });
  } catch (const std::system_error&) {
    started = false;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

std::vector<Built> Builder::take() {
  std::uint64_t count = 0;
  [[maybe_unused]] auto drained =
      ::read(shared_->ready.get(), &count, sizeof(count));
  std::lock_guard lock(shared_->mutex);
  auto done = std::exchange(shared_->done, {});
  waiting_ -= done.size();
  return done;
}

void Builder::hurry(process::ObjectId object) {
  std::lock_guard lock(shared_->mutex);
  auto& jobs = shared_->jobs;
  auto at = std::ranges::find(jobs, object, &BuildJob::object);
  if (at != jobs.end()) std::rotate(jobs.begin(), at, std::next(at));
}

std::optional<BuildJob> Builder::take_back(process::ObjectId object) {
  std::lock_guard lock(shared_->mutex);
  auto& jobs = shared_->jobs;
  auto at = std::ranges::find(jobs, object, &BuildJob::object);
  if (at == jobs.end()) return std::nullopt;
  auto job = std::move(*at);
  jobs.erase(at);
  --waiting_;
  return job;
}

bool Builder::wait(std::uint64_t deadline_ns) {
  if (waiting_ == 0) return false;
  const std::chrono::steady_clock::time_point deadline{
      std::chrono::nanoseconds(deadline_ns)};
  std::unique_lock lock(shared_->mutex);
  return shared_->finished.wait_until(
      lock, deadline, [this] { return !shared_->done.empty(); });
}

void Builder::work(Shared& shared) {
  std::unique_lock lock(shared.mutex);
  while (true) {
    shared.changed.wait(lock,
                        [&] { return shared.ends || !shared.jobs.empty(); });
    if (shared.ends) return;
    auto job = std::move(shared.jobs.front());
    shared.jobs.pop_front();
    lock.unlock();
    auto built = build(std::move(job), {.abandoned = &shared.ends});
    lock.lock();
    shared.done.push_back(std::move(built));
    ::eventfd_write(shared.ready.get(), 1);
    shared.finished.notify_one();
  }
}

}  // namespace sightline::unwind
