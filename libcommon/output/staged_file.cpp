// SPDX-License-Identifier: Apache-2.0
#include "output/staged_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <utility>

namespace sightline::output {
namespace {

constexpr mode_t default_mode = 0666;  // less the umask, as for any new file

std::string temporary_name() {
  std::uint64_t number = 0;
  // Eight bytes are never cut short (getrandom(2)); were there none, O_EXCL
  // and linkat would still refuse a name that is taken.
  if (::getrandom(&number, sizeof number, 0) < 0) number = 0;
  return fmt::format(".sightline-{:016x}", number);
}

Error directory_refuses(const Target& target) {
  return cannot_write(
             target.shown, errno,
             "a report replaces its file when it is whole, so the directory "
             "must be writable; '-o -' with a redirection needs only the file")
      .error();
}

// open(2): EOPNOTSUPP from the file system, EISDIR from kernels without it.
bool lacks_tmpfile(int err) {
  return err == EOPNOTSUPP || err == EISDIR || err == EINVAL;
}

// The group's permissions are those of another group now: at most what
// everybody had.
mode_t without_group(mode_t mode) {
  return (mode & ~mode_t{070}) | ((mode & mode_t{007}) << 3);
}

}  // namespace

StagedFile::StagedFile(std::shared_ptr<const Target> target, UniqueFd fd,
                       std::string name)
    : target_(std::move(target)), fd_(std::move(fd)), name_(std::move(name)) {}

StagedFile::StagedFile(StagedFile&& other) noexcept
    : target_(std::move(other.target_)),
      fd_(std::move(other.fd_)),
      name_(std::exchange(other.name_, {})) {}

StagedFile& StagedFile::operator=(StagedFile&& other) noexcept {
  std::swap(target_, other.target_);
  std::swap(fd_, other.fd_);
  std::swap(name_, other.name_);
  return *this;
}

StagedFile::~StagedFile() {
  if (!name_.empty()) ::unlinkat(target_->directory.get(), name_.c_str(), 0);
}

Result<StagedFile> StagedFile::create(std::shared_ptr<const Target> target) {
  UniqueFd fd(::openat(target->directory.get(), ".",
                       O_TMPFILE | O_WRONLY | O_CLOEXEC, default_mode));
  if (fd) return StagedFile(std::move(target), std::move(fd), {});
  if (lacks_tmpfile(errno)) return create_named(std::move(target));
  return std::unexpected(directory_refuses(*target));
}

Result<StagedFile> StagedFile::create_named(
    std::shared_ptr<const Target> target) {
  for (;;) {
    auto name = temporary_name();
    UniqueFd fd(::openat(target->directory.get(), name.c_str(),
                         O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC,
                         default_mode));
    if (fd) return StagedFile(std::move(target), std::move(fd), name);
    if (errno != EEXIST) return std::unexpected(directory_refuses(*target));
  }
}

void StagedFile::keep_owner_and_mode() const {
  struct stat old{};
  if (::fstatat(target_->directory.get(), target_->name.c_str(), &old,
                AT_SYMLINK_NOFOLLOW) != 0 ||
      !S_ISREG(old.st_mode)) {
    return;
  }
  auto mode = old.st_mode & mode_t{0777};
  bool owned = ::fchown(fd(), old.st_uid, old.st_gid) == 0 ||
               ::fchown(fd(), static_cast<uid_t>(-1), old.st_gid) == 0;
  // Best effort: FAT and the like have neither owners nor permissions.
  (void)::fchmod(fd(), owned ? mode : without_group(mode));
}

Status StagedFile::link_to_temporary_name() {
  auto self = fmt::format("/proc/self/fd/{}", fd());
  for (;;) {
    auto name = temporary_name();
    if (::linkat(AT_FDCWD, self.c_str(), target_->directory.get(), name.c_str(),
                 AT_SYMLINK_FOLLOW) == 0) {
      name_ = name;
      return {};
    }
    if (errno != EEXIST) return cannot_write(target_->shown);
  }
}

Status StagedFile::publish() {
  keep_owner_and_mode();
  if (name_.empty()) SL_CHECK(link_to_temporary_name());
  // Network file systems report a full disk only here (close(2)).
  if (::close(fd_.release()) != 0) return cannot_write(target_->shown);
  int directory = target_->directory.get();
  if (::renameat(directory, name_.c_str(), directory, target_->name.c_str()) !=
      0) {
    return cannot_write(target_->shown);
  }
  name_.clear();
  return {};
}

}  // namespace sightline::output
