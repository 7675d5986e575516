// SPDX-License-Identifier: Apache-2.0
// One line on stderr about work that takes its time, only where a person sees
// it: on a terminal, and after a second. Not thread-safe.
#pragma once

#include <cstdint>
#include <string_view>

namespace sightline::cli {

class Progress {
 public:
  // Writes to a terminal on `fd`, and to anything else nothing.
  explicit Progress(int fd = 2);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Says how far it is, in place of what was said before; as often as one
  // likes. The text must be fit to print.
  void show(std::string_view text);

  // The work is done: takes the line away, and the next show() begins afresh.
  void clear();

 private:
  int fd_;
  bool on_terminal_;
  bool shown_ = false;
  std::uint64_t begun_ns_ = 0;  // 0: nothing to say yet
  std::uint64_t next_ns_ = 0;
};

}  // namespace sightline::cli
