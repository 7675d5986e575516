// SPDX-License-Identifier: Apache-2.0
#include "output/target.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <climits>
#include <optional>
#include <thread>

#include "base/text.h"

namespace sightline::output {
namespace {

constexpr int most_links = 40;  // as MAXSYMLINKS, include/linux/namei.h, 6.18

std::optional<std::string> read_link(int directory, const std::string& name) {
  std::array<char, PATH_MAX> text{};
  auto length = ::readlinkat(directory, name.c_str(), text.data(), text.size());
  if (length <= 0) return std::nullopt;
  return std::string(text.data(), static_cast<std::size_t>(length));
}

// The links of procfs are doors to open files, not names to be followed: the
// text behind /proc/self/fd/1 may be "pipe:[4711]" or a file since deleted.
bool is_procfs(int directory) {
  struct statfs about{};
  return ::fstatfs(directory, &about) == 0 && about.f_type == PROC_SUPER_MAGIC;
}

Status classify(Target& target) {
  struct stat about{};
  int directory = target.directory.get();
  const char* name = target.name.c_str();
  if (::fstatat(directory, name, &about, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return cannot_write(target.shown);
  }
  if (S_ISDIR(about.st_mode)) return cannot_write(target.shown, EISDIR);
  target.special = !S_ISREG(about.st_mode);
  if (::faccessat(directory, name, W_OK, AT_EACCESS) != 0) {
    return cannot_write(target.shown);
  }
  return {};
}

bool is_fifo(const Target& target) {
  struct stat about{};
  return ::fstatat(target.directory.get(), target.name.c_str(), &about, 0) ==
             0 &&
         S_ISFIFO(about.st_mode);
}

// O_APPEND, because the file behind /proc/self/fd/N may hold text already.
UniqueFd try_open_special(const Target& target) {
  return UniqueFd(
      ::openat(target.directory.get(), target.name.c_str(),
               O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

}  // namespace

std::unexpected<Error> cannot_write(const std::string& shown, int err,
                                    std::string hint) {
  auto failure = fail_errno(fmt::format("cannot write to {}", shown), err,
                            std::move(hint));
  failure.error().kind = ErrorKind::runtime;
  return failure;
}

Result<Target> find_target(const std::string& path) {
  auto shown = fmt::format("'{}'", printable(path));
  auto rest = path;
  for (int links = 0; links < most_links; ++links) {
    auto slash = rest.rfind('/');
    auto parent = slash == std::string::npos ? "./" : rest.substr(0, slash + 1);
    Target target{shown, {}, rest.substr(slash + 1), false};
    if (rest.empty()) return cannot_write(shown, ENOENT);
    target.directory.reset(
        ::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!target.directory) return cannot_write(shown);
    if (target.name.empty()) return cannot_write(shown, EISDIR);
    if (is_procfs(target.directory.get())) {
      target.special = true;
      return target;
    }
    auto link = read_link(target.directory.get(), target.name);
    if (!link) {
      SL_CHECK(classify(target));
      return target;
    }
    rest = link->starts_with('/') ? *link : parent + *link;
  }
  return cannot_write(shown, ELOOP);
}

Result<UniqueFd> open_special(const Target& target) {
  using std::chrono::steady_clock;
  auto deadline = steady_clock::now() + std::chrono::seconds(1);
  auto fd = try_open_special(target);
  while (!fd && errno == ENXIO && is_fifo(target)) {
    if (steady_clock::now() > deadline) {
      return fail(ErrorKind::runtime,
                  fmt::format("cannot write to {}: nobody reads this FIFO",
                              target.shown),
                  "start its reader first");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    fd = try_open_special(target);
  }
  if (!fd) return cannot_write(target.shown);
  int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK) != 0) {
    return cannot_write(target.shown);
  }
  return fd;
}

}  // namespace sightline::output
