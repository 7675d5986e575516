// SPDX-License-Identifier: Apache-2.0
#include "symbol/jit_code.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ranges>
#include <utility>

#include "base/confined.h"

namespace sightline::symbol {
namespace {

// A runtime writes one, and a library that generates code may be another one.
constexpr std::size_t max_dumps = 2;

Reason why_not_opened(const Error& error) {
  switch (error.err) {
    case ENOENT:
    case ENOTDIR:
      return Reason::no_jit_map;
    case EACCES:
    case EPERM:
      return Reason::not_permitted;
    default:
      return Reason::jit_map_refused;
  }
}

}  // namespace

bool is_jitdump_path(std::string_view path) {
  constexpr std::string_view before = "/jit-";
  constexpr std::string_view behind = ".dump";
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return false;
  path.remove_prefix(slash);
  if (!path.starts_with(before) || !path.ends_with(behind)) return false;
  path.remove_prefix(before.size());
  if (path.size() <= behind.size()) return false;
  path.remove_suffix(behind.size());
  return std::ranges::all_of(path, [](char c) { return c >= '0' && c <= '9'; });
}

JitCode JitCode::open(const JitPlace& place) {
  JitCode code;
  code.place_ = place;
  code.foreign_root_ = place.root_fd >= 0;
  code.open_map();
  if (!code.map_ && code.foreign_root_) {
    code.root_.reset(::fcntl(place.root_fd, F_DUPFD_CLOEXEC, 0));
  }
  code.place_.root_fd = code.root_.get();
  return code;
}

bool JitCode::is_trusted(uid_t owner) const {
  return owner == place_.owner || owner == user_now_ || owner == 0;
}

Reason JitCode::why_not_believed(int map) const {
  struct stat status{};
  if (::fstat(map, &status) != 0 || !is_trusted(status.st_uid)) {
    return Reason::jit_map_refused;
  }
  const bool stale = status.st_mtim.tv_sec + 1 < place_.started_s;
  return stale ? Reason::no_jit_map : Reason::none;
}

void JitCode::open_map() {
  auto fd = open_in_directory(place_.root_fd, "/tmp",
                              fmt::format("perf-{}.map", place_.namespace_pid));
  map_reason_ = fd ? why_not_believed(fd->get()) : why_not_opened(fd.error());
  if (map_reason_ != Reason::none) return;
  auto map = PerfMap::open(*std::move(fd));
  if (map) {
    map_ = *std::move(map);
  } else {
    map_reason_ = map.error();
  }
}

Reason JitCode::add_jitdump(UniqueFd fd) {
  struct stat status{};
  const bool trusted =
      ::fstat(fd.get(), &status) == 0 && is_trusted(status.st_uid);
  const auto known = std::ranges::find_if(dumps_, [&](const Dump& dump) {
    return dump.device == status.st_dev && dump.inode == status.st_ino;
  });
  if (trusted && known != dumps_.end()) return Reason::none;
  auto file = Jitdump::open(std::move(fd), place_.namespace_pid);
  if (!trusted || !file || dumps_.size() == max_dumps) {
    dump_reason_ = Reason::jitdump_refused;
    return dump_reason_;
  }
  dumps_.push_back({.device = status.st_dev,
                    .inode = status.st_ino,
                    .file = *std::move(file)});
  return Reason::none;
}

std::uint64_t JitCode::refresh(std::uint64_t most_bytes) {
  // A duplicate that could not be made must not become our own root.
  const bool may_look = place_.root_fd >= 0 || !foreign_root_;
  if (!map_ && may_look) {
    open_map();
    if (map_) {
      root_.reset();
      place_.root_fd = -1;
    }
  }
  std::uint64_t left = most_bytes;
  const auto read = [&left](auto& file) {
    left -= std::min(left, file.refresh(left));
  };
  if (map_) read(*map_);
  for (Dump& dump : dumps_) read(dump.file);
  return most_bytes - left;
}

std::expected<CodeSymbol, Reason> JitCode::find(std::uint64_t address,
                                                std::uint64_t from_ns,
                                                std::uint64_t to_ns) const {
  for (const Dump& dump : std::views::reverse(dumps_)) {
    auto found = dump.file.find(address, from_ns, to_ns);
    if (found || found.error() != Reason::none) return found;
  }
  if (map_) {
    if (auto found = map_->find(address)) return *found;
  }
  return std::unexpected(reason());
}

Reason JitCode::reason() const {
  if (map_) return Reason::no_covering_symbol;
  Reason reason = dump_reason_;
  for (const Dump& dump : dumps_) {
    if (dump.file.reason() == Reason::none) return Reason::no_covering_symbol;
    reason = dump.file.reason();
  }
  return reason != Reason::none ? reason : map_reason_;
}

std::size_t JitCode::memory() const {
  std::size_t sum = map_ ? map_->memory() : 0;
  for (const Dump& dump : dumps_) sum += dump.file.memory();
  return sum;
}

}  // namespace sightline::symbol
