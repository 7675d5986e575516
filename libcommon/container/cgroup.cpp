// SPDX-License-Identifier: Apache-2.0
#include "container/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "base/file.h"
#include "base/mount.h"
#include "base/text.h"
#include "base/units.h"

namespace sightline::container {
namespace {

constexpr std::size_t max_mountinfo = 16U << 20;

// FILEID_KERNFS, include/linux/exportfs.h, 5.5: the handle is the 64-bit id.
constexpr int kernfs_handle = 0xfe;

// The kernfs id, which is cgroup_id(), travels as the directory's file handle
// (kernfs_encode_fh, fs/kernfs/mount.c, 5.5). The inode number is the same
// where ino_t has 64 bits, and no filter of system calls hides it.
Result<std::uint64_t> read_id(int fd) {
  std::uint64_t id = 0;
  alignas(file_handle) char space[sizeof(file_handle) + sizeof(id)] = {};
  auto* handle = reinterpret_cast<file_handle*>(space);
  handle->handle_bytes = sizeof(id);
  int mount_id = 0;
  if (name_to_handle_at(fd, "", handle, &mount_id, AT_EMPTY_PATH) == 0 &&
      handle->handle_type == kernfs_handle) {
    std::memcpy(&id, handle->f_handle, sizeof(id));
    return id;
  }
  struct stat status{};
  if (fstat(fd, &status) < 0) return fail_errno("cannot read a cgroup's id");
  return status.st_ino;
}

// Joined with single slashes and without "." and trailing slashes: "/a/b".
std::string normalize(std::string_view path) {
  std::string out;
  for (auto part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    out += '/';
    out += part;
  }
  return out;
}

// The part of a normalized path below the mount point, if it is below.
std::optional<std::string> below(const std::string& path,
                                 const std::string& mount) {
  if (!path.starts_with(mount)) return std::nullopt;
  auto rest = path.substr(mount.size());
  if (!rest.empty() && rest.front() != '/') return std::nullopt;
  return rest;
}

bool is_cgroup1(const std::string& path) {
  struct statfs status{};
  return statfs(path.c_str(), &status) == 0 &&
         status.f_type == CGROUP_SUPER_MAGIC;
}

std::unexpected<Error> fail_missing(std::string_view path,
                                    const std::string& mount) {
  return fail(ErrorKind::runtime,
              fmt::format("no such cgroup: '{}'", printable(path)),
              fmt::format("cgroups are the directories below {}; a process has "
                          "its own in /proc/PID/cgroup",
                          printable(mount)));
}

std::unexpected<Error> fail_to_open(std::string_view path,
                                    const std::string& normalized,
                                    const std::string& mount, int err) {
  if (path.starts_with('/') && is_cgroup1(normalized)) {
    return fail(ErrorKind::runtime,
                fmt::format("'{}' is a cgroup of version 1, a cgroup of "
                            "version 2 is needed",
                            printable(path)),
                fmt::format("those are below {}", printable(mount)));
  }
  if (err == ENOENT || err == ENOTDIR) return fail_missing(path, mount);
  return fail_errno(fmt::format("cannot open cgroup '{}'", printable(path)),
                    err);
}

Status check_spelling(std::string_view path) {
  auto parts = split(path, '/');
  if (!path.empty() && std::ranges::find(parts, "..") == parts.end() &&
      path.find('\0') == std::string_view::npos) {
    return {};
  }
  return fail(ErrorKind::usage,
              fmt::format("expected the path of a cgroup, without '..', got "
                          "'{}'",
                          printable(path)));
}

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

// Calls visit(fd) for the directory itself; returns its subdirectories' names.
template <typename Visit>
std::vector<std::string> read_directory(const std::string& path, Visit visit) {
  std::vector<std::string> children;
  std::unique_ptr<DIR, CloseDirectory> directory(opendir(path.c_str()));
  if (!directory) return children;
  visit(dirfd(directory.get()));
  while (const auto* entry = readdir(directory.get())) {
    std::string_view name = entry->d_name;
    if (entry->d_type != DT_DIR || name == "." || name == "..") continue;
    children.emplace_back(name);
  }
  return children;
}

}  // namespace

Result<std::string> cgroup2_mount() {
  auto text = SL_TRY(read_file("/proc/self/mountinfo", max_mountinfo));
  if (auto mount = find_mount(text, "cgroup2")) return *mount;
  return fail(ErrorKind::unsupported, "cgroup 2 is not mounted",
              "sudo mount -t cgroup2 none /mnt mounts it");
}

Result<Cgroup> open_cgroup(std::string_view path, const std::string& mount) {
  SL_CHECK(check_spelling(path));
  auto normalized = normalize(path);
  auto name = path.front() == '/'
                  ? below(normalized, mount).value_or(normalized)
                  : normalized;
  UniqueFd fd(::open((mount + name).c_str(),
                     O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return fail_to_open(path, normalized, mount, errno);
  struct statfs status{};
  if (fstatfs(fd.get(), &status) < 0 || status.f_type != CGROUP2_SUPER_MAGIC) {
    return fail_missing(path, mount);
  }
  auto id = SL_TRY(read_id(fd.get()));
  return Cgroup{std::move(fd), id, name.empty() ? "/" : name};
}

Result<Cgroup> open_cgroup(std::string_view path) {
  SL_CHECK(check_spelling(path));
  return open_cgroup(path, SL_TRY(cgroup2_mount()));
}

std::optional<std::string> CgroupNames::find(std::uint64_t id,
                                             std::uint64_t now_ns) {
  auto known = names_.find(id);
  if (known == names_.end() &&
      (!read_at_ns_ || now_ns - *read_at_ns_ >= ns_per_second)) {
    read_at_ns_ = now_ns;
    read_hierarchy();
    known = names_.find(id);
  }
  if (known == names_.end()) return std::nullopt;
  return known->second;
}

// Breadth first, so that a hierarchy over the bound loses its deepest names.
// The bound is on directories read, which bounds the time of one reading too.
void CgroupNames::read_hierarchy() {
  if (names_.size() >= max_names_) names_.clear();
  std::vector<std::string> pending{""};
  for (std::size_t next = 0; next < pending.size(); ++next) {
    auto path = std::move(pending[next]);
    auto children = read_directory(mount_ + path, [&](int fd) {
      auto id = read_id(fd);
      if (id && names_.size() < max_names_)
        names_.insert_or_assign(*id, path.empty() ? "/" : path);
    });
    for (const auto& child : children) {
      if (pending.size() >= max_names_) break;
      pending.push_back(path + '/' + child);
    }
  }
}

}  // namespace sightline::container
