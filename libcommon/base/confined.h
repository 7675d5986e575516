// SPDX-License-Identifier: Apache-2.0
// Files that a stranger names or owns: a path is followed inside one root, and
// nothing but a regular file is ever opened.
#pragma once

#include <string>

#include "base/error.h"
#include "base/handle.h"

namespace sightline {

// Opens a directory to look paths up in (O_PATH): a mount namespace's root as
// /proc/PID/root shows it, which stays usable after that process has ended.
// Fails with errno.
Result<UniqueFd> open_root(const std::string& path);

// Opens `path` for reading as a process sees it whose root is `root` (from
// open_root(); -1: our own). Neither ".." nor a symbolic link leads out of
// that root, nor does one through /proc (openat2(2), since Linux 5.6). What is
// no regular file is not opened at all, so that no FIFO blocks and no device
// notices, and neither is one of proc, sysfs, tracefs and their like, where the
// mere reading can change something: it fails with EINVAL. Otherwise fails with
// errno. Thread-safe.
Result<UniqueFd> open_regular(int root, const std::string& path);

}  // namespace sightline
