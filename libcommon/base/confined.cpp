// SPDX-License-Identifier: Apache-2.0
#include "base/confined.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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
  if (!is_regular(seen.get())) return fail_errno(what, EINVAL);
  auto again = fmt::format("/proc/self/fd/{}", seen.get());
  UniqueFd fd(
      ::open(again.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) return fail_errno(what);
  return fd;
}

}  // namespace sightline
