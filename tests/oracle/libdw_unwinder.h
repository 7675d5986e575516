// SPDX-License-Identifier: Apache-2.0
// elfutils' unwinder, over a process that stands still under ptrace.
#pragma once

#include <elfutils/libdwfl.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace sightline::oracle {

class LibdwUnwinder {
 public:
  // The process must have loaded all that it will run.
  explicit LibdwUnwinder(pid_t pid);

  // The chain of a thread as it stands, itself first.
  std::vector<std::uint64_t> walk(pid_t tid) const;

  // The function at an address, or the file that it lies in. Remembered: libdw
  // takes its time.
  const std::string& name(std::uint64_t address) const;

 private:
  struct End {
    void operator()(Dwfl* dwfl) const { dwfl_end(dwfl); }
  };
  std::string look_up(std::uint64_t address) const;

  std::unique_ptr<Dwfl, End> dwfl_;
  mutable std::unordered_map<std::uint64_t, std::string> names_;
};

}  // namespace sightline::oracle
