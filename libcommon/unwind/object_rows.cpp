// SPDX-License-Identifier: Apache-2.0
#include "unwind/object_rows.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "symbol/vdso.h"

namespace sightline::unwind {
namespace {

// In the thread's hands.
constexpr std::size_t most_jobs = 8;

// Files that are read while somebody waits: some 50 ms.
constexpr off_t most_bytes_now = 64 << 20;

// With less time than this they are left to the thread.
constexpr std::uint64_t for_large_ns = ns_per_second;

bool is_large(const BuildJob& job) {
  struct stat file{};
  return ::fstat(job.file.get(), &file) == 0 && file.st_size > most_bytes_now;
}

}  // namespace

Result<ObjectRows> ObjectRows::open(Store& store, process::Objects& objects) {
  ObjectRows rows(store, objects, SL_TRY(Builder::open()));
  SL_CHECK(rows.add_fixed());
  SL_CHECK(rows.add_vdso());
  return rows;
}

// A new store has room for these.
Status ObjectRows::add_fixed() {
  generated_code_ = store_->add_object(UNWIND_GENERATED).value_or(0);
  no_room_ = store_->add_object(UNWIND_LEFT_OUT).value_or(0);
  return {};
}

Status ObjectRows::add_vdso() {
  vdso_ = store_->add_object(UNWIND_PENDING).value_or(no_room_);
  auto image = symbol::open_vdso();
  if (!image) return store_->set_state(vdso_, UNWIND_NO_INFORMATION);
  SL_CHECK(store_->publish(vdso_, build_rows(*image)));
  return {};
}

std::optional<std::uint32_t> ObjectRows::known(process::ObjectId id) const {
  if (id == process::vdso_object) return vdso_;
  if (id < process::first_file_object) return generated_code_;
  if (objects_->is_generated(id)) return generated_code_;
  auto at = by_object_.find(id);
  if (at == by_object_.end()) return std::nullopt;
  return at->second;
}

Result<std::uint32_t> ObjectRows::use(process::ObjectId id) {
  auto found = known(id);
  auto slot = found ? *found : SL_TRY(add(id));
  auto at = slots_.find(slot);
  if (at != slots_.end()) ++at->second.uses;
  return slot;
}

Result<std::uint32_t> ObjectRows::add(process::ObjectId id) {
  auto slot = store_->add_object(UNWIND_PENDING);
  if (!slot) {
    ++summary_.left_out;
    return no_room_;
  }
  slots_[*slot] = {.object = id};
  by_object_[id] = *slot;
  wanted_.push_back(id);
  return *slot;
}

void ObjectRows::release(std::uint32_t slot) {
  auto at = slots_.find(slot);
  if (at == slots_.end() || --at->second.uses > 0) return;
  at->second.unused_since_ns = monotonic_ns();
}

std::optional<BuildJob> ObjectRows::job_for(process::ObjectId id) {
  auto opened = objects_->open(id);
  BuildJob job{.object = id, .path = objects_->file(id).path};
  // Without a descriptor left there may be one later.
  job.file = opened.take();
  bool none_left = opened.reason == symbol::Reason::too_many_files;
  if (none_left || (opened.fd >= 0 && !job.file)) return std::nullopt;
  if (opened.root >= 0) {
    job.root.reset(::fcntl(opened.root, F_DUPFD_CLOEXEC, 0));
  }
  return job;
}

// Passes over what nobody uses any more.
std::optional<BuildJob> ObjectRows::next_job() {
  while (!wanted_.empty()) {
    auto id = wanted_.front();
    wanted_.pop_front();
    if (!by_object_.contains(id)) continue;
    auto job = job_for(id);
    if (!job) wanted_.push_front(id);
    return job;
  }
  return std::nullopt;
}

Status ObjectRows::build_waiting(std::uint64_t deadline_ns) {
  std::vector<process::ObjectId> later;
  for (auto now = monotonic_ns(); now < deadline_ns; now = monotonic_ns()) {
    auto job = next_job();
    if (!job) break;
    if (deadline_ns - now < for_large_ns && is_large(*job)) {
      later.push_back(job->object);
    } else {
      SL_CHECK(publish(build(std::move(*job))));
    }
  }
  wanted_.insert(wanted_.begin(), later.begin(), later.end());
  return {};
}

Status ObjectRows::advance() {
  for (const auto& built : builder_.take()) SL_CHECK(publish(built));
  // Each holds its file open.
  while (builder_.waiting() < most_jobs) {
    auto job = next_job();
    if (!job) return {};
    builder_.add(std::move(*job));
  }
  return {};
}

void ObjectRows::hurry(std::uint32_t slot) {
  auto at = slots_.find(slot);
  if (at == slots_.end()) return;
  auto id = at->second.object;
  auto waits = std::ranges::find(wanted_, id);
  if (waits == wanted_.end()) {
    builder_.hurry(id);
  } else {
    wanted_.erase(waits);
    wanted_.push_front(id);
  }
}

std::optional<BuildJob> ObjectRows::take_job(process::ObjectId id) {
  auto waits = std::ranges::find(wanted_, id);
  if (waits == wanted_.end()) return builder_.take_back(id);
  auto job = job_for(id);
  if (job) wanted_.erase(waits);
  return job;
}

Result<bool> ObjectRows::build_now(std::uint32_t slot) {
  auto at = slots_.find(slot);
  if (at == slots_.end() || at->second.state != UNWIND_PENDING) return false;
  auto job = take_job(at->second.object);
  if (!job) return false;
  if (is_large(*job)) {
    builder_.add(std::move(*job));
    builder_.hurry(at->second.object);
    return false;
  }
  SL_CHECK(publish(build(std::move(*job))));
  return true;
}

Status ObjectRows::publish(const Built& built) {
  auto at = by_object_.find(built.object);
  if (at == by_object_.end()) return {};
  auto& slot = slots_[at->second];
  const auto& rows = built.rows;
  summary_.build_cpu_ns += built.cpu_ns;
  if (rows.functions > 0) {
    bool fits = SL_TRY(store_->publish(at->second, rows));
    slot.state = fits ? UNWIND_LOADED : UNWIND_LEFT_OUT;
    slot.words = fits ? 0 : Store::words_of(rows);
    if (!fits) left_out_.emplace(objects_->name(built.object));
    (fits ? summary_.objects : summary_.left_out) += 1;
    summary_.functions += fits ? rows.functions : 0;
    summary_.rows += fits ? rows.rows.size() : 0;
    summary_.unsupported += fits ? rows.unsupported : 0;
    return {};
  }
  // A program without a word about its frames may have frame pointers; of one
  // that cannot be read nothing is known.
  bool readable = rows.reason == symbol::Reason::no_unwind_info;
  slot.state = readable ? UNWIND_FRAME_POINTERS : UNWIND_NO_INFORMATION;
  summary_.unreadable += readable ? 0 : 1;
  return store_->set_state(at->second, slot.state);
}

Status ObjectRows::drop_unused(std::uint64_t now_ns) {
  if (rounds_until_room_ > 0) {
    --rounds_until_room_;
    if (rounds_until_room_ == 0) SL_CHECK(ask_again());
  }
  for (auto at = slots_.begin(); at != slots_.end();) {
    const auto& slot = at->second;
    // What is built now must come back to its own number.
    if (slot.uses > 0 || slot.state == UNWIND_PENDING ||
        slot.unused_since_ns + keep_ns > now_ns) {
      ++at;
      continue;
    }
    // The store has the room after as many grace periods.
    if (slot.state == UNWIND_LOADED) rounds_until_room_ = 2;
    by_object_.erase(slot.object);
    SL_CHECK(store_->remove_object(at->first));
    at = slots_.erase(at);
  }
  return {};
}

// What had no room may have it now. To make the rows of all of them, again and
// again, for nothing would cost more than they are worth.
Status ObjectRows::ask_again() {
  auto room = store_->free_words();
  for (auto& [number, slot] : slots_) {
    if (slot.state != UNWIND_LEFT_OUT || slot.words > room) continue;
    room -= slot.words;
    slot.state = UNWIND_PENDING;
    SL_CHECK(store_->set_state(number, UNWIND_PENDING));
    wanted_.push_back(slot.object);
    --summary_.left_out;
  }
  return {};
}

void ObjectRows::mark_objects(std::vector<bool>& live) const {
  for (const auto& [id, slot] : by_object_) live[id] = true;
}

LoadSummary ObjectRows::summary() const {
  auto summary = summary_;
  summary.waiting = waiting();
  return summary;
}

}  // namespace sightline::unwind
