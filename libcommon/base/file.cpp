// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"

namespace sightline {

namespace {

void wait_for_room(int fd) {
  pollfd writable{fd, POLLOUT, 0};
  ::poll(&writable, 1, -1);
}

}  // namespace

Result<UniqueFd> open_file(const std::string& path, int flags, unsigned mode) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, mode));
  if (!fd) return fail_errno(fmt::format("cannot open '{}'", printable(path)));
  return fd;
}

Result<std::string> read_fd(int fd, std::size_t limit) {
  std::string text;
  for (;;) {
    // One byte over the limit tells a file that just fits from one too large.
    auto room = std::min<std::size_t>(limit + 1 - text.size(), 64U << 10);
    auto used = text.size();
    text.resize(used + room);
    auto got = ::read(fd, text.data() + used, room);
    text.resize(used + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("cannot read");
    if (got == 0) return text;
    if (text.size() > limit) return fail_errno("cannot read", EFBIG);
  }
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  auto fd = SL_TRY(open_file(path, O_RDONLY));
  auto text = read_fd(fd.get(), limit);
  if (text) return text;
  return fail_errno(fmt::format("cannot read '{}'", printable(path)),
                    text.error().err);
}

Status write_all(int fd, const void* data, std::size_t size) {
  const auto* next = static_cast<const char*>(data);
  while (size > 0) {
    auto wrote = ::write(fd, next, size);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0 && errno == EAGAIN) {
      wait_for_room(fd);
      continue;
    }
    if (wrote < 0) return fail_errno("cannot write");
    next += wrote;
    size -= static_cast<std::size_t>(wrote);
  }
  return {};
}

}  // namespace sightline
