// SPDX-License-Identifier: Apache-2.0
// The samples core, user half: empties what bpf/include/samples.h fills, ties
// it to processes and objects while they live, and adds it to the profile.
//
//   side-band ──▶ process table ┐
//   ring ──▶ images, stacks ────┼─▶ locate each address ─▶ profile
//   counts, swapped ────────────┘
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "bpf/epoch_map.h"
#include "bpf/loss_ledger.h"
#include "bpf/ring.h"
#include "perf/sideband.h"
#include "process/objects.h"
#include "process/table.h"
#include "sample.h"
#include "stack/copied_stacks.h"
#include "stack/dictionary.h"
#include "stack/generated_code.h"
#include "stack/profile.h"
#include "unwind/loader.h"

namespace sightline::stack {

// The kernel half's maps (descriptors, not owned) and its count of rows.
struct SampleMaps {
  int ring = -1;
  int live_counts = -1;
  int counts[2] = {-1, -1};
  int seen = -1;
  int ledger = -1;
  std::uint64_t* rows_in_epoch = nullptr;
  bool* drain_asked = nullptr;
};

class Collector {
 public:
  // On the heap because the ring keeps its address. Fails with errno.
  static Result<std::unique_ptr<Collector>> open(const SampleMaps& maps,
                                                 perf::Sideband sideband);

  // From now on what is mapped is unwound by call frame information, of which
  // the kernel half keeps at most `most_bytes`. `mode`: as the kernel half's.
  Status unwind_with(const unwind::StoreMaps& maps, std::uint64_t most_bytes,
                     unwind_mode mode);

  // Null when nothing is unwound so.
  [[nodiscard]] unwind::Loader* unwinding() { return loader_.get(); }

  // Descriptors to watch for EPOLLIN, upon which pump() is due.
  [[nodiscard]] std::vector<int> fds() const;

  // Takes in what has arrived; cheap when nothing has.
  Status pump();

  // The kernel half's table of counts fills up: drain() is due now.
  [[nodiscard]] bool under_pressure() const { return pressure_; }

  // Ends an epoch: swaps the counts, takes them over, and locates their
  // addresses. Rows that `keep` refuses by their command are left out.
  Status drain();

  // Rows whose thread's name does not pass are counted as not_matching.
  void keep_only(std::function<bool(std::string_view comm)> keep) {
    keep_ = std::move(keep);
  }

  // What this process does before it executes something is the tool's doing,
  // and left out as such: a command's that is held.
  void leave_out_until_exec(std::uint32_t pid) { held_pid_ = pid; }

  Profile& profile() { return profile_; }

  // Starts a new profile in place of the old one. True when frames and
  // processes were forgotten too, because there were too many of them: names
  // made for them are void then.
  bool restart_profile();

  process::Objects& objects() { return objects_; }
  GeneratedCode& generated_code() { return generated_; }

  // Both halves' counts since the start, each CPU's apart and in one. To be
  // read after a drain: what entered is then counted or in the ledger.
  Result<std::vector<bpf::Ledger>> cpu_ledgers() const;
  Result<bpf::Ledger> ledger() const;

  // Samples that reached the profile since the start.
  [[nodiscard]] std::uint64_t delivered() const { return delivered_; }

 private:
  struct Row;

  explicit Collector(const SampleMaps& maps, perf::Sideband sideband);
  void on_ring_record(std::span<const std::byte> record);
  void on_image(const image_record& record);
  void on_stack(std::span<const std::byte> record);
  void on_copy(std::span<const std::byte> record);
  void take_copy(std::uint64_t hash, std::uint64_t partial,
                 const unwind::WalkedStack& stack);
  Status walk_copies(std::uint64_t until_ns, bool all);
  Status advance_unwinding(std::uint64_t applied_ns);
  void read_sideband(std::uint64_t until_ns);
  void add_row(const sample_key& key, const sample_value& value);
  symbol::Reason count_unfinished(stack_reason reason, stack_side side,
                                  std::uint64_t samples);
  void append_user(const sample_key& key, std::uint64_t samples,
                   std::vector<std::uint64_t>& frames);
  void append_walked(const process::ImageKey& image,
                     const Dictionary::Stack& stack, symbol::Reason why,
                     std::vector<std::uint64_t>& frames);
  void append_kernel(const sample_key& key, std::uint64_t samples,
                     std::vector<std::uint64_t>& frames);
  ProcessId process_of(const sample_key& key);
  std::optional<Dictionary::Stack> stack_of(std::uint64_t hash);
  FrameId locate_user(const process::ImageKey& image, std::uint64_t address);
  std::uint64_t frame_for(process::ObjectId object, symbol::Reason reason,
                          std::uint64_t offset);
  Status bound_memory();
  void sweep_objects();

  SampleMaps maps_;
  perf::Sideband sideband_;
  std::optional<bpf::Ring> ring_;
  bpf::EpochMap counts_;
  process::Objects objects_;
  process::Table processes_;
  GeneratedCode generated_;
  std::unique_ptr<unwind::Loader> loader_;
  CopiedStacks copies_;
  Dictionary dictionary_;
  Profile profile_;
  std::function<bool(std::string_view)> keep_;
  std::uint32_t held_pid_ = 0;
  std::uint64_t epoch_start_ns_ = 0;
  std::uint64_t epoch_end_ns_ = 0;  // of the one whose rows are taken over
  std::uint64_t delivered_ = 0;
  Status late_;      // what failed while rows were taken over
  bpf::Ledger own_;  // what only this half can count
  bool pressure_ = false;
};

}  // namespace sightline::stack
