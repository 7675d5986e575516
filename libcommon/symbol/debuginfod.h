// SPDX-License-Identifier: Apache-2.0
// Debug files from debuginfod servers, by build-id. Only for a user who asks
// for it: it tells the servers what runs here, and waits for them.
#pragma once

#include <chrono>
#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/handle.h"
#include "symbol/debuginfod_server.h"
#include "symbol/reason.h"

namespace sightline::symbol {

// The servers are those of DEBUGINFOD_URLS (debuginfod_find_debuginfo(3)), at
// most eight. What they send is kept in sightline-debuginfod/ below
// DEBUGINFOD_CACHE_PATH, XDG_CACHE_HOME or ~/.cache, where libdebuginfod itself
// drops what nobody used for a week; by root only until the end, in a directory
// below TMPDIR or /tmp: root's bytes are fetched and parsed by another user
// (debuginfod_server.h).
//
// Not thread-safe.
class Debuginfod {
 public:
  // Whether the environment names servers and, where that is needed, a place
  // for what they send; else `usage`. Touches nothing.
  static Status check_environment();

  // `total` bounds what all calls of find() and this one wait together. Starts
  // two processes for each server (some 10 MiB), which the destructor ends; so
  // it is called while the tool has one thread and, as root, CAP_SETUID. Fails
  // as check_environment(), with `unsupported` in a static build or without
  // libdebuginfod.so.1, and with errno.
  static Result<Debuginfod> open(
      std::chrono::nanoseconds total = std::chrono::seconds(10));

  // The debug file whose build-id note holds `build_id` (raw bytes, as
  // ElfFile::build_id() gives them). Servers are asked one after the other,
  // each for an equal share of the time that is left; one that failed, was too
  // slow or sent another file is not asked again. An id that was not found is
  // not asked for again either. Otherwise `not_served`, `served_wrong` or
  // `server_failed`, the last of them that holds for any server.
  std::expected<UniqueFd, Reason> find(std::string_view build_id);

  // What is left of `total`.
  [[nodiscard]] std::chrono::nanoseconds time_left() const { return left_; }

 private:
  explicit Debuginfod(std::chrono::nanoseconds total) : left_(total) {}
  Status start(const std::vector<std::string>& urls, const std::string& cache);
  std::expected<UniqueFd, Reason> ask_all(std::string_view build_id);
  std::expected<UniqueFd, Reason> ask(DebuginfodServer& server,
                                      std::string_view build_id);
  [[nodiscard]] std::chrono::nanoseconds share() const;

  std::chrono::nanoseconds left_;
  std::vector<DebuginfodServer> servers_;
  std::map<std::string, Reason, std::less<>> missing_;
};

}  // namespace sightline::symbol
