// SPDX-License-Identifier: Apache-2.0
// What code is mapped from: files, the kernel, the vDSO, nothing at all. One
// object stands for one file however many processes map it. A file is opened
// when it is first needed and the mapping process still lives, so that it can
// be read after the process is gone or the file deleted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/handle.h"
#include "process/roots.h"
#include "symbol/reason.h"

namespace sightline::process {

using ObjectId = std::uint32_t;

// Objects that are not files; they exist in every table.
inline constexpr ObjectId no_object = 0;
inline constexpr ObjectId kernel_object = 1;
inline constexpr ObjectId vdso_object = 2;
inline constexpr ObjectId anonymous_object = 3;
inline constexpr ObjectId jit_object = 4;  // anonymous, and named all the same
inline constexpr ObjectId first_file_object = 5;

// A mapped file as /proc/PID/maps and PERF_RECORD_MMAP2 tell it. The path is
// the process's own view, raw bytes, and is never trusted: it is followed
// inside that process's root alone, and what is found there is only read when
// device and inode agree.
struct MappedFile {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::uint64_t inode = 0;
  std::string path;
  // Tells files apart that had one inode number after each other; 0: not told,
  // as by /proc/PID/maps. Only 32 bits are stored (struct inode, i_generation).
  std::uint32_t generation = 0;

  bool operator==(const MappedFile&) const = default;
};

struct MappedFileHash {
  std::size_t operator()(const MappedFile& file) const;
};

// Not thread-safe.
class Objects {
 public:
  // `now` is the clock that a failed capture() is remembered by.
  explicit Objects(std::uint64_t (*now)() = monotonic_ns);

  // The object of a mapping; mappings without a file are told apart by what the
  // kernel writes in place of a path ("[vdso]", "//anon", ""). Of a file whose
  // generation is not told, the one that was mapped last under that name.
  ObjectId intern(const MappedFile& file);

  // The object of a regular file that nobody has mapped yet, as a process that
  // sees our own root will map it. no_object where that cannot be told.
  ObjectId intern_file(UniqueFd fd);

  // Memory that has a name but is no program: a memfd and the like, where some
  // runtimes put the code that they generate. Known once it was captured.
  [[nodiscard]] bool is_generated(ObjectId id) const;

  [[nodiscard]] const MappedFile& file(ObjectId id) const;

  // The last part of the path without " (deleted)", or "[kernel]", "[vdso]".
  [[nodiscard]] std::string_view name(ObjectId id) const;

  // The whole path without " (deleted)"; empty for what is no file.
  [[nodiscard]] std::string_view path(ObjectId id) const;

  // Opens the file now, through the mapping of a living process, or by its path
  // in `root`, which is remembered for open(). Does nothing for objects that
  // are open already, are not files, or could not be opened less than a second
  // ago.
  void capture(ObjectId id, std::uint32_t pid, std::uint64_t start,
               std::uint64_t end, const Root& root = nullptr);

  // This is the object's file, as somebody knows by its build-id who did not
  // find it through a process; when it was written says nothing. False when as
  // many are open as may be.
  bool attach(ObjectId id, UniqueFd fd);

  // The file is one that its process appends to while it is mapped (a jitdump):
  // that it was written to later says nothing.
  void expect_growth(ObjectId id) { entries_[id].grows = true; }

  // A descriptor to read the object's file from, or a reason why there is none:
  // `file_changed` for one that was written to after it was first mapped. `fd`
  // is valid as long as this and the table live, and keep() does not drop it.
  struct Opened {
    int fd = -1;
    symbol::Reason reason = symbol::Reason::none;
    UniqueFd own = {};  // when the table holds as many as it may
    int root = -1;      // where `file(id).path` leads to it; -1: our own

    // A descriptor of the caller's own; none without a file, or when there are
    // too many.
    [[nodiscard]] UniqueFd take();
  };
  Opened open(ObjectId id);

  // Drops what is not in `live` (by id): closes its file and forgets it. Its id
  // may come back for another object.
  void keep(const std::vector<bool>& live);

  // There are twice as many as keep() left, so that it is worth while.
  [[nodiscard]] bool wants_sweep() const { return held_ >= next_sweep_; }
  [[nodiscard]] std::size_t most_ids() const { return entries_.size(); }

 private:
  static constexpr std::size_t first_sweep = 4096;
  struct Entry {
    MappedFile file = {};
    std::string name;
    UniqueFd fd = {};
    Root root = {};  // of the process that mapped it last
    symbol::Reason reason = symbol::Reason::none;
    std::uint64_t next_try_ns = 0;  // after a capture that failed
    std::uint64_t seen_ns = 0;      // CLOCK_REALTIME when it was interned
    bool is_memory = false;
    bool is_program = false;
    bool grows = false;
  };
  bool room_for_another();
  ObjectId add(const MappedFile& file);
  bool take(Entry& entry, UniqueFd fd);

  std::uint64_t (*now_)();
  std::vector<Entry> entries_;
  std::unordered_map<MappedFile, ObjectId, MappedFileHash> ids_;
  // Without generation: the last one.
  std::unordered_map<MappedFile, ObjectId, MappedFileHash> latest_;
  std::vector<ObjectId> free_;
  std::size_t held_ = 0;  // files
  std::size_t next_sweep_ = first_sweep;
  std::size_t open_files_ = 0;
  std::size_t most_open_files_;
};

}  // namespace sightline::process
