// SPDX-License-Identifier: Apache-2.0
#include "stack/collector.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iterator>
#include <thread>
#include <variant>

#include "base/clock.h"
#include "base/units.h"

namespace sightline::stack {
namespace {

using symbol::Reason;

// Stacks kept before the kernel half is made to forget what it sent: about
// 20 bytes a frame.
constexpr std::size_t most_stacks = 200'000;

// For rows of what was mapped lately, at each drain.
constexpr std::uint64_t most_wait_ns = 100 * ns_per_ms;

// Of a profile that goes from interval to interval.
constexpr std::size_t most_frames = 200'000;
constexpr std::size_t most_nodes = 1'000'000;

template <typename T>
T read_as(std::span<const std::byte> bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

std::string text_of(const char (&comm)[SAMPLE_COMM_SIZE]) {
  return {comm, ::strnlen(comm, sizeof(comm))};
}

process::ImageKey image_of(const sample_key& key) {
  return {key.pid, key.exec_id, key.start_ns};
}

process::MapsLine line_of(const perf::MmapRecord& record) {
  return {record.start,
          record.start + record.length,
          record.file_offset,
          {record.device_major, record.device_minor, record.inode, record.path,
           static_cast<std::uint32_t>(record.inode_generation)}};
}

// A stack that is not whole: how its last frame says so, and under what name it
// is counted on each side (LEDGER_COUNT: not here, or it does not happen
// there).
struct Unfinished {
  stack_reason reason;
  Reason shown;
  ledger_index user;
  ledger_index kernel;
};
constexpr Unfinished unfinished[] = {
    {STACK_CUT, Reason::stack_cut, LEDGER_user_stack_cut,
     LEDGER_kernel_stack_cut},
    {STACK_FAILED, Reason::stack_failed, LEDGER_user_stack_failed,
     LEDGER_kernel_stack_failed},
    {STACK_NESTED, Reason::stack_failed, LEDGER_COUNT, LEDGER_COUNT},
    {STACK_GUEST, Reason::guest, LEDGER_COUNT, LEDGER_COUNT},
    {STACK_PENDING, Reason::unwind_pending, LEDGER_user_stack_pending,
     LEDGER_COUNT},
    {STACK_LEFT_OUT, Reason::unwind_left_out, LEDGER_user_stack_left_out,
     LEDGER_COUNT},
    {STACK_NO_ROWS, Reason::no_unwind_info, LEDGER_user_stack_no_rows,
     LEDGER_COUNT},
    {STACK_UNSUPPORTED, Reason::unwind_unsupported,
     LEDGER_user_stack_unsupported, LEDGER_COUNT},
    {STACK_UNREADABLE, Reason::stack_unreadable, LEDGER_user_stack_unreadable,
     LEDGER_COUNT},
    {STACK_NOT_CODE, Reason::stack_not_code, LEDGER_user_stack_not_code,
     LEDGER_COUNT},
};

// 0 and -1: a process that our PID namespace does not show (perf_event_pid,
// kernel/events/core.c).
bool is_outside(std::uint32_t pid) { return pid == 0 || pid == UINT32_MAX; }

// What side-band records mean to the process table.
struct Apply {
  process::Table& table;
  unwind::Spaces* spaces;  // null: nobody asks
  bpf::Ledger& ledger;

  void operator()(const perf::MmapRecord& map) const {
    if (is_outside(map.id.pid)) return;
    table.on_map(map.id.pid, map.id.time_ns, line_of(map));
    if (spaces != nullptr) spaces->on_map(map.id.pid);
  }
  void operator()(const perf::CommRecord& comm) const {
    if (!comm.exec || is_outside(comm.id.pid)) return;
    table.on_exec(comm.id.pid, comm.id.time_ns);
    if (spaces != nullptr) spaces->on_exec(comm.id.pid, comm.id.time_ns);
  }
  void operator()(const perf::ForkRecord& fork) const {
    // A thread shares its process's image.
    if (fork.id.pid == fork.parent_pid || is_outside(fork.id.pid)) return;
    table.on_fork(fork.id.pid, fork.parent_pid, fork.id.time_ns);
    if (spaces != nullptr)
      spaces->on_fork(fork.id.pid, fork.parent_pid, fork.id.time_ns);
  }
  void operator()(const perf::ExitRecord& exit) const {
    if (is_outside(exit.id.pid) || exit.id.pid != exit.id.tid) return;
    table.on_exit(exit.id.pid, exit.id.time_ns);
    if (spaces != nullptr) spaces->on_exit(exit.id.pid);
  }
  void operator()(const perf::LostRecord& lost) const {
    ledger[LEDGER_sideband_lost] += lost.count;
    table.on_lost(lost.id.time_ns);
  }
  void operator()(const perf::ThrottleRecord&) const {}
};

}  // namespace

Collector::Collector(const SampleMaps& maps, perf::Sideband sideband)
    : maps_(maps),
      sideband_(std::move(sideband)),
      counts_({maps.live_counts,
               {maps.counts[0], maps.counts[1]},
               sizeof(sample_key),
               sizeof(sample_value)}),
      processes_(objects_),
      generated_(processes_, objects_),
      copies_(processes_, objects_),
      epoch_start_ns_(monotonic_ns()) {}

Result<std::unique_ptr<Collector>> Collector::open(const SampleMaps& maps,
                                                   perf::Sideband sideband) {
  std::unique_ptr<Collector> collector(
      new Collector(maps, std::move(sideband)));
  collector->ring_ = SL_TRY(bpf::Ring::open(
      maps.ring, [self = collector.get()](std::span<const std::byte> record) {
        self->on_ring_record(record);
      }));
  return collector;
}

Status Collector::unwind_with(const unwind::StoreMaps& maps,
                              std::uint64_t most_bytes, unwind_mode mode) {
  auto store = SL_TRY(unwind::Store::open(maps, most_bytes));
  loader_ =
      SL_TRY(unwind::Loader::open(std::move(store), processes_, objects_));
  copies_.walk_by_rows(*loader_, mode != UNWIND_MODE_DWARF);
  // The side-band's rings hold no more than some hundred milliseconds.
  loader_->meanwhile(
      [this] { read_sideband(monotonic_ns() - perf::Sideband::settle_ns); });
  return {};
}

std::vector<int> Collector::fds() const {
  auto fds = sideband_.fds();
  fds.push_back(ring_->fd());
  if (loader_) fds.push_back(loader_->fd());
  return fds;
}

void Collector::read_sideband(std::uint64_t until_ns) {
  const auto lost_before = own_[LEDGER_sideband_lost];
  auto* spaces = loader_ ? &loader_->spaces() : nullptr;
  sideband_.drain(until_ns, [&](const perf::Record& record) {
    std::visit(Apply{processes_, spaces, own_}, record);
  });
  processes_.on_told(until_ns);
  if (spaces != nullptr && own_[LEDGER_sideband_lost] != lost_before) {
    spaces->on_lost();
  }
}

Status Collector::pump() {
  // Side-band first: a process that it has told about needs no look at /proc.
  auto until = monotonic_ns() - perf::Sideband::settle_ns;
  read_sideband(until);
  SL_CHECK(ring_->consume());
  return advance_unwinding(until);
}

// An image that was met just now is published when the side-band has told what
// it mapped before: a moment later, for its next sample may come soon.
Status Collector::advance_unwinding(std::uint64_t applied_ns) {
  if (!loader_ || SL_TRY(loader_->advance(applied_ns))) return {};
  auto met = monotonic_ns();
  std::this_thread::sleep_for(
      std::chrono::nanoseconds(perf::Sideband::settle_ns));
  read_sideband(met);
  SL_CHECK(loader_->advance(met));
  return {};
}

void Collector::on_ring_record(std::span<const std::byte> record) {
  if (record.size() < sizeof(record_header)) return;
  switch (read_as<record_header>(record).type) {
    case RECORD_IMAGE:
      if (record.size() >= sizeof(image_record)) {
        on_image(read_as<image_record>(record));
      }
      break;
    case RECORD_STACK:
      on_stack(record);
      break;
    case RECORD_COPY:
      on_copy(record);
      break;
    case RECORD_COPY_MORE:
      copies_.add_more(record);
      pressure_ = pressure_ || copies_.is_filling();
      break;
    case RECORD_PRESSURE:
      pressure_ = true;
      break;
  }
}

void Collector::on_image(const image_record& record) {
  process::ImageSeen seen{.key = {record.pid, record.exec_id, record.start_ns},
                          .time_ns = record.header.time_ns,
                          .start_boottime_ns = record.start_boottime_ns,
                          .uid = record.uid,
                          .kernel_thread = record.kernel_thread != 0,
                          .comm = text_of(record.comm)};
  processes_.see(seen);
  if (loader_) loader_->spaces().follow(seen);
}

void Collector::on_stack(std::span<const std::byte> record) {
  if (record.size() < sizeof(stack_record)) return;
  auto header = read_as<stack_record>(record);
  auto frames = record.subspan(sizeof(stack_record));
  if (frames.size() < header.frame_count * sizeof(std::uint64_t)) return;
  std::vector<std::uint64_t> addresses(header.frame_count);
  std::memcpy(addresses.data(), frames.data(),
              addresses.size() * sizeof(std::uint64_t));
  dictionary_.add(header.hash, static_cast<stack_reason>(header.reason),
                  addresses);
}

// The process may have mapped something that is not published yet.
void Collector::on_copy(std::span<const std::byte> record) {
  auto pid = copies_.add(record);
  pressure_ = pressure_ || copies_.is_filling();
  if (pid && loader_) loader_->spaces().on_map(*pid);
}

// What the kernel half had walked may be more than a copy has.
void Collector::take_copy(std::uint64_t hash, std::uint64_t partial,
                          const unwind::WalkedStack& stack) {
  auto walked = partial == 0 || stack.reason == STACK_WHOLE
                    ? std::nullopt
                    : dictionary_.find(partial);
  if (walked && walked->addresses.size() > stack.frames.size()) {
    dictionary_.add(hash, walked->reason, walked->addresses);
  } else {
    dictionary_.add(hash, stack.reason, stack.frames);
  }
}

// A copy that was not taken in is a stack that is missing.
Status Collector::walk_copies(std::uint64_t until_ns, bool all) {
  return copies_.walk(until_ns, all,
                      [this](auto hash, auto partial, const auto& stack) {
                        take_copy(hash, partial, stack);
                      });
}

Status Collector::drain() {
  pressure_ = false;
  *maps_.rows_in_epoch = 0;
  *maps_.drain_asked = false;
  auto now = monotonic_ns();
  SL_CHECK(counts_.swap());
  epoch_end_ns_ = monotonic_ns();
  // What was mapped before the swap, of which its rows can tell; the grace
  // period that it waited for has let late records settle.
  auto told = std::max(now, epoch_end_ns_ - perf::Sideband::settle_ns);
  read_sideband(told);
  SL_CHECK(ring_->consume());
  copies_.may_wait(most_wait_ns);
  SL_CHECK(walk_copies(told, false));
  SL_CHECK(counts_.drain(
      [&](std::span<const std::byte> key, std::span<const std::byte> value) {
        add_row(read_as<sample_key>(key), read_as<sample_value>(value));
      }));
  SL_CHECK(std::exchange(late_, {}));
  processes_.forget(epoch_start_ns_);
  generated_.forget();
  sweep_objects();
  // The swap has waited for all programs.
  if (loader_) SL_CHECK(loader_->grace_period_passed());
  epoch_start_ns_ = now;
  return bound_memory();
}

void Collector::add_row(const sample_key& key, const sample_value& value) {
  auto comm = text_of(key.comm);
  if (keep_ && !keep_(comm)) {
    own_[LEDGER_not_matching] += value.count;
    return;
  }
  if (held_pid_ != 0 && key.pid == held_pid_ &&
      processes_.is_first_image(image_of(key))) {
    own_[LEDGER_self] += value.count;
    return;
  }
  std::vector<std::uint64_t> frames;
  auto lost_before = own_[LEDGER_stack_missing];
  append_user(key, value.count, frames);
  append_kernel(key, value.count, frames);
  bool missing = own_[LEDGER_stack_missing] != lost_before;
  own_[LEDGER_stack_missing] = lost_before + (missing ? value.count : 0);
  profile_.add({.process = process_of(key),
                .tid = key.tid,
                .cpu = key.cpu,
                .event = key.event,
                .cgroup = key.cgroup,
                .word = key.word,
                .comm = profile_.name(comm),
                .stack = profile_.stacks().add(frames)},
               {value.count, value.sum});
  delivered_ += value.count;
}

ProcessId Collector::process_of(const sample_key& key) {
  auto id = profile_.process(key.pid, key.start_ns);
  auto& process = profile_.process_at(id);
  const auto* seen = processes_.find(image_of(key));
  // Rows come in no order; the process is what it executed last.
  if (seen == nullptr || key.exec_id < process.exec_id) return id;
  process.exec_id = key.exec_id;
  process.uid = seen->uid;
  process.comm = seen->comm;
  process.known = true;
  return id;
}

std::uint64_t Collector::frame_for(process::ObjectId object, Reason reason,
                                   std::uint64_t offset) {
  return profile_.frames().intern({object, reason, offset});
}

std::optional<Dictionary::Stack> Collector::stack_of(std::uint64_t hash) {
  auto stack = dictionary_.find(hash);
  if (stack) return stack;
  // A program of the new epoch may have been writing its record in front of
  // ours when the ring was read; or it waits for a rest that does not come.
  auto status = ring_->consume();
  if (status) status = walk_copies(epoch_end_ns_, true);
  if (late_) late_ = std::move(status);
  stack = dictionary_.find(hash);
  if (!stack) ++own_[LEDGER_stack_missing];
  return stack;
}

FrameId Collector::locate_user(const process::ImageKey& image,
                               std::uint64_t address) {
  auto found = processes_.locate(image, address, epoch_start_ns_);
  if (found.reason == Reason::anonymous) {
    return profile_.frames().intern(
        generated_.locate(image, address, epoch_start_ns_, epoch_end_ns_));
  }
  return profile_.frames().intern({found.object, found.reason, found.offset});
}

// How the stack's last frame says so; none for a stack that is whole, or was
// not asked for.
Reason Collector::count_unfinished(stack_reason reason, stack_side side,
                                   std::uint64_t samples) {
  const auto* found =
      std::ranges::find(unfinished, reason, &Unfinished::reason);
  if (found == std::end(unfinished)) return Reason::none;
  auto counted = side == STACK_USER ? found->user : found->kernel;
  if (counted != LEDGER_COUNT) own_[counted] += samples;
  return found->shown;
}

void Collector::append_user(const sample_key& key, std::uint64_t samples,
                            std::vector<std::uint64_t>& frames) {
  if (key.user_hash < STACK_REASONS) {
    auto reason = count_unfinished(static_cast<stack_reason>(key.user_hash),
                                   STACK_USER, samples);
    if (reason == Reason::none) return;
    frames.push_back(frame_for(process::no_object, reason, 0));
    return;
  }
  auto stack = stack_of(key.user_hash);
  if (!stack) {
    frames.push_back(frame_for(process::no_object, Reason::stack_lost, 0));
    return;
  }
  auto reason = count_unfinished(stack->reason, STACK_USER, samples);
  append_walked(image_of(key), *stack, reason, frames);
}

// Where the mapping of a frame changed in the epoch, the walk may have gone by
// what lay there before or after: its callers are not to be trusted.
void Collector::append_walked(const process::ImageKey& image,
                              const Dictionary::Stack& stack, Reason why,
                              std::vector<std::uint64_t>& frames) {
  std::vector<FrameId> located;
  const auto& addresses = stack.addresses;
  bool certain = true;
  for (std::size_t i = 0; i < addresses.size() && certain; ++i) {
    // The leaf is where the CPU was; callers are return addresses.
    auto address = addresses[i] - (i > 0 && addresses[i] > 0 ? 1 : 0);
    located.push_back(locate_user(image, address));
    auto reason = profile_.frames().at(located.back()).reason;
    certain =
        reason != Reason::mapping_changed && reason != Reason::records_lost;
  }
  if (certain && why != Reason::none) {
    located.push_back(frame_for(process::no_object, why, 0));
  }
  frames.insert(frames.end(), located.rbegin(), located.rend());
}

void Collector::append_kernel(const sample_key& key, std::uint64_t samples,
                              std::vector<std::uint64_t>& frames) {
  const auto mark = [&](stack_reason reason) {
    auto shown = count_unfinished(reason, STACK_KERNEL, samples);
    // The user side says so for both.
    if (shown == Reason::none || reason == STACK_NESTED) return;
    frames.push_back(frame_for(process::kernel_object, shown, 0));
  };
  if (key.kernel_hash < STACK_REASONS) {
    return mark(static_cast<stack_reason>(key.kernel_hash));
  }
  auto stack = stack_of(key.kernel_hash);
  if (!stack) {
    frames.push_back(frame_for(process::kernel_object, Reason::stack_lost, 0));
    return;
  }
  mark(stack->reason);
  const auto& addresses = stack->addresses;
  for (std::size_t i = addresses.size(); i-- > 0;) {
    auto address = addresses[i] - (i > 0 ? 1 : 0);
    frames.push_back(frame_for(process::kernel_object, Reason::none, address));
  }
}

// What nothing maps any more and no frame lies in.
void Collector::sweep_objects() {
  if (!objects_.wants_sweep()) return;
  std::vector<bool> live(objects_.most_ids());
  processes_.mark_objects(live);
  if (loader_) loader_->mark_objects(live);
  const auto& frames = profile_.frames();
  for (FrameId id = 0; id < frames.size(); ++id) {
    live[frames.at(id).object] = true;
  }
  objects_.keep(live);
  copies_.keep(live);
}

// A run without end must not grow without end: forget the old stacks, and have
// those that recur sent again.
Status Collector::bound_memory() {
  if (dictionary_.size() < most_stacks) return {};
  dictionary_.rotate();
  seen_set empty{};
  for (__u32 set = 0; set < SEEN_SETS; ++set) {
    if (bpf_map_update_elem(maps_.seen, &set, &empty, BPF_ANY) != 0) {
      return fail_errno("cannot reset the memory of sent stacks");
    }
  }
  return {};
}

bool Collector::restart_profile() {
  bool large = profile_.frames().size() > most_frames ||
               profile_.stacks().size() > most_nodes;
  if (large) {
    profile_ = Profile();
    generated_.reset();
  }
  profile_.clear_rows();
  return large;
}

Result<std::vector<bpf::Ledger>> Collector::cpu_ledgers() const {
  return bpf::read_ledgers(maps_.ledger);
}

Result<bpf::Ledger> Collector::ledger() const {
  auto total = bpf::sum(SL_TRY(cpu_ledgers()));
  for (std::size_t i = 0; i < total.counts.size(); ++i) {
    total.counts[i] += own_.counts[i];
  }
  return total;
}

}  // namespace sightline::stack
