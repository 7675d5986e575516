// SPDX-License-Identifier: Apache-2.0
// One debuginfod server, asked through libdebuginfod.so.1 in a process of its
// own: a name server that hangs, which the library cannot interrupt, ends with
// that process, and what a stranger sends is parsed apart from the tool.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <expected>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/handle.h"

namespace sightline::symbol {

// Not thread-safe.
class DebuginfodServer {
 public:
  // Starts the process, which loads the library (never linked, so that a host
  // without it runs the tool). `cache` is a directory that may be made and is
  // this server's alone: the library remembers in it what was not found, too.
  // Fails with `unsupported` in a static build and without the library. It
  // returns after at most `most`.
  static Result<DebuginfodServer> start(const std::string& url,
                                        std::string cache,
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
  void stop();

 private:
  DebuginfodServer(pid_t pid, UniqueFd socket, std::string cache);

  pid_t pid_ = -1;
  UniqueFd socket_;
  std::string cache_;
};

}  // namespace sightline::symbol
