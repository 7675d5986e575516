// SPDX-License-Identifier: Apache-2.0
// The filters of bpf/include/filter.h, set from user space: the same for every
// skeleton that includes it.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "bpf/object.h"

namespace sightline::bpf {

// As bpf/include/filter.h has them.
inline constexpr std::uint64_t target_thread = 1ULL << 32;
inline constexpr std::uint64_t target_parent = 1ULL << 33;

// Processes of a traced command, or of a tree, that live at the same time.
inline constexpr std::uint32_t most_followed = 16384;

// Inode of our PID namespace, 0 for the initial one. Thread-safe, cannot fail.
std::uint32_t own_pid_namespace();

struct FilterChoice {
  std::vector<std::uint64_t> targets = {};  // keys of the map; empty: all
  std::optional<uid_t> uid = {};
  bool by_cgroup = false;
  bool follow_children = false;  // who a target starts is one too
  std::uint32_t own_pid = 0;     // is left out; 0: nobody is
};

// Before the load.
template <typename S>
void configure_filters(S& skeleton, const FilterChoice& choice) {
  auto& settings = *skeleton.rodata;
  settings.pid_namespace = own_pid_namespace();
  settings.own_pid = choice.own_pid;
  settings.filter_targets = !choice.targets.empty();
  settings.filter_user = choice.uid.has_value();
  settings.wanted_user = choice.uid.value_or(0);
  settings.filter_cgroup = choice.by_cgroup;
  bool follow = choice.follow_children;
  bool nested = settings.pid_namespace != 0;
  set_autoload(skeleton.progs.follow_fork, follow);
  set_autoload(skeleton.progs.follow_fork_again, follow);
  set_autoload(skeleton.progs.follow_exit, follow && nested);
  set_autoload(skeleton.progs.follow_free, follow && !nested);
  auto targets = static_cast<std::uint32_t>(choice.targets.size());
  set_max_entries(skeleton.maps.targets,
                  follow ? most_followed : std::max(targets, 1U));
}

// After it. `cgroup_fd` is used with by_cgroup. Fails with errno.
template <typename S>
Status fill_filters(S& skeleton, const FilterChoice& choice, int cgroup_fd) {
  for (auto key : choice.targets) {
    SL_CHECK(put(skeleton.maps.targets, key, std::uint8_t{1}));
  }
  if (!choice.by_cgroup) return {};
  return put(skeleton.maps.wanted_cgroup, std::uint32_t{0}, cgroup_fd);
}

// The programs that keep the targets up to date, with follow_children.
template <typename S>
Result<std::vector<Link>> follow_children(S& skeleton) {
  bool nested = skeleton.rodata->pid_namespace != 0;
  std::vector<Link> links;
  links.push_back(SL_TRY(attach(*skeleton.progs.follow_fork)));
  links.push_back(SL_TRY(attach(*skeleton.progs.follow_fork_again)));
  links.push_back(SL_TRY(attach(nested ? *skeleton.progs.follow_exit
                                       : *skeleton.progs.follow_free)));
  return links;
}

// Forks that both programs were kept from at most: their children may be
// missing among the targets.
template <typename S>
std::uint64_t forks_missed(const S& skeleton) {
  const auto& programs = skeleton.progs;
  if (fd_of(programs.follow_fork) < 0) return 0;
  return std::min(recursion_misses(*programs.follow_fork),
                  recursion_misses(*programs.follow_fork_again));
}

}  // namespace sightline::bpf
