// SPDX-License-Identifier: Apache-2.0
// The C libraries that processes have mapped, those of containers included, and
// where getaddrinfo() lies in each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "base/handle.h"
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
  // What was not there at the last call: the C libraries of processes that have
  // appeared since, and of the host the one that it starts programs with. Each
  // file comes once, whatever paths lead to it. It is opened through the
  // mapping, else by its path inside the root of that process. Whose file it is
  // does not matter: it is only asked where its getaddrinfo() lies, and what is
  // done there is done to those who map it. 32-bit files are passed over.
  //
  // A process is looked at in two calls, because a container's first one is
  // something else for a moment. Costs the reading of its maps, which is some
  // 50 microseconds, and one of /proc for all others. Without CAP_SYS_PTRACE
  // other users' processes are passed over. Fails with errno (no /proc).
  Result<std::vector<Library>> find_new();

  // Files that could not be opened, or for which there was no room.
  [[nodiscard]] std::size_t left_out() const { return left_out_.size(); }

  // Each costs who attaches to it four descriptors.
  static constexpr std::size_t most = 128;

 private:
  // Device and inode, as the kernel tells them of mappings: overlayfs tells
  // stat(2) another device, and one file of an image is in many containers.
  using Identity = std::tuple<std::uint32_t, std::uint32_t, std::uint64_t>;
  using Found = std::vector<Library>;

  void look_at(std::uint32_t pid, process::Objects& objects, Found& found);
  void look_at_host(process::Objects& objects, Found& found);
  void take(process::ObjectId id, process::Objects& objects, Found& found);

  process::Roots roots_;
  std::set<Identity> known_;
  std::set<Identity> left_out_;
  // Of the last call and of the one before it, ascending.
  std::vector<std::uint32_t> last_;
  std::vector<std::uint32_t> before_;
  std::size_t taken_ = 0;
  bool host_seen_ = false;
};

}  // namespace sightline::dns
