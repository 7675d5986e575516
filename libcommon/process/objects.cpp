// SPDX-License-Identifier: Apache-2.0
#include "process/objects.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>

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

bool is_same_file(int fd, const MappedFile& file) {
  struct stat info{};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return false;
  return info.st_ino == file.inode && major(info.st_dev) == file.major &&
         minor(info.st_dev) == file.minor;
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

// Looks first (O_PATH opens nothing) and reads only what is the mapped file.
UniqueFd open_through_path(const MappedFile& file, Reason& reason) {
  UniqueFd seen(::open(file.path.c_str(), O_PATH | O_CLOEXEC));
  reason = Reason::file_gone;
  if (!seen || !is_same_file(seen.get(), file)) return {};
  auto again = fmt::format("/proc/self/fd/{}", seen.get());
  UniqueFd fd(::open(again.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  reason = fd ? Reason::none : Reason::not_permitted;
  return fd;
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
      "[unknown]", "[kernel]", "[vdso]", "[anon]"};
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
                      std::uint64_t end) {
  auto& entry = entries_[id];
  if (id < first_file_object || entry.fd || !room_for_another()) return;
  auto now = now_();
  if (now < entry.next_try_ns) return;
  entry.next_try_ns = now + retry_after_ns;
  entry.fd = open_through_mapping(pid, start, end);
  if (!entry.fd) entry.fd = open_through_path(entry.file, entry.reason);
  open_files_ += entry.fd ? 1 : 0;
}

Objects::Opened Objects::open(ObjectId id) {
  auto& entry = entries_[id];
  if (entry.fd) return {.fd = entry.fd.get()};
  auto fd = open_through_path(entry.file, entry.reason);
  if (!fd) return {.reason = entry.reason};
  if (!room_for_another()) return {.fd = fd.get(), .own = std::move(fd)};
  entry.fd = std::move(fd);
  ++open_files_;
  return {.fd = entry.fd.get()};
}

}  // namespace sightline::process
