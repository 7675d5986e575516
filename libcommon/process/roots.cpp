// SPDX-License-Identifier: Apache-2.0
#include "process/roots.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <string>

#include "base/confined.h"
#include "base/served.h"

namespace sightline::process {

Roots::Roots() : own_(identify("self")) {}

// A namespace is its inode in nsfs (namespaces(7)).
Roots::Identity Roots::identify(const char* process) {
  struct stat space{};
  auto folder = fmt::format("/proc/{}/", process);
  // The directory may be on a file system of a stranger's.
  UniqueFd root(::open((folder + "root").c_str(), O_PATH | O_CLOEXEC));
  auto facts = root ? facts_of(root.get()) : std::nullopt;
  if (!facts || ::stat((folder + "ns/mnt").c_str(), &space) != 0) return {};
  return {space.st_ino, facts->device, facts->inode};
}

std::optional<Root> Roots::of(std::uint32_t pid) {
  auto identity = identify(std::to_string(pid).c_str());
  if (identity == Identity()) return std::nullopt;
  if (identity == own_) return nullptr;
  if (auto known = held_.find(identity); known != held_.end()) {
    if (auto root = known->second.lock()) return root;
  }
  std::erase_if(held_, [](const auto& held) { return held.second.expired(); });
  if (held_.size() >= most) return std::nullopt;
  auto directory = open_root(fmt::format("/proc/{}/root", pid), pid);
  // The number may be another process's by now.
  if (!directory || identify(std::to_string(pid).c_str()) != identity) {
    return std::nullopt;
  }
  auto root = std::make_shared<const UniqueFd>(*std::move(directory));
  held_[identity] = root;
  return root;
}

}  // namespace sightline::process
