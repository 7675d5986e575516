// SPDX-License-Identifier: Apache-2.0
#include "symbol/growing_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace sightline::symbol {

std::expected<GrowingFile, Reason> GrowingFile::open(UniqueFd fd,
                                                     std::uint64_t limit,
                                                     Reason refused) {
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
      static_cast<std::uint64_t>(status.st_size) > limit) {
    return std::unexpected(refused);
  }
  GrowingFile file;
  file.fd_ = std::move(fd);
  file.limit_ = limit;
  return file;
}

std::uint64_t GrowingFile::size() const {
  struct stat status{};
  if (::fstat(fd_.get(), &status) != 0) return 0;
  return std::min(static_cast<std::uint64_t>(status.st_size), limit_);
}

std::size_t GrowingFile::read_at(std::uint64_t offset,
                                 std::span<char> into) const {
  std::size_t filled = 0;
  while (filled < into.size()) {
    const ssize_t got =
        ::pread(fd_.get(), into.data() + filled, into.size() - filled,
                static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

std::uint64_t GrowingFile::stop_after(std::uint64_t most_bytes) const {
  const std::uint64_t end = size();
  if (position_ >= end || most_bytes >= end - position_) return end;
  return position_ + most_bytes;
}

void GrowingFile::consume(std::uint64_t position) {
  position_ = position;
  tail_size_ = std::min<std::uint64_t>(tail_.size(), position);
  tail_size_ = read_at(position - tail_size_, tail_span());
}

bool GrowingFile::restart_if_rewritten() {
  std::array<char, sizeof tail_> now{};
  const auto seen = std::span(now).first(tail_size_);
  if (size() >= position_ &&
      read_at(position_ - tail_size_, seen) == tail_size_ &&
      std::ranges::equal(seen, tail_span())) {
    return false;
  }
  position_ = 0;
  tail_size_ = 0;
  return true;
}

}  // namespace sightline::symbol
