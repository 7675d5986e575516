// SPDX-License-Identifier: Apache-2.0
// A profile that was written to a file, as good as measured: what --from and
// --diff read, and every view shows.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "measurement.h"
#include "process/objects.h"
#include "stack/names.h"
#include "stack/profile.h"

namespace sightline::cpuprof {

// Not thread-safe. On the heap, because its parts refer to one another.
class Recording {
 public:
  Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  // A frame as a file tells it: its functions, the called one first and those
  // that are inlined behind it. Without an address: generated code.
  struct Place {
    std::string object = {};
    bool has_address = true;
    std::uint64_t address = 0;
    std::vector<stack::Function> functions = {};
  };
  stack::FrameId frame(const Place& place);

  // The process of that number and name.
  stack::ProcessId process(std::uint32_t pid, const std::string& comm);

  void name_cgroup(std::uint64_t id, std::string path) {
    cgroups_.insert_or_assign(id, std::move(path));
  }

  Setup& setup() { return setup_; }
  [[nodiscard]] const Setup& setup() const { return setup_; }
  Span& span() { return span_; }
  stack::Profile& profile() { return profile_; }
  stack::Names& names() { return names_; }

  // For a view. Valid as long as this.
  [[nodiscard]] Measurement measurement() const;

 private:
  [[nodiscard]] process::ObjectId object(const std::string& name,
                                         std::uint64_t which);

  Setup setup_;
  Span span_;
  process::Objects objects_;
  stack::Profile profile_;
  stack::Names names_;
  std::unordered_map<std::string, stack::FrameId> frames_;   // by all of it
  std::unordered_map<std::string, std::uint64_t> meanings_;  // of a place
  std::unordered_map<std::uint64_t, std::string> cgroups_;
  std::map<std::pair<std::uint32_t, std::string>, stack::ProcessId> processes_;
};

// Reads a file that a tool has written with --format json: "-" is stdin. What
// several intervals have is added up. Fails with the line that is wrong.
Result<std::unique_ptr<Recording>> read_recording(const std::string& path);

}  // namespace sightline::cpuprof
