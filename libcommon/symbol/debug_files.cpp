// SPDX-License-Identifier: Apache-2.0
#include "symbol/debug_files.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <lzma.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "base/confined.h"
#include "base/text.h"

namespace sightline::symbol {
namespace {

constexpr std::string_view debug_root = "/usr/lib/debug";
// A path and what stands behind it.
constexpr std::uint64_t max_link = 4096 + 64;
// All files together whose checksum is taken in one search. Whoever links
// without a build-id has no gigabytes of DWARF.
constexpr std::uint64_t max_checksummed = 512U << 20;
constexpr std::size_t chunk_size = 1U << 16;

std::string directory_of(std::string_view path) {
  return std::string(path.substr(0, path.rfind('/') + 1));
}

std::string content_of(const ElfFile& file, std::string_view name) {
  const Section* const section = file.find_section(name);
  if (section == nullptr) return {};
  std::string bytes(std::min(section->file_size, max_link), '\0');
  bytes.resize(file.read_at(section->offset, bytes));
  return bytes;
}

// .gnu_debuglink: a file name, zeroes up to a multiple of four, a CRC-32.
struct DebugLink {
  std::string name;  // empty: none, or none that is a name
  std::uint32_t checksum = 0;
};

DebugLink debug_link_of(const ElfFile& file) {
  const std::string bytes = content_of(file, ".gnu_debuglink");
  const std::size_t length = bytes.find('\0');
  if (length == std::string::npos) return {};
  DebugLink link{.name = bytes.substr(0, length)};
  const std::size_t at = (length + 4) & ~std::size_t{3};
  if (at + sizeof link.checksum > bytes.size() || link.name == "." ||
      link.name == ".." || link.name.find('/') != std::string::npos) {
    return {};
  }
  std::memcpy(&link.checksum, bytes.data() + at, sizeof link.checksum);
  return link;
}

std::vector<std::string> build_id_paths(std::string_view id) {
  auto path = debug_path_of(id);
  return path.empty() ? std::vector<std::string>() : std::vector{path};
}

std::vector<std::string> link_paths(std::string_view path,
                                    std::string_view name) {
  if (name.empty() || !path.starts_with('/')) return {};
  const std::string directory = directory_of(path);
  return {fmt::format("{}{}", directory, name),
          fmt::format("{}.debug/{}", directory, name),
          fmt::format("{}{}{}", debug_root, directory, name)};
}

bool is_same_file(int a, int b) {
  struct stat first{};
  struct stat second{};
  return fstat(a, &first) == 0 && fstat(b, &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

// A stripped copy of the program is the right build, and no help.
bool is_of_use(const ElfFile& file) {
  return file.find_section(SHT_SYMTAB) != nullptr || file.has_dwarf() ||
         file.find_section(".debug_str") != nullptr;
}

std::expected<UniqueFd, Reason> duplicate(const ElfFile& file) {
  UniqueFd fd(fcntl(file.fd(), F_DUPFD_CLOEXEC, 0));
  if (!fd) return std::unexpected(Reason::not_permitted);
  return fd;
}

// One search: what makes a file the right one, and what was found instead.
class Search {
 public:
  // `build_id` may be empty if there is a checksum.
  Search(const ElfFile& of, std::string build_id,
         std::optional<std::uint32_t> checksum)
      : of_(of), build_id_(std::move(build_id)), checksum_(checksum) {}

  // Tries paths inside the place's root, and then in ours.
  std::optional<DebugFile> find(int root,
                                const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
      if (auto fd = try_path(root, path)) {
        return DebugFile{.fd = std::move(*fd),
                         .place = {.root = root, .path = path}};
      }
    }
    if (root >= 0) return find(-1, paths);
    return std::nullopt;
  }

  // Nobody has to be asked, or nobody has it: the reason.
  [[nodiscard]] std::expected<DebugFile, Reason> ask(
      const DebugFileServer* server) const {
    if (server == nullptr || build_id_.empty()) {
      return std::unexpected(reason_);
    }
    auto fd = (*server)(build_id_);
    if (!fd) return std::unexpected(fd.error());
    return DebugFile{.fd = std::move(*fd), .place = {.server = server}};
  }

 private:
  std::optional<UniqueFd> try_path(int root, const std::string& path) {
    auto fd = open_regular(root, path);
    if (!fd || is_same_file(fd->get(), of_.fd())) return std::nullopt;
    const auto file = ElfFile::open(std::move(*fd));
    if (!file || file->is_64bit() != of_.is_64bit()) return std::nullopt;
    if (!is_of_use(*file)) return std::nullopt;
    if (!is_believed(*file)) {
      reason_ = Reason::other_build;
      return std::nullopt;
    }
    auto own = duplicate(*file);
    if (!own) return std::nullopt;
    return std::move(*own);
  }

  bool is_believed(const ElfFile& file) {
    if (!build_id_.empty()) return file.build_id() == build_id_;
    return checksum_ && checksum_of(file) == *checksum_;
  }

  // The CRC-32 of IEEE 802.3, as xz has it too. None past the bound.
  std::optional<std::uint32_t> checksum_of(const ElfFile& file) {
    if (file.size() > left_to_checksum_) return std::nullopt;
    left_to_checksum_ -= file.size();
    std::vector<char> buffer(chunk_size);
    std::uint32_t sum = 0;
    for (std::uint64_t at = 0; at < file.size();) {
      const std::size_t got = file.read_at(at, buffer);
      if (got == 0) return std::nullopt;
      sum = lzma_crc32(reinterpret_cast<const std::uint8_t*>(buffer.data()),
                       got, sum);
      at += got;
    }
    return sum;
  }

  const ElfFile& of_;
  std::string build_id_;
  std::optional<std::uint32_t> checksum_;
  std::uint64_t left_to_checksum_ = max_checksummed;
  Reason reason_ = Reason::no_debug_file;
};

// Where the kernel says that an open file lies; empty when it was deleted.
std::string real_path_of(int fd) {
  std::array<char, 4096> buffer{};
  const auto link = fmt::format("/proc/self/fd/{}", fd);
  const ssize_t size = readlink(link.c_str(), buffer.data(), buffer.size());
  return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

// The path of an alternate file, from each directory that it may be meant from.
std::vector<std::string> alternate_paths(const ElfFile& debug,
                                         const Place& place,
                                         const std::string& name) {
  if (name.empty()) return {};
  if (name.starts_with('/')) return {name};
  std::vector<std::string> paths;
  // .build-id/NN/NNNN.debug is a symbolic link in some distributions.
  for (const std::string& path : {place.path, real_path_of(debug.fd())}) {
    if (path.starts_with('/')) paths.push_back(directory_of(path) + name);
  }
  return paths;
}

}  // namespace

std::string debug_path_of(std::string_view build_id) {
  if (build_id.size() < 2) return {};
  return fmt::format("{}/.build-id/{}/{}.debug", debug_root,
                     to_hex(build_id.substr(0, 1)), to_hex(build_id.substr(1)));
}

std::expected<DebugFile, Reason> find_debug_file(const ElfFile& file,
                                                 const Place& place) {
  const std::string build_id = file.build_id();
  const DebugLink link = debug_link_of(file);
  Search search(
      file, build_id,
      link.name.empty() ? std::nullopt : std::optional(link.checksum));
  for (const auto& paths :
       {build_id_paths(build_id), link_paths(place.path, link.name)}) {
    if (auto found = search.find(place.root, paths)) return std::move(*found);
  }
  return search.ask(place.server);
}

std::expected<DebugFile, Reason> find_alternate_file(const ElfFile& debug,
                                                     const Place& place) {
  const std::string bytes = content_of(debug, ".gnu_debugaltlink");
  const std::size_t length = bytes.find('\0');
  if (length == std::string::npos || length + 1 == bytes.size()) {
    return std::unexpected(Reason::no_debug_file);
  }
  const std::string build_id = bytes.substr(length + 1);
  Search search(debug, build_id, std::nullopt);
  for (const auto& paths :
       {alternate_paths(debug, place, bytes.substr(0, length)),
        build_id_paths(build_id)}) {
    if (auto found = search.find(place.root, paths)) return std::move(*found);
  }
  return search.ask(place.server);
}

std::expected<DebugInfo, Reason> find_debug_info(const ElfFile& file,
                                                 const Place& place) {
  if (file.has_dwarf()) {
    auto own = duplicate(file);
    if (!own) return std::unexpected(own.error());
    DebugInfo info{.dwarf = std::move(*own)};
    auto alternate = find_alternate_file(file, place);
    if (alternate) info.alternate = std::move(alternate->fd);
    return info;
  }
  auto found = find_debug_file(file, place);
  if (!found) return std::unexpected(found.error());
  const auto debug = ElfFile::open(std::move(found->fd));
  if (!debug) return std::unexpected(debug.error());
  if (!debug->has_dwarf()) return std::unexpected(Reason::no_debug_file);
  found->place.server = place.server;
  return find_debug_info(*debug, found->place);
}

}  // namespace sightline::symbol
