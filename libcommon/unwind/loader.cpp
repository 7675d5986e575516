// SPDX-License-Identifier: Apache-2.0
#include "unwind/loader.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/units.h"
#include "process/proc.h"
#include "unwind/program_files.h"

namespace sightline::unwind {
namespace {

constexpr std::uint64_t visit_ns = 5 * ns_per_ms;

struct Running {
  std::uint32_t pid;
  double busy;  // CPU time for its age
};

// Half of the time until the deadline is enough to look for them; those that
// there was no time to look at come last.
std::vector<Running> running_processes(std::uint64_t deadline_ns) {
  std::vector<Running> found;
  const auto begun = monotonic_ns();
  const auto until = begun + (deadline_ns - std::min(deadline_ns, begun)) / 2;
  auto pids = process::list_processes();
  if (!pids) return found;
  auto now = static_cast<double>(process::start_ticks_of(boottime_ns()));
  for (auto pid : *pids) {
    if (monotonic_ns() > until) {
      found.push_back({pid, -1});
      continue;
    }
    auto stat = process::read_stat(pid);
    if (!stat || stat->kernel_thread) continue;
    auto age = now - static_cast<double>(stat->start_ticks) + 1;
    found.push_back({pid, static_cast<double>(stat->cpu_ticks) / age});
  }
  std::ranges::stable_sort(found, std::greater{}, &Running::busy);
  return found;
}

}  // namespace

Result<std::unique_ptr<Loader>> Loader::open(Store store, process::Table& table,
                                             process::Objects& objects) {
  std::unique_ptr<Loader> loader(new Loader(std::move(store), table, objects));
  loader->rows_.emplace(SL_TRY(ObjectRows::open(loader->store_, objects)));
  loader->spaces_.emplace(loader->store_, *loader->rows_, table, objects);
  return loader;
}

Status Loader::load(std::span<const std::uint32_t> pids,
                    std::uint64_t deadline_ns) {
  unvisited_.assign(pids.begin(), pids.end());
  return visit_until(deadline_ns);
}

Result<std::vector<std::string>> Loader::load_program(
    const std::string& path, std::uint64_t deadline_ns) {
  std::vector<std::string> names;
  for (auto& file : open_program_files(path)) {
    auto object = objects_.intern_file(std::move(file));
    if (object == process::no_object) continue;
    names.emplace_back(objects_.name(object));
    // Rows outlive their last user by half a minute; it will map them before.
    rows_->release(SL_TRY(rows_->use(object)));
  }
  SL_CHECK(rows_->build_waiting(deadline_ns));
  return names;
}

Status Loader::load_all(std::uint64_t deadline_ns) {
  for (const auto& process : running_processes(deadline_ns)) {
    unvisited_.push_back(process.pid);
  }
  return visit_until(deadline_ns);
}

Status Loader::visit_until(std::uint64_t deadline_ns) {
  while (!unvisited_.empty() && monotonic_ns() < deadline_ns) {
    SL_CHECK(visit_next(UINT64_MAX));
    SL_CHECK(rows_->build_waiting(deadline_ns));
    if (meanwhile_) meanwhile_();
  }
  return {};
}

Status Loader::visit_next(std::uint64_t applied_ns) {
  auto pid = unvisited_.front();
  unvisited_.pop_front();
  table_.preload(pid);
  spaces_->follow(pid);
  SL_CHECK(spaces_->publish(applied_ns));
  return {};
}

// A little at a time, for the rings have to be read.
Status Loader::visit_more(std::uint64_t applied_ns) {
  auto until = monotonic_ns() + visit_ns;
  while (!unvisited_.empty() && monotonic_ns() < until) {
    SL_CHECK(visit_next(applied_ns));
  }
  if (!unvisited_.empty()) rows_->wake();
  return {};
}

Result<bool> Loader::advance(std::uint64_t applied_ns) {
  bool all = SL_TRY(spaces_->publish(applied_ns));
  SL_CHECK(visit_more(applied_ns));
  SL_CHECK(rows_->advance());
  return all;
}

Status Loader::advance_rows() {
  SL_CHECK(rows_->advance());
  // It has taken the wish of visit_more() away.
  if (!unvisited_.empty()) rows_->wake();
  return {};
}

Result<bool> Loader::wait_for_rows(std::uint64_t deadline_ns) {
  if (!rows_->wait(deadline_ns)) return false;
  SL_CHECK(advance_rows());
  return true;
}

Status Loader::grace_period_passed() {
  store_.grace_period_passed();
  spaces_->forget();
  return rows_->drop_unused();
}

}  // namespace sightline::unwind
