// SPDX-License-Identifier: Apache-2.0
// A search along PATH as one row: execvp(3) and shells try a file in each
// directory, and only what it comes to is of interest.
#pragma once

#include <cstdint>
#include <functional>
#include <unordered_map>

#include "exec.h"

namespace sightline::execsnoop {

// Whether a search goes on after this error (execvpe, posix/execvpe.c, glibc
// 2.36).
bool search_goes_on(int error);

// Holds a failure back until it is known whether its thread tries the same name
// with the same arguments in another place. Who tries the same file again, and
// was not given its name alone, does not search. Pure but for its handler,
// which runs inside the calls; not thread-safe.
class Probes {
 public:
  using Handler = std::function<void(Exec&&)>;

  explicit Probes(Handler handler) : handler_(std::move(handler)) {}

  void take(Exec&& exec);

  // Hands over the searches without a new try since the last call. To be called
  // now and then; twice at the end.
  void settle();

  // Tries that are held back.
  [[nodiscard]] std::uint64_t held() const { return held_; }

  // A longer search ends and begins anew.
  static constexpr std::size_t most_probes = 255;
  static constexpr std::uint64_t most_ns = 1'000'000'000;

 private:
  struct Search {
    Exec last;  // with the probes before it, and the time of the first
    bool seen = false;
  };
  static bool is_next(const Exec& before, const Exec& next);
  static void continue_search(Exec&& before, Exec& next);
  Exec take_out(std::uint32_t thread);

  Handler handler_;
  std::unordered_map<std::uint32_t, Search> searches_;  // by thread
  std::uint64_t held_ = 0;
};

}  // namespace sightline::execsnoop
