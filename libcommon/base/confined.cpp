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

#include "base/file.h"
#include "base/text.h"

namespace sightline {
namespace {

UniqueFd look_up(int root, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(static_cast<int>(
      ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how))));
}

bool is_regular(int fd) {
  struct stat info{};
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

// Files that the kernel makes up call themselves regular, but opening or
// reading one can take something away (trace_pipe) or set something off.
bool is_made_up(int fd) {
  constexpr std::array<long, 9> kinds = {
      PROC_SUPER_MAGIC, SYSFS_MAGIC,         TRACEFS_MAGIC,
      DEBUGFS_MAGIC,    SECURITYFS_MAGIC,    CGROUP_SUPER_MAGIC,
      SELINUX_MAGIC,    CGROUP2_SUPER_MAGIC, PSTOREFS_MAGIC};
  struct statfs system{};
  return ::fstatfs(fd, &system) != 0 ||
         std::ranges::find(kinds, system.f_type) != kinds.end();
}

}  // namespace

Result<UniqueFd> open_root(const std::string& path) {
  return open_file(path, O_PATH | O_DIRECTORY);
}

Result<UniqueFd> open_regular(int root, const std::string& path) {
  UniqueFd own;
  if (root < 0) {
    own = SL_TRY(open_root("/"));
    root = own.get();
  }
  auto what = fmt::format("cannot open '{}'", printable(path));
  // Looked at first (O_PATH opens nothing), and then the same file is opened.
  auto seen = look_up(root, path);
  if (!seen) return fail_errno(what);
  if (!is_regular(seen.get()) || is_made_up(seen.get())) {
    return fail_errno(what, EINVAL);
  }
  auto again = fmt::format("/proc/self/fd/{}", seen.get());
  UniqueFd fd(
      ::open(again.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) return fail_errno(what);
  return fd;
}

}  // namespace sightline
