// SPDX-License-Identifier: Apache-2.0
#include "base/confined.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "base/file.h"
#include "base/text.h"

namespace sightline {
namespace {

UniqueFd look_up(int root, const std::string& path, std::uint64_t resolve) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = resolve | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(static_cast<int>(
      ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how))));
}

bool is_regular(int fd) {
  struct stat info{};
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

// Files that the kernel makes up call themselves regular, but opening or
// reading one can take something away (trace_pipe) or set something off.
bool is_made_up(long kind) {
  constexpr std::array<long, 9> kinds = {
      PROC_SUPER_MAGIC, SYSFS_MAGIC,         TRACEFS_MAGIC,
      DEBUGFS_MAGIC,    SECURITYFS_MAGIC,    CGROUP_SUPER_MAGIC,
      SELINUX_MAGIC,    CGROUP2_SUPER_MAGIC, PSTOREFS_MAGIC};
  return std::ranges::find(kinds, kind) != kinds.end();
}

// Where a server decides when a read ends.
bool is_served(long kind) {
  constexpr std::array<long, 12> kinds = {
      AUTOFS_SUPER_MAGIC, FUSE_SUPER_MAGIC, V9FS_MAGIC,       NFS_SUPER_MAGIC,
      SMB_SUPER_MAGIC,    CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC, CEPH_SUPER_MAGIC,
      CODA_SUPER_MAGIC,   AFS_SUPER_MAGIC,  AFS_FS_MAGIC,     NCP_SUPER_MAGIC};
  return std::ranges::find(kinds, kind) != kinds.end();
}

// A machine whose own root is served (a virtual machine's virtiofs, NFS) waits
// for that server in everything it does.
bool is_on_our_root(int fd) {
  struct stat here{};
  struct stat root{};
  return ::fstat(fd, &here) == 0 && ::stat("/", &root) == 0 &&
         here.st_dev == root.st_dev;
}

// Why a file that was looked up must not be opened: an errno, or 0.
int why_not(int fd) {
  struct statfs system{};
  if (::fstatfs(fd, &system) != 0) return errno;
  if (is_served(system.f_type) && !is_on_our_root(fd)) return EREMOTE;
  return !is_regular(fd) || is_made_up(system.f_type) ? EINVAL : 0;
}

// Looked at first (O_PATH opens nothing), and then the same file is opened.
Result<UniqueFd> open_seen(const UniqueFd& seen, const std::string& path) {
  auto what = fmt::format("cannot open '{}'", printable(path));
  if (!seen) return fail_errno(what);
  if (int err = why_not(seen.get()); err != 0) return fail_errno(what, err);
  auto again = fmt::format("/proc/self/fd/{}", seen.get());
  UniqueFd fd(
      ::open(again.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) return fail_errno(what);
  return fd;
}

// `root`, or our own, which `own` then holds.
Result<int> root_or_own(int root, UniqueFd& own) {
  if (root >= 0) return root;
  own = SL_TRY(open_root("/"));
  return own.get();
}

}  // namespace

Result<UniqueFd> open_root(const std::string& path) {
  return open_file(path, O_PATH | O_DIRECTORY);
}

Result<UniqueFd> open_regular(int root, const std::string& path) {
  UniqueFd own;
  root = SL_TRY(root_or_own(root, own));
  return open_seen(look_up(root, path, RESOLVE_IN_ROOT), path);
}

Result<UniqueFd> open_in_directory(int root, const std::string& directory,
                                   const std::string& name) {
  UniqueFd own;
  root = SL_TRY(root_or_own(root, own));
  auto in = look_up(root, directory, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
  auto path = fmt::format("{}/{}", directory, name);
  if (!in) return open_seen(in, path);
  return open_seen(
      look_up(in.get(), name,
              RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV),
      path);
}

}  // namespace sightline
