// SPDX-License-Identifier: Apache-2.0
// The settings of the samples core's kernel half (bpf/include/samples.h), the
// same for every skeleton that includes it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "bpf/object.h"
#include "cli/common_options.h"
#include "stack/collector.h"
#include "unwind/store.h"
#include "unwind_rows.h"

namespace sightline::stack {

// Multiplier of a run's hashes, which nobody can know beforehand.
std::uint64_t random_seed();

// Frames that the kernel walks on one side; it refuses to walk more
// (kernel.perf_event_max_stack).
std::uint32_t frame_limit();

// How user stacks are walked, as --unwind says.
unwind_mode mode_of(const cli::CommonOptions& common);

// Of copies of stacks, 16 to 64 KiB each.
inline constexpr std::uint32_t copies_ring = 8U << 20;

template <typename S>
unwind_mode mode(const S& skeleton) {
  return static_cast<enum unwind_mode>(skeleton.rodata->unwind_mode);
}

// The kernel half searches rows, so that they have to be loaded.
inline bool walks_by_rows(unwind_mode mode) {
  return mode == UNWIND_MODE_AUTO || mode == UNWIND_MODE_DWARF;
}

// Before the load, behind configure_filters(). Without rows nothing of the walk
// is loaded, and its tables are as small as can be.
template <typename S>
void configure_stacks(S& skeleton, const cli::CommonOptions& common) {
  auto& settings = *skeleton.rodata;
  settings.hash_seed = random_seed();
  settings.frame_limit = frame_limit();
  settings.want_kernel_stacks = !common.user_only;
  settings.want_user_stacks = !common.kernel_only;
  settings.unwind_mode = mode_of(common);
  auto& programs = skeleton.progs;
  auto& maps = skeleton.maps;
  bool rows = walks_by_rows(mode(skeleton));
  bool nested = settings.pid_namespace != 0;
  bpf::set_autoload(programs.unwind_fork, rows);
  bpf::set_autoload(programs.unwind_exec, rows);
  bpf::set_autoload(programs.unwind_exit, rows && nested);
  bpf::set_autoload(programs.unwind_free, rows && !nested);
  if (mode(skeleton) == UNWIND_MODE_COPY) {
    bpf::set_max_entries(maps.ring, copies_ring);
  }
  if (rows) return;
  for (auto* map : {maps.unwind_store, maps.unwind_objects, maps.unwind_rules,
                    maps.unwind_spaces, maps.unwind_cache}) {
    bpf::set_max_entries(map, 1);
  }
}

// The programs that keep each process's mappings up to date at forks, execs and
// exits; none where no rows are searched. Fails with errno.
template <typename S>
Result<std::vector<bpf::Link>> follow_images(S& skeleton) {
  std::vector<bpf::Link> links;
  if (!walks_by_rows(mode(skeleton))) return links;
  const auto& programs = skeleton.progs;
  bool nested = skeleton.rodata->pid_namespace != 0;
  for (auto* program : {programs.unwind_fork, programs.unwind_exec,
                        nested ? programs.unwind_exit : programs.unwind_free}) {
    links.push_back(SL_TRY(bpf::attach(*program)));
  }
  return links;
}

template <typename S>
SampleMaps maps_of(S& skeleton) {
  const auto& maps = skeleton.maps;
  return {.ring = bpf::fd_of(maps.ring),
          .live_counts = bpf::fd_of(maps.live_counts),
          .counts = {bpf::fd_of(maps.counts_a), bpf::fd_of(maps.counts_b)},
          .seen = bpf::fd_of(maps.seen),
          .ledger = bpf::fd_of(maps.ledger),
          .rows_in_epoch =
              reinterpret_cast<std::uint64_t*>(&skeleton.bss->rows_in_epoch),
          .drain_asked = &skeleton.bss->drain_asked};
}

template <typename S>
unwind::StoreMaps unwind_maps_of(S& skeleton) {
  const auto& maps = skeleton.maps;
  return {.store = bpf::fd_of(maps.unwind_store),
          .objects = bpf::fd_of(maps.unwind_objects),
          .rules = bpf::fd_of(maps.unwind_rules),
          .spaces = bpf::fd_of(maps.unwind_spaces),
          .era = &skeleton.bss->unwind_era};
}

}  // namespace sightline::stack
