// SPDX-License-Identifier: Apache-2.0
#include "base/served.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "base/file.h"
#include "base/handle.h"
#include "base/text.h"

namespace sightline {
namespace {

// Fields of a line: the mount's number, its parent's, the device, and behind
// the optional ones the type (Documentation/filesystems/proc.rst, 3.5).
constexpr std::size_t mount_field = 0;
constexpr std::size_t device_field = 2;
constexpr std::size_t fixed_fields = 6;

// A process may see 100,000 mounts (fs.mount-max).
constexpr std::size_t most_text = 32U << 20;

std::optional<FileFacts> facts(int fd, const char* path, int flags) {
  struct statx info{};
  constexpr unsigned wanted = STATX_TYPE | STATX_INO | STATX_MNT_ID;
  if (::statx(fd, path, flags | AT_STATX_DONT_SYNC, wanted, &info) != 0) {
    return std::nullopt;
  }
  bool has_mount = (info.stx_mask & STATX_MNT_ID) != 0;
  return FileFacts{.device = makedev(info.stx_dev_major, info.stx_dev_minor),
                   .inode = info.stx_ino,
                   .mode = info.stx_mode,
                   .mount = has_mount ? info.stx_mnt_id : 0};
}

// Of memfd_create(2), System V's shared memory and /dev/zero: one mount that
// the kernel made for itself and that is in no mountinfo (mm/shmem.c, shm_mnt).
bool is_memory(dev_t device) {
  static const dev_t memory = [] {
    UniqueFd fd(::memfd_create("sightline", MFD_CLOEXEC));
    auto file = fd ? facts_of(fd.get()) : std::nullopt;
    return file ? file->device : dev_t{0};
  }();
  return device == memory;
}

bool is_on_our_root(dev_t device) {
  auto root = facts(AT_FDCWD, "/", 0);
  return root && root->device == device;
}

}  // namespace

std::optional<FileFacts> facts_of(int fd) {
  return facts(fd, "", AT_EMPTY_PATH);
}

bool is_served_type(std::string_view type) {
  constexpr std::array<std::string_view, 14> served{
      "9p",      "afs",   "autofs", "ceph", "cifs", "coda",  "fuse",
      "fuseblk", "ncpfs", "nfs",    "nfs4", "smb3", "smbfs", "virtiofs"};
  return type.starts_with("fuse.") || type.starts_with("fuseblk.") ||
         std::ranges::find(served, type) != served.end();
}

std::optional<std::string_view> find_type(std::string_view mountinfo,
                                          const FileFacts& file) {
  auto device = fmt::format("{}:{}", major(file.device), minor(file.device));
  auto mount = std::to_string(file.mount);
  for (auto line : split(mountinfo, '\n')) {
    auto fields = split(line, ' ');
    if (fields.size() <= fixed_fields) continue;
    bool is_this = fields[device_field] == device ||
                   (file.mount != 0 && fields[mount_field] == mount);
    if (!is_this) continue;
    auto dash = std::find(fields.begin() + fixed_fields, fields.end(), "-");
    if (dash == fields.end() || dash + 1 == fields.end()) continue;
    return dash[1];
  }
  return std::nullopt;
}

bool may_be_served(int fd, std::uint32_t pid) {
  auto file = facts_of(fd);
  if (!file) return true;
  // What has no block device has a number of major 0 (get_anon_bdev()).
  bool harmless = major(file->device) != 0 || is_on_our_root(file->device) ||
                  is_memory(file->device);
  if (harmless) return false;
  for (const auto& who : {pid == 0 ? "self" : std::to_string(pid),
                          std::string("self"), std::string("1")}) {
    auto text = read_file(fmt::format("/proc/{}/mountinfo", who), most_text);
    auto type = text ? find_type(*text, *file) : std::nullopt;
    if (type) return is_served_type(*type);
  }
  return true;
}

}  // namespace sightline
