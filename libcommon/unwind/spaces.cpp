// SPDX-License-Identifier: Apache-2.0
#include "unwind/spaces.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "base/units.h"
#include "process/proc.h"

namespace sightline::unwind {
namespace {

constexpr std::uint64_t page_bytes = 4096;

// Of one process, those that were replaced lately among them.
constexpr std::size_t most_held = 8;

// The legacy vsyscall page and everything else of the kernel's half.
constexpr std::uint64_t end_of_user = 1ULL << 63;

// Rounds of forget() after which also those are asked for whose end nobody has
// told.
constexpr std::uint32_t rounds_between_sweeps = 20;

unwind_mapping make_mapping(const process::Mapping& from, std::uint32_t slot) {
  return {.start = from.start,
          .bias = from.start - from.file_offset,
          .length = static_cast<__u32>((from.end - from.start) / page_bytes),
          .object = slot};
}

// Runtimes map their code in many small pieces, of which each is unwound in the
// same way.
bool continues(const unwind_mapping& before, const unwind_mapping& next,
               bool over_gaps) {
  bool touches = before.start + before.length * page_bytes == next.start;
  bool gap_is_nothing = over_gaps && before.bias == 0;  // generated code
  return before.object == next.object && before.bias == next.bias &&
         (touches || gap_is_nothing);
}

void extend(unwind_mapping& mapping, const unwind_mapping& by) {
  mapping.length =
      static_cast<__u32>((by.start - mapping.start) / page_bytes) + by.length;
}

bool same(const std::vector<unwind_mapping>& a,
          const std::vector<unwind_mapping>& b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), a.size() * sizeof(a[0])) == 0;
}

}  // namespace

Spaces::Published::~Published() {
  spaces.store_.release(extent);
  for (auto slot : slots) spaces.rows_.release(slot);
}

Spaces::Lent::~Lent() {
  for (auto slot : slots_) rows_->release(slot);
}

std::span<const unwind_mapping> Spaces::published(std::uint32_t pid) const {
  auto at = processes_.find(pid);
  if (at == processes_.end() || at->second.held.empty()) return {};
  return at->second.held.back().published->mappings;
}

Result<Spaces::Lent> Spaces::lend(const process::ImageKey& image) {
  Lent lent(rows_);
  auto now = table_.current(image);
  if (now.space == nullptr) return lent;
  lent.mappings_ = SL_TRY(mappings_of(image.pid, now, lent.slots_));
  return lent;
}

// The kernel half has given the child what the parent had then: what it has
// now, or what it had a moment ago.
void Spaces::on_fork(std::uint32_t pid, std::uint32_t parent,
                     std::uint64_t time_ns) {
  auto from = processes_.find(parent);
  if (from == processes_.end()) return;
  auto held = from->second.held;
  auto& child = processes_[pid];
  // It may have been met already: the record is a little late.
  if (child.seen_ns <= time_ns) child = {};
  child.held = std::move(held);
}

void Spaces::on_exec(std::uint32_t pid, std::uint64_t time_ns) {
  auto at = processes_.find(pid);
  if (at == processes_.end()) return;
  auto& process = at->second;
  process.held.clear();
  if (process.seen_ns > time_ns) return;  // the new image was met already
  process.replaced = true;
  // What was published after the exec was the old image's.
  if (process.published_ns > time_ns) store_.erase_space(pid);
}

void Spaces::on_map(std::uint32_t pid) {
  auto at = processes_.find(pid);
  if (at == processes_.end() || std::exchange(at->second.changed, true)) return;
  changed_.push_back(pid);
}

void Spaces::on_exit(std::uint32_t pid) {
  auto at = processes_.find(pid);
  if (at != processes_.end()) at->second.ended = true;
}

void Spaces::follow(std::uint32_t pid) {
  auto& process = processes_[pid];
  if (!std::exchange(process.changed, true)) changed_.push_back(pid);
}

void Spaces::follow(const process::ImageSeen& seen) {
  if (seen.kernel_thread || seen.key.pid == 0) return;
  follow(seen.key.pid);
  auto& process = processes_[seen.key.pid];
  process.start_ns = seen.key.start_ns;
  process.exec_id = seen.key.exec_id;
  process.seen_ns = seen.time_ns;
  process.replaced = false;
  process.ended = false;
}

Result<bool> Spaces::publish(std::uint64_t applied_ns) {
  auto pids = std::exchange(changed_, {});
  for (auto pid : pids) {
    auto at = processes_.find(pid);
    if (at == processes_.end()) continue;
    if (at->second.seen_ns > applied_ns) {
      changed_.push_back(pid);
      continue;
    }
    at->second.changed = false;
    SL_CHECK(publish(pid, at->second));
  }
  return changed_.empty();
}

unwind_space Spaces::space_for(const Process& process) {
  const auto& extent = process.held.back().published->extent;
  return {.start_ns = process.start_ns,
          .exec_id = process.exec_id,
          .any_image = process.start_ns == 0,
          .word = extent.word,
          .count = extent.words / UNWIND_MAPPING_WORDS,
          .era = 0,  // this and the next: the store's
          .pid = 0};
}

// What an exec has mapped is published when it is known which image that is.
Status Spaces::publish(std::uint32_t pid, Process& process) {
  if (process.replaced) return {};
  const process::ImageKey key{pid, process.exec_id, process.start_ns};
  auto now = key.start_ns == 0 ? table_.current(pid) : table_.current(key);
  if (now.space == nullptr) return {};
  std::vector<std::uint32_t> slots;
  auto mappings = SL_TRY(mappings_of(pid, now, slots));
  bool known = !process.held.empty() &&
               same(process.held.back().published->mappings, mappings);
  bool fits = known || SL_TRY(replace(process, std::move(mappings), slots));
  for (auto slot : slots) rows_.release(slot);
  if (!fits) {
    store_.erase_space(pid);
    return {};
  }
  process.published_ns = monotonic_ns();
  return store_.put_space(pid, space_for(process));
}

// Takes the slots over, unless there is no room, or nothing mapped: false.
Result<bool> Spaces::replace(Process& process,
                             std::vector<unwind_mapping> mappings,
                             std::vector<std::uint32_t>& slots) {
  if (mappings.empty()) return false;
  auto extent = SL_TRY(store_.add_mappings(mappings));
  if (!extent) return false;
  auto published = std::make_shared<Published>(*this, *extent);
  published->slots = std::exchange(slots, {});
  published->mappings = std::move(mappings);
  auto& held = process.held;
  if (!held.empty()) held.back().replaced_ns = monotonic_ns();
  // Of a process that changes all the time the oldest are let go: they are not
  // used again before two grace periods have passed.
  if (held.size() == most_held) held.erase(held.begin());
  held.push_back({std::move(published)});
  return true;
}

Result<std::vector<unwind_mapping>> Spaces::mappings_of(
    std::uint32_t pid, const process::Table::Current& now,
    std::vector<std::uint32_t>& slots) {
  std::vector<unwind_mapping> mappings;
  // Too many pieces of generated code are one, from the first to the last that
  // no file lies between.
  bool merge = now.space->mappings().size() > UNWIND_MAX_MAPPINGS;
  for (const auto& from : now.space->mappings()) {
    if (from.start >= end_of_user) break;
    if (mappings.size() == UNWIND_MAX_MAPPINGS) break;
    objects_.capture(from.object, pid, from.start, from.end, now.root);
    auto mapping = make_mapping(from, SL_TRY(rows_.use(from.object)));
    if (from.object < process::first_file_object &&
        from.object != process::vdso_object) {
      mapping.bias = 0;
    }
    if (!mappings.empty() && continues(mappings.back(), mapping, merge)) {
      extend(mappings.back(), mapping);
      rows_.release(mapping.object);
      continue;
    }
    slots.push_back(mapping.object);
    mappings.push_back(mapping);
  }
  return mappings;
}

// What was replaced stays for one round: who was forked meanwhile may have it.
void Spaces::forget(std::uint64_t now_ns) {
  bool ask_all = ++rounds_ % rounds_between_sweeps == 0;
  std::erase_if(processes_, [&](const auto& entry) {
    return (entry.second.ended || ask_all) && process::is_gone(entry.first);
  });
  for (auto& [pid, process] : processes_) {
    // A child that was never published may run on any of them.
    if (process.published_ns == 0) continue;
    std::erase_if(process.held, [&](const Held& held) {
      return held.replaced_ns != 0 && held.replaced_ns + ns_per_second < now_ns;
    });
  }
}

}  // namespace sightline::unwind
