// SPDX-License-Identifier: Apache-2.0
// Files that a stranger names or owns: a path is followed inside one root, and
// nothing but a regular file is ever opened.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/handle.h"

namespace sightline {

// Opens a directory to look paths up in (O_PATH): a mount namespace's root as
// /proc/PID/root shows it, which stays usable after that process has ended;
// `pid` is that process, whose mounts tell whether the directory is served (see
// base/served.h; 0: of ours). Fails with errno, EREMOTE where it is, or may be.
Result<UniqueFd> open_root(const std::string& path, std::uint32_t pid = 0);

// Opens `path` for reading as a process sees it whose root is `root` (from
// open_root(); -1: our own). Neither ".." nor a symbolic link leads out of
// that root, nor does one through /proc (openat2(2), since Linux 5.6). What is
// no regular file is not opened at all, so that no FIFO blocks and no device
// notices, and neither is one of proc, sysfs, tracefs and their like, where the
// mere reading can change something: it fails with EINVAL. Otherwise fails with
// errno. Thread-safe.
//
// Nor is a file opened, or a name looked up, on a file system that is served by
// a user's process or over a network (FUSE, NFS and their like), whose server
// may let us wait for ever: EREMOTE, unless our own root is on the same one.
// Nobody is asked to find that out, see base/served.h.
Result<UniqueFd> open_regular(int root, const std::string& path);

// The same for a file of a directory that everybody may write to. No symbolic
// link is followed at all (ELOOP) and the file is on the directory's own mount
// (EXDEV), so that nobody can lead the lookup to a file system of his own.
Result<UniqueFd> open_in_directory(int root, const std::string& directory,
                                   const std::string& name);

}  // namespace sightline
