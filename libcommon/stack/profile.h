// SPDX-License-Identifier: Apache-2.0
// What was measured: rows of who ran and where, with how often. The one model
// that every stack tool fills and every exporter reads. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "stack/call_tree.h"
#include "stack/frames.h"

namespace sightline::stack {

using ProcessId = std::uint32_t;  // index of a Profile's processes

// A process: one PID from fork to exit, whatever it executed.
struct Process {
  std::uint32_t pid = 0;
  std::uint64_t start_ns = 0;
  std::uint32_t uid = 0;
  bool known = false;         // the kernel half's report arrived
  std::uint32_t exec_id = 0;  // of the latest image that has samples
  std::string comm = {};      // of its thread group's leader, raw bytes
};

// Fields that the tool does not group by are 0 (cpu: -1).
struct RowKey {
  ProcessId process = 0;
  std::uint32_t tid = 0;
  std::int32_t cpu = -1;
  std::uint32_t event = 0;
  std::uint64_t cgroup = 0;
  std::uint64_t word = 0;
  std::uint32_t comm = 0;  // of the thread, index of a Profile's names
  CallTree::Node stack = CallTree::root;

  bool operator==(const RowKey&) const = default;
};

struct RowKeyHash {
  std::size_t operator()(const RowKey& key) const;
};

struct Counts {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;

  Counts& operator+=(const Counts& more);
};

class Profile {
 public:
  ProcessId process(std::uint32_t pid, std::uint64_t start_ns);
  std::uint32_t name(const std::string& comm);

  void add(const RowKey& key, const Counts& counts);

  // Forgets the rows; frames, stacks and processes keep their numbers.
  void clear_rows();

  [[nodiscard]] const std::unordered_map<RowKey, Counts, RowKeyHash>& rows()
      const {
    return rows_;
  }
  [[nodiscard]] const Counts& total() const { return total_; }
  [[nodiscard]] Process& process_at(ProcessId id) { return processes_[id]; }
  [[nodiscard]] const Process& process_at(ProcessId id) const {
    return processes_[id];
  }
  [[nodiscard]] const std::string& name_at(std::uint32_t index) const {
    return names_[index];
  }

  // The frames of a row, root first: user side, then kernel side.
  [[nodiscard]] std::vector<FrameId> stack(CallTree::Node node) const;

  CallTree& stacks() { return stacks_; }
  FrameTable& frames() { return frames_; }
  [[nodiscard]] const FrameTable& frames() const { return frames_; }

 private:
  struct ProcessHash {
    std::size_t operator()(
        const std::pair<std::uint32_t, std::uint64_t>& key) const {
      return (key.first ^ key.second) * 0x9e3779b97f4a7c15ULL;
    }
  };
  CallTree stacks_;
  FrameTable frames_;
  std::vector<Process> processes_;
  std::unordered_map<std::pair<std::uint32_t, std::uint64_t>, ProcessId,
                     ProcessHash>
      process_ids_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::uint32_t> name_ids_;
  std::unordered_map<RowKey, Counts, RowKeyHash> rows_;
  Counts total_;
};

}  // namespace sightline::stack
