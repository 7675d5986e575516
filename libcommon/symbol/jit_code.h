// SPDX-License-Identifier: Apache-2.0
// The names of one process's generated code, from whatever its runtime writes.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <vector>

#include "base/handle.h"
#include "symbol/code_ranges.h"
#include "symbol/jitdump.h"
#include "symbol/perf_map.h"
#include "symbol/reason.h"

namespace sightline::symbol {

// Where to look, and whom to believe.
struct JitPlace {
  int root_fd = -1;                 // of the mount namespace; -1: our own
  std::uint32_t namespace_pid = 0;  // what the process knows itself as
  uid_t owner = 0;                  // its user, as we see it; see trust()
  // When it started, in seconds of CLOCK_REALTIME; 0 if that is not known. Maps
  // are left behind in /tmp, and one that was last written before then is an
  // earlier process's. One second is allowed for rounding.
  std::int64_t started_s = 0;
};

// Whether the path ends in `/jit-DIGITS.dump`: a runtime maps a page of its
// jitdump file executable, only to have perf's mmap record tell where it is.
// Pure, thread-safe.
bool is_jitdump_path(std::string_view path);

// Files are believed if they are regular and belong to the process's user or
// to root: anybody may put a file in /tmp. They are kept open, so that a
// process that has exited and removed them can still be named. Nothing here
// fails; what is wrong is the reason. Move-only; const members may be called
// from many threads. Memory: 2 jitdumps and a perf map, each in its bounds;
// memory() tells, for whoever has many processes to bound.
class JitCode {
 public:
  // Opens /tmp/perf-PID.map inside the root, if it is there; follows no link
  // and waits for no other file system than that of /tmp. The root's descriptor
  // stays the caller's (while there is no map, a duplicate is kept to look
  // again). Reads nothing yet.
  static JitCode open(const JitPlace& place);

  // Believes one more user: whom the process belongs to now. A daemon that
  // started as root may have become another one since.
  void trust(uid_t user) { user_now_ = user; }

  // Takes a jitdump file of the process, opened for reading and close-on-exec.
  // `none`, or why it is not used: `jitdump_refused` for one that is not
  // regular, not its user's, or one too many. One that is known already is
  // `none` too. What is in it tells refresh().
  Reason add_jitdump(UniqueFd fd);

  // Reads what is new, and looks for the perf map if there was none. Costs a
  // few microseconds without news (perf_map.h, jitdump.h). Reads about
  // `most_bytes` of all files at most; the rest is for the next time. Returns
  // how many bytes it read.
  std::uint64_t refresh(std::uint64_t most_bytes = all_bytes);

  // The function at `address` at some time of [from_ns, to_ns] of
  // CLOCK_MONOTONIC: by a jitdump, else by the perf map, which knows no time
  // and tells what lies there now. Fails with `mapping_changed` where that was
  // one function and then another, else with reason(). Holds until refresh().
  // O(log n).
  [[nodiscard]] std::expected<CodeSymbol, Reason> find(
      std::uint64_t address, std::uint64_t from_ns, std::uint64_t to_ns) const;

  // Whether something tells times: a jitdump.
  [[nodiscard]] bool knows_times() const { return !dumps_.empty(); }

  // Why an address has no name: `no_covering_symbol` where there is a map.
  [[nodiscard]] Reason reason() const;

  [[nodiscard]] std::size_t memory() const;

 private:
  struct Dump {
    dev_t device;
    ino_t inode;
    Jitdump file;
  };

  void open_map();
  [[nodiscard]] Reason why_not_believed(int map) const;
  [[nodiscard]] bool is_trusted(uid_t owner) const;

  JitPlace place_;
  uid_t user_now_ = 0;  // root is believed anyway
  UniqueFd root_;
  bool foreign_root_ = false;
  Reason map_reason_ = Reason::no_jit_map;
  Reason dump_reason_ = Reason::none;
  std::optional<PerfMap> map_;
  std::vector<Dump> dumps_;  // in the order of appearance
};

}  // namespace sightline::symbol
