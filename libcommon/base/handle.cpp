// SPDX-License-Identifier: Apache-2.0
#include "base/handle.h"

#include <sys/mman.h>
#include <unistd.h>

namespace sightline {

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

UniqueMapping& UniqueMapping::operator=(UniqueMapping&& other) noexcept {
  std::swap(address_, other.address_);
  std::swap(size_, other.size_);
  return *this;
}

UniqueMapping::~UniqueMapping() {
  if (address_ != nullptr) ::munmap(address_, size_);
}

}  // namespace sightline
