// SPDX-License-Identifier: Apache-2.0
#include "dns/libraries.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "base/confined.h"
#include "symbol/elf_file.h"
#include "symbol/elf_symbols.h"

namespace sightline::dns {
namespace {

// Whoever makes files of these names without end is not followed.
constexpr std::size_t most_known = 4096;

// Where distributions have the C library that programs are linked with
// (ldconfig(8); musl: its loader).
constexpr std::array host_libraries{"/lib/x86_64-linux-gnu/libc.so.6",
                                    "/lib64/libc.so.6", "/usr/lib/libc.so.6",
                                    "/lib/ld-musl-x86_64.so.1"};

// The offset of getaddrinfo(); nothing where there is none.
std::optional<std::uint64_t> find_getaddrinfo(UniqueFd fd) {
  auto file = symbol::ElfFile::open(std::move(fd));
  if (!file || !file->is_64bit()) return std::nullopt;
  auto address = symbol::find_exported(*file, "getaddrinfo");
  return address ? file->offset_of(*address) : std::nullopt;
}

UniqueFd copy_of(int fd) { return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

}  // namespace

bool may_be_c_library(std::string_view path) {
  auto name = path.substr(path.rfind('/') + 1);
  constexpr std::array<std::string_view, 4> starts{"libc.so", "libc-",
                                                   "ld-musl-", "libc.musl-"};
  return name.contains(".so") && std::ranges::any_of(starts, [&](auto start) {
           return name.starts_with(start);
         });
}

void Libraries::take(process::ObjectId id, process::Objects& objects,
                     Found& found) {
  const auto& file = objects.file(id);
  Identity identity{file.major, file.minor, file.inode};
  if (known_.contains(identity)) return;
  if (known_.size() + left_out_.size() >= most_known) return;
  auto fd = objects.open(id).take();
  if (!fd || taken_ == most) {
    left_out_.insert(identity);
    return;
  }
  known_.insert(identity);
  left_out_.erase(identity);
  auto offset = find_getaddrinfo(copy_of(fd.get()));
  if (!offset) return;
  ++taken_;
  found.push_back({.fd = std::move(fd),
                   .path = std::string(objects.path(id)),
                   .getaddrinfo = *offset});
}

void Libraries::look_at(std::uint32_t pid, process::Objects& objects,
                        Found& found) {
  auto lines = process::read_maps(pid);
  if (!lines) return;
  for (const auto& line : *lines) {
    const auto& file = line.file;
    bool is_new = file.inode != 0 && may_be_c_library(file.path) &&
                  !known_.contains({file.major, file.minor, file.inode});
    if (!is_new) continue;
    auto id = objects.intern(file);
    auto root = roots_.of(pid).value_or(nullptr);
    objects.capture(id, pid, line.start, line.end, root);
    take(id, objects, found);
  }
}

void Libraries::look_at_host(process::Objects& objects, Found& found) {
  for (const auto* path : host_libraries) {
    auto fd = open_regular(-1, path);
    if (fd) take(objects.intern_file(*std::move(fd)), objects, found);
  }
}

Result<std::vector<Library>> Libraries::find_new() {
  Found found;
  process::Objects objects;  // closes what was opened
  auto processes = SL_TRY(process::list_processes());
  std::vector<std::uint32_t> new_ones;
  std::ranges::set_difference(processes, before_, std::back_inserter(new_ones));
  for (auto pid : new_ones) look_at(pid, objects, found);
  if (!std::exchange(host_seen_, true)) look_at_host(objects, found);
  before_ = std::exchange(last_, std::move(processes));
  return found;
}

}  // namespace sightline::dns
