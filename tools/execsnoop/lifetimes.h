// SPDX-License-Identifier: Apache-2.0
// Execs joined with how their programs ended.
#pragma once

#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "exec.h"

namespace sightline::execsnoop {

// Pure but for its handler, which runs inside the calls; not thread-safe.
class Lifetimes {
 public:
  using Handler = std::function<void(Exec&&)>;

  explicit Lifetimes(Handler handler) : handler_(std::move(handler)) {}

  // A failure is handed over at once. A program waits for its end, and ends the
  // one that the same process ran before.
  void take(Exec&& exec);
  void take(const Exit& exit);

  // What runs now, oldest first; the second way keeps it for later.
  void end_all(std::uint64_t now_ns);
  [[nodiscard]] std::vector<Exec> running(std::uint64_t now_ns) const;

 private:
  void end(std::uint32_t process, const Life& life);

  Handler handler_;
  std::unordered_map<std::uint32_t, Exec> running_;  // by Exec::process
};

}  // namespace sightline::execsnoop
