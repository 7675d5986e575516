// SPDX-License-Identifier: Apache-2.0
#include "process/objects.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>

#include "base/confined.h"
#include "base/units.h"

namespace sightline::process {
namespace {

using symbol::Reason;

// Every frame in a file that cannot be opened asks for it again; another
// process may lead to it by then.
constexpr std::uint64_t retry_after_ns = ns_per_second;

constexpr std::string_view deleted_suffix = " (deleted)";

// Descriptors are shared with perf events and maps: a quarter of what the
// process may have, at most.
std::size_t descriptor_share() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return std::clamp<std::size_t>(limit.rlim_cur / 4, 64, 4096);
}

std::string short_name(const std::string& path) {
  std::string_view text = path;
  if (text.ends_with(deleted_suffix)) text.remove_suffix(deleted_suffix.size());
  auto slash = text.rfind('/');
  if (slash != std::string_view::npos) text.remove_prefix(slash + 1);
  return std::string(text);
}

// What overlayfs and btrfs tell of a file is not the device that its mappings
// carry, which is that of the layer below or of the whole file system; the
// inode number is the same (overlayfs: where all layers lie on one file system,
// Documentation/filesystems/overlayfs.rst, "Inode properties").
bool hides_device(int fd) {
  struct statfs info{};
  return ::fstatfs(fd, &info) == 0 && (info.f_type == OVERLAYFS_SUPER_MAGIC ||
                                       info.f_type == BTRFS_SUPER_MAGIC);
}

bool is_same_file(int fd, const MappedFile& file) {
  struct stat info{};
  if (::fstat(fd, &info) != 0 || info.st_ino != file.inode) return false;
  bool same_device =
      major(info.st_dev) == file.major && minor(info.st_dev) == file.minor;
  return same_device || hides_device(fd);
}

bool is_regular(int fd) {
  struct stat info{};
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

// The kernel follows the mapping itself, so no path is involved; needs
// CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN (fs/proc/base.c, map_files).
UniqueFd open_through_mapping(std::uint32_t pid, std::uint64_t start,
                              std::uint64_t end) {
  auto path = fmt::format("/proc/{}/map_files/{:x}-{:x}", pid, start, end);
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (fd && !is_regular(fd.get())) fd.reset();
  return fd;
}

UniqueFd open_in_root(const MappedFile& file, const Root& root,
                      Reason& reason) {
  auto fd = open_regular(descriptor(root), file.path);
  if (fd && is_same_file(fd->get(), file)) {
    reason = Reason::none;
    return *std::move(fd);
  }
  bool refused = !fd && fd.error().kind == ErrorKind::permission;
  reason = refused ? Reason::not_permitted : Reason::file_gone;
  return {};
}

// A process may have mapped the file before it changed its root.
UniqueFd open_through_path(const MappedFile& file, const Root& root,
                           Reason& reason) {
  auto fd = open_in_root(file, root, reason);
  return fd || !root ? std::move(fd) : open_in_root(file, nullptr, reason);
}

}  // namespace

std::size_t MappedFileHash::operator()(const MappedFile& file) const {
  auto hash = std::hash<std::string>{}(file.path);
  auto device = std::size_t{file.major} << 32 | file.minor;
  return hash ^ (file.inode * 0x9e3779b97f4a7c15ULL) ^ (device << 1);
}

Objects::Objects(std::uint64_t (*now)())
    : now_(now), most_open_files_(descriptor_share()) {
  constexpr std::array<std::string_view, first_file_object> names{
      "[unknown]", "[kernel]", "[vdso]", "[anon]", "[jit]"};
  for (auto name : names) entries_.push_back({.name = std::string(name)});
}

ObjectId Objects::intern(const MappedFile& file) {
  if (file.path == "[vdso]") return vdso_object;
  if (file.inode == 0) return anonymous_object;
  auto [at, added] = ids_.try_emplace(file, entries_.size());
  if (added) entries_.push_back({.file = file, .name = short_name(file.path)});
  return at->second;
}

const MappedFile& Objects::file(ObjectId id) const { return entries_[id].file; }

std::string_view Objects::name(ObjectId id) const { return entries_[id].name; }

bool Objects::room_for_another() { return open_files_ < most_open_files_; }

void Objects::capture(ObjectId id, std::uint32_t pid, std::uint64_t start,
                      std::uint64_t end, const Root& root) {
  auto& entry = entries_[id];
  if (id < first_file_object) return;
  if (entry.fd) return;
  if (root) entry.root = root;
  if (!room_for_another()) return;
  auto now = now_();
  if (now < entry.next_try_ns) return;
  entry.next_try_ns = now + retry_after_ns;
  entry.fd = open_through_mapping(pid, start, end);
  if (!entry.fd) {
    entry.fd = open_through_path(entry.file, entry.root, entry.reason);
  }
  open_files_ += entry.fd ? 1 : 0;
}

Objects::Opened Objects::open(ObjectId id) {
  auto& entry = entries_[id];
  int root = descriptor(entry.root);
  if (entry.fd) return {.fd = entry.fd.get(), .root = root};
  auto fd = open_through_path(entry.file, entry.root, entry.reason);
  if (!fd) return {.reason = entry.reason};
  if (!room_for_another()) {
    return {.fd = fd.get(), .own = std::move(fd), .root = root};
  }
  entry.fd = std::move(fd);
  ++open_files_;
  return {.fd = entry.fd.get(), .root = root};
}

}  // namespace sightline::process
