// SPDX-License-Identifier: Apache-2.0
// The C libraries that processes have mapped, those of containers included, and
// where getaddrinfo() lies in each.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "base/handle.h"
#include "dns/library_slots.h"
#include "dns/newcomers.h"
#include "process/objects.h"
#include "process/proc.h"
#include "process/roots.h"

namespace sightline::dns {

struct Library {
  UniqueFd fd;
  std::string path;               // as its process sees it, raw bytes
  std::uint64_t getaddrinfo = 0;  // offset in the file
};

// Whether a file of that name may be glibc (libc.so.6, libc-2.31.so) or musl
// (ld-musl-x86_64.so.1, libc.so). Pure.
bool may_be_c_library(std::string_view path);

// Not thread-safe.
class Libraries {
 public:
  Libraries();

  // What was not there at the last call: the C libraries of processes that have
  // appeared since, and of the host the one that it starts programs with. Each
  // file comes once, whatever paths lead to it. It is opened through the
  // mapping, else by its path inside the root of that process. What is in it
  // the owner has chosen: it is only asked where its getaddrinfo() lies, what
  // is done there is done to those who map it, and it takes a slot of its
  // owner's, and of the mount namespace's in which it was seen first
  // (dns/library_slots.h). 32-bit files are passed over, and those
  // larger than any C library.
  //
  // A process is looked at in two calls, and again when it executes another
  // program (a container that is created first and started later), because a
  // container's first one is something else for a moment. Of processes that run
  // the same program in the same mount namespace a few are looked at in a
  // minute. Costs the reading of their maps, which is some 50 microseconds, and
  // one of /proc. The first call takes two seconds at most, the next ones some
  // ten milliseconds; processes for which that is not enough wait for the next
  // call. Without CAP_SYS_PTRACE other users' processes are passed over. Fails
  // with errno (no /proc).
  Result<std::vector<Library>> find_new();

  // Files that could not be opened, or for which there was no room.
  [[nodiscard]] std::size_t left_out() const { return left_out_.size(); }
  // Looks at processes that were given up, because too many waited.
  [[nodiscard]] std::uint64_t skipped() const { return newcomers_.skipped(); }

 private:
  // Device and inode, as the kernel tells them of mappings: overlayfs tells
  // stat(2) another device, and one file of an image is in many containers.
  using Identity = std::tuple<std::uint32_t, std::uint32_t, std::uint64_t>;

  // One call's: what was found, and what may still be done.
  struct Search {
    std::uint64_t until_ns = 0;
    std::size_t processes = 0;
    std::size_t files = 0;
    process::Objects objects = process::Objects();  // closes what was opened
    std::vector<Library> found = {};
  };

  Search begin() const;
  bool wants_look(std::uint32_t pid);
  void seek_executions(const Search& search, std::size_t count);
  bool is_known(const Identity& identity) const;
  void leave_out(const Identity& identity);
  void look_at(std::uint32_t pid, Search& search);
  void look_at_host(Search& search);
  void take(process::ObjectId id, const std::string& space, Search& search);

  // Of a process; empty where it is the host's, or ours.
  [[nodiscard]] std::string space_of(std::uint32_t pid) const;

  process::Roots roots_;
  std::array<std::string, 2> own_spaces_;  // mount namespaces: ours, the host's
  LibrarySlots slots_;
  std::set<Identity> taken_;
  std::set<Identity> known_;  // others, which are none or have no slot
  std::set<Identity> left_out_;
  Newcomers newcomers_;
  Executions executions_;
  SeenPrograms programs_;
  bool host_seen_ = false;
};

}  // namespace sightline::dns
