// SPDX-License-Identifier: Apache-2.0
// One debuginfod server, asked through libdebuginfod.so.1 in a process of its
// own: a name server that hangs, which the library cannot interrupt, ends with
// that process, and what a stranger sends is parsed apart from the tool: with
// no capability, and when the tool runs as root as another user
// (unprivileged_identity()). A second process watches the first, ends it with
// the tool, and cleans up.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/handle.h"
#include "symbol/unprivileged.h"

namespace sightline::symbol {

// Not thread-safe.
class DebuginfodServer {
 public:
  // Starts the process, which loads the library (never linked, so that a host
  // without it runs the tool). `cache` is a directory that may be made and is
  // this server's alone: the library remembers in it what was not found, too.
  // For root it is not used: files lie in a directory below TMPDIR or /tmp that
  // is removed at the end. Fails with `unsupported` in a static build and
  // without the library, and with errno. It returns after at most `most`.
  static Result<DebuginfodServer> start(const std::string& url,
                                        const std::string& cache,
                                        std::chrono::nanoseconds most);

  DebuginfodServer(DebuginfodServer&& other) noexcept;
  DebuginfodServer& operator=(DebuginfodServer&& other) noexcept;
  ~DebuginfodServer() { stop(); }

  [[nodiscard]] bool running() const { return pid_ > 0; }

  // The debug file of a build-id (raw bytes), as the server sent it: whoever
  // asks must look whether it is the right one. ENOENT when the server has
  // none. Every other errno is a failure of the server, ETIMEDOUT after `most`,
  // and stops the process. A file is at most 4 GiB.
  std::expected<UniqueFd, int> ask(std::string_view build_id,
                                   std::chrono::nanoseconds most);

  // Ends the process and drops what the cache holds of `build_id`.
  void stop_and_forget(std::string_view build_id);
  // Waits for that at most ten seconds.
  void stop();

 private:
  DebuginfodServer(pid_t pid, UniqueFd socket, std::string cache);
  static Result<DebuginfodServer> start_in(
      const std::string& cache, const std::string& url,
      const std::optional<Identity>& identity, std::chrono::nanoseconds most);

  pid_t pid_ = -1;  // the one that watches
  UniqueFd socket_;
  std::string cache_;  // empty if it goes with the process
};

}  // namespace sightline::symbol
