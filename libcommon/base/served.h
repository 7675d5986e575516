// SPDX-License-Identifier: Apache-2.0
// Files whose server decides when an answer comes: those of FUSE, NFS and their
// like. Whoever opens one, asks how large it is or what file system that is
// (stat(2), statfs(2)), waits for that server, and when it has taken the
// question and stops, not even SIGKILL ends the wait (request_wait_answer(),
// fs/fuse/dev.c, 5.10 to 6.18). Any user may mount a FUSE file system in a user
// namespace of his own. Here nobody is asked.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace sightline {

// What the kernel knows of a file by itself.
struct FileFacts {
  dev_t device = 0;
  std::uint64_t inode = 0;
  mode_t mode = 0;          // the type is right, permissions may be old
  std::uint64_t mount = 0;  // as mountinfo counts them; 0: not told

  bool operator==(const FileFacts&) const = default;
};

// `fd` may be of O_PATH. AT_STATX_DONT_SYNC (statx(2)) keeps FUSE, NFS and Ceph
// from asking; 9p and CIFS, which an administrator alone can mount, may ask.
// Nothing where that fails. Thread-safe.
std::optional<FileFacts> facts_of(int fd);

// Whether the file system `type`, as mountinfo writes it (`fuse.sshfs`), is
// served. Pure.
bool is_served_type(std::string_view type);

// The type of the file system that the file lies on, by the text of a mountinfo
// that has its mount or one of the same device. Pure.
std::optional<std::string_view> find_type(std::string_view mountinfo,
                                          const FileFacts& file);

// Whether the file is served, or may be: it lies neither on a block device, nor
// in memory, nor on the file system that is our own root (a machine whose root
// is served waits for that server in everything it does), and what it lies on
// is not known to be harmless. That is looked up among the mounts of the
// process `pid` (0: of none), our own and those of process 1. A descriptor,
// held by the caller, keeps its device from becoming another's meanwhile. What
// serves a block device (fuseblk) needs root, and is for the caller to find by
// statfs(2). Not seen: an overlay whose layers are served. Thread-safe.
bool may_be_served(int fd, std::uint32_t pid);

}  // namespace sightline
