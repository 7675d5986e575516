// SPDX-License-Identifier: Apache-2.0
// Control groups of version 2: finding the one that a user means, and naming
// the ids that BPF programs report.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/error.h"
#include "base/handle.h"

namespace sightline::container {

// An open cgroup directory. `path` starts with "/" at the mount's root, as in
// /proc/PID/cgroup; `id` is what bpf_get_current_cgroup_id() returns in it.
struct Cgroup {
  UniqueFd fd;
  std::uint64_t id = 0;
  std::string path;
};

// Where cgroup 2 is mounted, from /proc/self/mountinfo: `/sys/fs/cgroup`, or
// `/sys/fs/cgroup/unified` beside cgroup 1. Fails with `unsupported` when it is
// not mounted. Thread-safe.
Result<std::string> cgroup2_mount();

// The cgroup at `path`: below the mount point (/sys/fs/cgroup/a), relative to
// it (a/b), or as /proc/PID/cgroup has it (/a/b). Fails with `usage` for an
// empty path or one with "..", with `runtime` when there is no such cgroup or
// it is one of cgroup 1. Thread-safe.
Result<Cgroup> open_cgroup(std::string_view path, const std::string& mount);
Result<Cgroup> open_cgroup(std::string_view path);

// Cgroup ids to paths. Reads the hierarchy when the first id is asked for, and
// again for an id it does not know, at most once a second. A cgroup that is
// gone keeps its name (the kernel does not give an id twice) until `max_names`
// are known: then they are read afresh, and what a hierarchy has beyond them
// stays unnamed. Not thread-safe.
class CgroupNames {
 public:
  explicit CgroupNames(std::string mount, std::size_t max_names = 65536)
      : mount_(std::move(mount)), max_names_(max_names) {}

  // The path as in Cgroup::path, with any byte in it that a directory may have
  // (show it through printable()), or nothing. `now_ns` is CLOCK_MONOTONIC.
  std::optional<std::string> find(std::uint64_t id,
                                  std::uint64_t now_ns = monotonic_ns());

 private:
  void read_hierarchy();

  std::string mount_;
  std::size_t max_names_;
  std::unordered_map<std::uint64_t, std::string> names_;
  std::optional<std::uint64_t> read_at_ns_;
};

}  // namespace sightline::container
