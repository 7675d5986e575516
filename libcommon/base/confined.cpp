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
#include <climits>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/served.h"
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

// See may_be_served().
bool is_on_our_root(int fd) {
  struct stat here{};
  struct stat root{};
  return ::fstat(fd, &here) == 0 && ::stat("/", &root) == 0 &&
         here.st_dev == root.st_dev;
}

// Why a file that was looked up must not be opened, of which it is known that
// nobody serves it, or known too little: an errno, or 0.
int why_not(int fd) {
  struct statfs system{};
  if (::fstatfs(fd, &system) != 0) return errno;
  if (is_served(system.f_type) && !is_on_our_root(fd)) return EREMOTE;
  return !is_regular(fd) || is_made_up(system.f_type) ? EINVAL : 0;
}

std::string read_link(int fd) {
  std::array<char, PATH_MAX> text{};
  auto size = ::readlinkat(fd, "", text.data(), text.size());
  return size < 0 ? "" : std::string(text.data(), size);
}

// A path followed a name at a time, where it crosses mounts: nothing is looked
// up on a file system before it is known that nobody serves it. What ".." leads
// back to is kept and never looked up, so that it cannot lead out.
class Walk {
 public:
  Walk(int root, bool follows) : root_(root), follows_(follows) {}

  // O_PATH; sets errno where it ends.
  UniqueFd to(const std::string& path) {
    add(path);
    while (!left_.empty()) {
      auto name = std::exchange(left_.back(), {});
      left_.pop_back();
      if (name == "..") {
        if (!passed_.empty()) passed_.pop_back();
      } else if (!step(name)) {
        return {};
      }
    }
    if (!passed_.empty()) return std::move(passed_.back());
    return UniqueFd(::fcntl(root_, F_DUPFD_CLOEXEC, 0));
  }

 private:
  static constexpr int most_links = 40;  // as the kernel's (MAXSYMLINKS)

  [[nodiscard]] int here() const {
    return passed_.empty() ? root_ : passed_.back().get();
  }
  void add(std::string_view path) {
    auto names = split(path, '/');
    for (auto name = names.rbegin(); name != names.rend(); ++name) {
      if (!name->empty() && *name != ".") left_.emplace_back(*name);
    }
  }
  static bool fails(int err) {
    errno = err;
    return false;
  }
  bool step(const std::string& name) {
    UniqueFd next(
        ::openat(here(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!next) return false;
    auto before = facts_of(here());
    auto after = facts_of(next.get());
    if (!before || !after) return fails(EIO);
    bool crosses =
        before->device != after->device || before->mount != after->mount;
    if (crosses && may_be_served(next.get(), 0)) return fails(EREMOTE);
    if (S_ISLNK(after->mode)) return follow(next.get());
    passed_.push_back(std::move(next));
    return true;
  }
  // Those of proc lead past all mounts.
  bool follow(int link) {
    struct statfs system{};
    bool may_follow = follows_ && ::fstatfs(link, &system) == 0 &&
                      system.f_type != PROC_SUPER_MAGIC;
    if (!may_follow || ++links_ > most_links) return fails(ELOOP);
    auto target = read_link(link);
    if (target.empty()) return fails(ENOENT);
    if (target.starts_with('/')) passed_.clear();
    add(target);
    return true;
  }

  int root_;
  bool follows_;
  int links_ = 0;
  std::vector<std::string> left_;  // the next one last
  std::vector<UniqueFd> passed_;
};

// In one call where the path stays on one mount, the one that the root is on,
// which is asked for anyway.
UniqueFd look_up_in_root(int root, const std::string& path, bool follows) {
  auto links = follows ? 0 : RESOLVE_NO_SYMLINKS;
  auto fd = look_up(root, path, RESOLVE_IN_ROOT | RESOLVE_NO_XDEV | links);
  return fd || errno != EXDEV ? std::move(fd) : Walk(root, follows).to(path);
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

Result<UniqueFd> open_root(const std::string& path, std::uint32_t pid) {
  auto root = SL_TRY(open_file(path, O_PATH | O_DIRECTORY));
  if (may_be_served(root.get(), pid)) {
    return fail_errno(fmt::format("cannot use '{}'", printable(path)), EREMOTE);
  }
  return root;
}

Result<UniqueFd> open_regular(int root, const std::string& path) {
  UniqueFd own;
  root = SL_TRY(root_or_own(root, own));
  return open_seen(look_up_in_root(root, path, true), path);
}

Result<UniqueFd> open_in_directory(int root, const std::string& directory,
                                   const std::string& name) {
  UniqueFd own;
  root = SL_TRY(root_or_own(root, own));
  auto in = look_up_in_root(root, directory, false);
  auto path = fmt::format("{}/{}", directory, name);
  if (!in) return open_seen(in, path);
  return open_seen(
      look_up(in.get(), name,
              RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV),
      path);
}

}  // namespace sightline
