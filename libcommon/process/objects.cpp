// SPDX-License-Identifier: Apache-2.0
#include "process/objects.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/confined.h"
#include "base/served.h"
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

std::string_view without_suffix(std::string_view path) {
  if (path.ends_with(deleted_suffix)) path.remove_suffix(deleted_suffix.size());
  return path;
}

std::string short_name(const std::string& path) {
  auto text = without_suffix(path);
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

// 0 where the file system does not tell (FS_IOC_GETVERSION, ext4 and xfs do).
std::uint32_t generation_of(int fd) {
  long generation = 0;
  if (::ioctl(fd, FS_IOC_GETVERSION, &generation) != 0) return 0;
  return static_cast<std::uint32_t>(generation);
}

bool is_same_file(int fd, const MappedFile& file) {
  struct stat info{};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) ||
      info.st_ino != file.inode) {
    return false;
  }
  bool same_device =
      major(info.st_dev) == file.major && minor(info.st_dev) == file.minor;
  return same_device || hides_device(fd);
}

// Asked of a descriptor that was opened, for O_PATH takes no ioctl.
bool is_same_generation(int fd, const MappedFile& file) {
  auto generation = file.generation != 0 ? generation_of(fd) : 0;
  return generation == 0 || generation == file.generation;
}

std::uint64_t written_ns(int fd) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return 0;
  return static_cast<std::uint64_t>(info.st_mtim.tv_sec) * ns_per_second +
         static_cast<std::uint64_t>(info.st_mtim.tv_nsec);
}

// What the kernel calls memory that is shared without a file (mm/shmem.c,
// mm/memfd.c, ipc/shm.c).
bool is_memory_name(std::string_view path) {
  constexpr std::array<std::string_view, 4> names{"/memfd:", "/dev/zero",
                                                  "/anon_hugepage", "/SYSV"};
  return std::ranges::any_of(
      names, [path](auto name) { return path.starts_with(name); });
}

bool is_elf(int fd) {
  std::array<char, 4> magic{};
  return ::pread(fd, magic.data(), magic.size(), 0) == 4 &&
         std::string_view(magic.data(), magic.size()) ==
             "\x7f"
             "ELF";
}

// Looked at first (O_PATH opens nothing): by the time that it is asked for,
// another file may be mapped there. The kernel follows the mapping itself, so
// no path is involved; needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN
// (fs/proc/base.c, map_files). Before anything is asked of the file itself it
// must be sure that no server answers: its process may have mounted it.
UniqueFd open_through_mapping(const MappedFile& file, std::uint32_t pid,
                              std::uint64_t start, std::uint64_t end) {
  auto path = fmt::format("/proc/{}/map_files/{:x}-{:x}", pid, start, end);
  UniqueFd seen(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!seen || may_be_served(seen.get(), pid)) return {};
  if (!is_same_file(seen.get(), file)) return {};
  auto again = fmt::format("/proc/self/fd/{}", seen.get());
  return UniqueFd(::open(again.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
}

Reason reason_of(const Error& error) {
  if (error.kind == ErrorKind::permission) return Reason::not_permitted;
  bool no_room =
      error.err == EMFILE || error.err == ENFILE || error.err == ENOMEM;
  return no_room ? Reason::too_many_files : Reason::file_gone;
}

UniqueFd open_in_root(const MappedFile& file, const Root& root,
                      Reason& reason) {
  auto fd = open_regular(descriptor(root), file.path);
  if (fd && is_same_file(fd->get(), file)) {
    reason = Reason::none;
    return *std::move(fd);
  }
  reason = fd ? Reason::file_gone : reason_of(fd.error());
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
  return hash ^ file.generation ^ (file.inode * 0x9e3779b97f4a7c15ULL) ^
         (device << 1);
}

Objects::Objects(std::uint64_t (*now)())
    : now_(now), most_open_files_(descriptor_share()) {
  constexpr std::array<std::string_view, first_file_object> names{
      "[unknown]", "[kernel]", "[vdso]", "[anon]", "[jit]"};
  for (auto name : names) entries_.push_back({.name = std::string(name)});
}

ObjectId Objects::add(const MappedFile& file) {
  auto id = static_cast<ObjectId>(entries_.size());
  if (free_.empty()) {
    entries_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  ++held_;
  entries_[id] = {.file = file,
                  .name = short_name(file.path),
                  .seen_ns = realtime_ns(),
                  .is_memory = is_memory_name(file.path)};
  return id;
}

ObjectId Objects::intern(const MappedFile& file) {
  if (file.inode == 0) {
    return file.path == "[vdso]" ? vdso_object : anonymous_object;
  }
  if (auto known = ids_.find(file); known != ids_.end()) return known->second;
  auto base = file;
  base.generation = 0;
  auto last = latest_.find(base);
  bool named = last != latest_.end();
  if (named && file.generation == 0) return last->second;
  // The one without a generation may turn out to be this one.
  if (named && entries_[last->second].file.generation == 0) {
    auto& entry = entries_[last->second];
    if (entry.fd && generation_of(entry.fd.get()) == file.generation) {
      entry.file.generation = file.generation;
      return ids_[file] = last->second;
    }
  }
  auto id = add(file);
  ids_[file] = id;
  latest_[base] = id;
  return id;
}

// What the mapping will say: the path from our root as d_path() has it. Where
// the file system hides its device (see hides_device) the two do not meet.
ObjectId Objects::intern_file(UniqueFd fd) {
  struct stat info{};
  std::error_code error;
  auto link = fmt::format("/proc/self/fd/{}", fd.get());
  auto path = std::filesystem::read_symlink(link, error);
  if (error || ::fstat(fd.get(), &info) != 0) return no_object;
  auto id = intern({.major = major(info.st_dev),
                    .minor = minor(info.st_dev),
                    .inode = info.st_ino,
                    .path = path});
  if (id < first_file_object) return no_object;
  auto& entry = entries_[id];
  if (!entry.fd && room_for_another()) take(entry, std::move(fd));
  return id;
}

bool Objects::is_generated(ObjectId id) const {
  return entries_[id].is_memory && !entries_[id].is_program;
}

const MappedFile& Objects::file(ObjectId id) const { return entries_[id].file; }

std::string_view Objects::name(ObjectId id) const { return entries_[id].name; }

std::string_view Objects::path(ObjectId id) const {
  return without_suffix(entries_[id].file.path);
}

bool Objects::room_for_another() { return open_files_ < most_open_files_; }

// Written to after it was mapped, it is another program.
bool Objects::take(Entry& entry, UniqueFd fd) {
  bool changed = !entry.grows && written_ns(fd.get()) > entry.seen_ns;
  if (changed || !is_same_generation(fd.get(), entry.file)) {
    entry.reason = changed ? Reason::file_changed : Reason::file_gone;
    return false;
  }
  entry.is_program = is_elf(fd.get());
  entry.fd = std::move(fd);
  ++open_files_;
  return true;
}

void Objects::capture(ObjectId id, std::uint32_t pid, std::uint64_t start,
                      std::uint64_t end, const Root& root) {
  auto& entry = entries_[id];
  if (id < first_file_object || entry.fd) return;
  if (root) entry.root = root;
  if (!room_for_another()) return;
  auto now = now_();
  if (now < entry.next_try_ns) return;
  entry.next_try_ns = now + retry_after_ns;
  auto fd = open_through_mapping(entry.file, pid, start, end);
  if (!fd) fd = open_through_path(entry.file, entry.root, entry.reason);
  if (fd) take(entry, std::move(fd));
}

bool Objects::attach(ObjectId id, UniqueFd fd) {
  if (!room_for_another()) return false;
  entries_[id].seen_ns = UINT64_MAX;
  return take(entries_[id], std::move(fd));
}

UniqueFd Objects::Opened::take() {
  if (own || fd < 0) return std::move(own);
  return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

Objects::Opened Objects::open(ObjectId id) {
  auto& entry = entries_[id];
  int root = descriptor(entry.root);
  if (entry.fd && !entry.grows && written_ns(entry.fd.get()) > entry.seen_ns) {
    return {.reason = Reason::file_changed};
  }
  if (entry.fd) return {.fd = entry.fd.get(), .root = root};
  auto fd = open_through_path(entry.file, entry.root, entry.reason);
  if (!fd || !take(entry, std::move(fd))) return {.reason = entry.reason};
  if (open_files_ <= most_open_files_) {
    return {.fd = entry.fd.get(), .root = root};
  }
  --open_files_;
  auto own = std::exchange(entry.fd, UniqueFd());
  return {.fd = own.get(), .own = std::move(own), .root = root};
}

void Objects::keep(const std::vector<bool>& live) {
  auto dead = [&](ObjectId id) { return id >= live.size() || !live[id]; };
  std::erase_if(ids_, [&](const auto& known) { return dead(known.second); });
  std::erase_if(latest_, [&](const auto& known) { return dead(known.second); });
  std::vector<bool> is_free(entries_.size());
  for (auto id : free_) is_free[id] = true;
  for (ObjectId id = first_file_object; id < entries_.size(); ++id) {
    if (is_free[id] || !dead(id)) continue;
    open_files_ -= entries_[id].fd ? 1 : 0;
    entries_[id] = {};
    free_.push_back(id);
    --held_;
  }
  next_sweep_ = std::max(first_sweep, 2 * held_);
}

}  // namespace sightline::process
