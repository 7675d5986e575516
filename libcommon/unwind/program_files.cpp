// SPDX-License-Identifier: Apache-2.0
#include "unwind/program_files.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "base/confined.h"
#include "base/text.h"
#include "symbol/elf_file.h"

namespace sightline::unwind {
namespace {

constexpr std::size_t most_files = 64;
constexpr std::size_t most_needed = 256;  // entries of one file
constexpr std::size_t most_opens = 4096;  // some 10 ms, found or not
// exec_binprm() follows that many scripts (fs/exec.c), each read as far as
// BINPRM_BUF_SIZE (include/uapi/linux/binfmts.h).
constexpr int most_scripts = 5;
constexpr std::size_t script_line = 256;

std::string text_at(const symbol::ElfFile& file, std::uint64_t offset) {
  std::array<char, PATH_MAX> bytes{};
  auto count = file.read_at(offset, bytes);
  return {bytes.data(), ::strnlen(bytes.data(), count)};
}

// "#!/bin/sh -e\n": what follows the mark up to a blank.
std::optional<std::string> interpreter_of_script(int fd) {
  std::array<char, script_line> bytes{};
  auto count = ::pread(fd, bytes.data(), bytes.size(), 0);
  std::string_view line(bytes.data(),
                        count > 0 ? static_cast<size_t>(count) : 0);
  if (!line.starts_with("#!")) return std::nullopt;
  line = line.substr(2, line.find('\n') - 2);
  auto begin = line.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return std::nullopt;
  line.remove_prefix(begin);
  return std::string(line.substr(0, line.find_first_of(" \t")));
}

// What the section .dynamic says that is of interest here.
struct Dynamic {
  std::vector<std::string> needed = {};
  std::string path = {};  // DT_RUNPATH, or DT_RPATH where there is none
};

Dynamic read_dynamic(const symbol::ElfFile& file) {
  Dynamic found;
  const auto* section = file.find_section(SHT_DYNAMIC);
  if (section == nullptr || section->link >= file.sections().size()) return {};
  const auto& strings = file.sections()[section->link];
  std::vector<Elf64_Dyn> entries(std::min<std::size_t>(
      section->file_size / sizeof(Elf64_Dyn), 4 * most_needed));
  file.read_at(section->offset, {reinterpret_cast<char*>(entries.data()),
                                 entries.size() * sizeof(Elf64_Dyn)});
  bool has_runpath = false;
  for (const auto& entry : entries) {
    if (entry.d_tag == DT_NULL) break;
    bool runpath = entry.d_tag == DT_RUNPATH;
    bool is_path = runpath || (entry.d_tag == DT_RPATH && !has_runpath);
    if (!is_path && entry.d_tag != DT_NEEDED) continue;
    if (entry.d_un.d_val >= strings.file_size) continue;
    auto text = text_at(file, strings.offset + entry.d_un.d_val);
    has_runpath = has_runpath || runpath;
    if (is_path)
      found.path = std::move(text);
    else if (found.needed.size() < most_needed)
      found.needed.push_back(std::move(text));
  }
  return found;
}

void replace_all(std::string& text, std::string_view what,
                 std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos;
       at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

// Where a library is looked for, in the linker's order.
std::vector<std::string> directories_for(const Dynamic& dynamic,
                                         const std::string& origin) {
  std::vector<std::string> all;
  auto add = [&all](std::string_view list) {
    for (auto directory : split(list, ':')) {
      if (!directory.empty()) all.emplace_back(directory);
    }
  };
  if (const char* library_path = std::getenv("LD_LIBRARY_PATH")) {
    add(library_path);
  }
  auto own = dynamic.path;
  replace_all(own, "${ORIGIN}", origin);
  replace_all(own, "$ORIGIN", origin);
  add(own);
  utsname system{};
  ::uname(&system);
  auto multiarch = fmt::format("{}-linux-gnu", system.machine);
  add(
      fmt::format("/lib/{0}:/usr/lib/{0}:/lib64:/usr/lib64:/lib:/usr/lib:"
                  "/usr/local/lib/{0}:/usr/local/lib",
                  multiarch));
  return all;
}

class ProgramFiles {
 public:
  void add_program(const std::string& path) {
    auto next = path;
    for (int scripts = 0; scripts <= most_scripts; ++scripts) {
      auto fd = open(next);
      if (!fd) return;
      auto interpreter = interpreter_of_script(fd.get());
      if (!interpreter) return add_object(std::move(fd), next);
      next = *std::move(interpreter);
    }
  }

  std::vector<UniqueFd> take() {
    // Breadth first, as the linker loads them; the list grows meanwhile.
    for (std::size_t i = 0; i < objects_.size(); ++i) {
      auto object = std::move(objects_[i]);
      for (const auto& name : object.dynamic.needed) {
        if (names_.insert(name).second) add_library(name, object);
      }
    }
    return std::move(files_);
  }

 private:
  struct Object {
    Dynamic dynamic;
    std::string origin;  // its directory
  };

  // Empty, too, when there are enough.
  UniqueFd open(const std::string& path) {
    std::error_code error;
    auto absolute = std::filesystem::absolute(path, error);
    if (error || files_.size() == most_files || ++opens_ > most_opens) {
      return {};
    }
    auto fd = open_regular(-1, absolute);
    return fd ? *std::move(fd) : UniqueFd();
  }

  void add_object(UniqueFd fd, const std::string& path) {
    auto file =
        symbol::ElfFile::open(UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)));
    if (!file || !file->is_64bit()) return;
    files_.push_back(std::move(fd));
    std::error_code error;
    auto real = std::filesystem::canonical(path, error);
    objects_.push_back({read_dynamic(*file), real.parent_path()});
    for (const auto& segment : file->segments()) {
      if (segment.type == PT_INTERP) add_linker(text_at(*file, segment.offset));
    }
  }

  // The C library names it twice: as what it needs, and to be run itself.
  void add_linker(const std::string& path) {
    if (!names_.insert(std::filesystem::path(path).filename()).second) return;
    if (auto fd = open(path)) files_.push_back(std::move(fd));
  }

  void add_library(const std::string& name, const Object& needed_by) {
    if (name.find('/') != std::string::npos) {
      if (auto fd = open(name)) add_object(std::move(fd), name);
      return;
    }
    for (const auto& directory :
         directories_for(needed_by.dynamic, needed_by.origin)) {
      auto path = directory + "/" + name;
      auto fd = open(path);
      if (fd) return add_object(std::move(fd), path);
    }
  }

  std::vector<UniqueFd> files_;
  std::size_t opens_ = 0;
  std::vector<Object> objects_;
  std::set<std::string> names_;  // of libraries that were looked for
};

}  // namespace

std::vector<UniqueFd> open_program_files(const std::string& path) {
  ProgramFiles files;
  files.add_program(path);
  return files.take();
}

}  // namespace sightline::unwind
