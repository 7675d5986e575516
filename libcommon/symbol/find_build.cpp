// SPDX-License-Identifier: Apache-2.0
#include "symbol/find_build.h"

#include <fcntl.h>

#include <utility>

#include "base/confined.h"
#include "symbol/elf_file.h"

namespace sightline::symbol {
namespace {

enum class Found { nothing, other_build, it };

// `fd` becomes that of the file.
Found try_path(const std::string& path, std::string_view build_id,
               UniqueFd& fd) {
  if (!path.starts_with('/')) return Found::nothing;
  auto opened = open_regular(-1, path);
  if (!opened) return Found::nothing;
  UniqueFd own(::fcntl(opened->get(), F_DUPFD_CLOEXEC, 0));
  auto file = ElfFile::open(*std::move(opened));
  if (!file || !own) return Found::nothing;
  if (file->build_id() != build_id) return Found::other_build;
  fd = std::move(own);
  return Found::it;
}

}  // namespace

std::expected<BuildFile, Reason> find_build(const std::string& path,
                                            std::string_view build_id,
                                            const DebugFileServer* server) {
  if (build_id.empty()) return std::unexpected(Reason::no_build_id);
  BuildFile file;
  auto at_path = try_path(path, build_id, file.fd);
  if (at_path == Found::it) return file;
  file.only_debug = true;
  auto debug = try_path(debug_path_of(build_id), build_id, file.fd);
  if (debug == Found::it) return file;
  if (server != nullptr) {
    auto served = (*server)(build_id);
    if (!served) return std::unexpected(served.error());
    file.fd = *std::move(served);
    return file;
  }
  return std::unexpected(at_path == Found::other_build ? Reason::other_file
                                                       : Reason::not_here);
}

}  // namespace sightline::symbol
