// SPDX-License-Identifier: Apache-2.0
// A profile that was written to a file, as good as measured: what --from and
// --diff read, and every view shows.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "measurement.h"
#include "options.h"
#include "process/objects.h"
#include "source_report.h"
#include "stack/difference.h"
#include "stack/names.h"
#include "stack/profile.h"
#include "symbol/debuginfod.h"

namespace sightline::cpuprof {

// Not thread-safe. On the heap, because its parts refer to one another.
class Recording {
 public:
  Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  // A file that frames lie in, as it was where they were sampled.
  struct File {
    std::string path = {};
    stack::FileImage image = {};
  };
  using FileIndex = std::uint32_t;
  FileIndex add_file(File file);

  // A frame as a recording tells it: its functions, the called one first and
  // those that are inlined behind it. Without an address: generated code.
  struct Place {
    std::string object = {};
    std::optional<FileIndex> file = {};  // with an offset in it as address
    bool has_address = true;
    std::uint64_t address = 0;
    std::vector<stack::Function> functions = {};
  };
  stack::FrameId frame(const Place& place);

  // A process is told by its number and its name, which is not known of every
  // one.
  struct Who {
    std::uint32_t pid = 0;
    std::uint32_t uid = 0;
    std::optional<std::string> comm = {};
  };
  stack::ProcessId process(const Who& who);

  // The number of an event of setup(), if it is one.
  [[nodiscard]] std::optional<std::uint32_t> event(std::string_view name) const;

  void name_cgroup(std::uint64_t id, std::string path) {
    cgroups_.insert_or_assign(id, std::move(path));
  }

  Setup& setup() { return setup_; }
  [[nodiscard]] const Setup& setup() const { return setup_; }
  Span& span() { return span_; }
  stack::Profile& profile() { return profile_; }
  stack::Names& names() { return names_; }

  // What it tells of its frames beside their names.
  void has_inlines() { wanted_.inlines = true; }
  void has_lines() { wanted_.lines = true; }

  // Looks in the files of this machine for the frames without a name, if they
  // are the files that were sampled. `server` may be null. What `source` was
  // made for must outlive the names.
  void name_here(const Options& options, SourceReport& source,
                 symbol::Debuginfod* server);

  // Its file has a beginning and an end.
  void set_whole(bool whole) { is_whole_ = whole; }
  [[nodiscard]] bool is_whole() const { return is_whole_; }

  // For a view. Valid as long as this.
  [[nodiscard]] Measurement measurement() const;

 private:
  [[nodiscard]] process::ObjectId object(const Place& place,
                                         std::uint64_t which);
  symbol::Reason attach(process::ObjectId object, const File& file,
                        const symbol::DebugFileServer* server);
  void name_frames_of(process::ObjectId object, const File& file,
                      const symbol::DebugFileServer* server);

  Setup setup_;
  Span span_;
  bool is_whole_ = false;
  process::Objects objects_;
  stack::Profile profile_;
  stack::Names names_;
  std::unordered_map<std::string, stack::FrameId> frames_;   // by all of it
  std::unordered_map<std::string, std::uint64_t> meanings_;  // of a place
  std::unordered_map<std::uint64_t, std::string> cgroups_;
  std::vector<File> files_;
  std::map<std::pair<std::string, std::string>, FileIndex> file_numbers_;
  std::map<process::ObjectId, FileIndex> file_of_;
  std::map<process::ObjectId, std::vector<stack::FrameId>> unnamed_;
  symbol::SourceWanted wanted_;
  std::map<std::pair<std::uint32_t, std::string>, stack::ProcessId> processes_;
};

// Reads a file that the tool has written as JSON or for pprof: "-" is stdin.
// What several intervals have is added up. Fails with what is wrong, and where.
Result<std::unique_ptr<Recording>> read_recording(const std::string& path);

// What is asked for now, else what was recorded; fails for what was not told
// apart then.
Status regroup(Setup& setup, const std::vector<std::string>& by);

// A file to compare: its stacks, and what else it tells of the run, which
// collapsed stacks do not.
struct FoldedRun {
  stack::FoldedProfile profile = {};
  bool whole = true;
  std::vector<std::string> events = {};
  std::uint64_t length_ns = 0;  // 0: not known
  std::uint64_t cpu_ns = 0;     // 0: not known, or not a matter of time
};

// A recording, or collapsed stacks of any program. Stacks are those of
// commands, unless --by says otherwise; what has no name yet is looked for, as
// by --from.
Result<FoldedRun> read_folded(const std::string& path, const Options& options);

}  // namespace sightline::cpuprof
