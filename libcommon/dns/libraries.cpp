// SPDX-License-Identifier: Apache-2.0
#include "dns/libraries.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "base/clock.h"
#include "base/confined.h"
#include "base/units.h"
#include "symbol/elf_file.h"
#include "symbol/elf_symbols.h"

namespace sightline::dns {
namespace {

// Whoever makes files of these names without end costs no more memory than for
// so many.
constexpr std::size_t most_known = 4096;

// Debian's libc.so.6 has 2 MB; one with its debug information is larger.
constexpr off_t most_file_bytes = 32 << 20;

// Of the first call, which sees all processes there are, and of the later ones.
constexpr std::uint64_t first_ns = 2 * ns_per_second;
constexpr std::uint64_t later_ns = 10 * ns_per_ms;
constexpr std::size_t most_processes = 128;
constexpr std::size_t most_files = 16;
constexpr std::size_t most_executions = 1024;  // asked about

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

dev_t device_of_root() {
  struct stat info{};
  return ::stat("/", &info) == 0 ? info.st_dev : 0;
}

// The text of a link in /proc: nothing is asked of the file that it leads to,
// which may be on a file system of a stranger's.
std::string link_text(std::uint32_t pid, std::string_view name) {
  std::array<char, 512> text{};
  auto path = fmt::format("/proc/{}/{}", pid, name);
  auto size = ::readlink(path.c_str(), text.data(), text.size());
  return size < 0 ? "" : std::string(text.data(), size);
}

// Nothing of what has no program, as kernel threads, and of what is gone.
std::string program_of(std::uint32_t pid) {
  auto program = link_text(pid, "exe");
  return program.empty() ? program : link_text(pid, "ns/mnt") + program;
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

Libraries::Libraries()
    : own_spaces_{link_text(static_cast<std::uint32_t>(::getpid()), "ns/mnt"),
                  link_text(1, "ns/mnt")},
      slots_(device_of_root()) {}

std::string Libraries::space_of(std::uint32_t pid) const {
  auto space = link_text(pid, "ns/mnt");
  if (space.empty()) return "unknown";
  bool is_own = std::ranges::find(own_spaces_, space) != own_spaces_.end();
  return is_own ? "" : space;
}

bool Libraries::is_known(const Identity& identity) const {
  return taken_.contains(identity) || known_.contains(identity);
}

void Libraries::leave_out(const Identity& identity) {
  if (left_out_.size() < most_known) left_out_.insert(identity);
}

void Libraries::take(process::ObjectId id, const std::string& space,
                     Search& search) {
  const auto& file = search.objects.file(id);
  Identity identity{file.major, file.minor, file.inode};
  if (is_known(identity)) return;
  auto fd = search.objects.open(id).take();
  struct stat info{};
  if (!fd || ::fstat(fd.get(), &info) != 0) {
    leave_out(identity);
    return;
  }
  --search.files;
  left_out_.erase(identity);
  if (known_.size() >= most_known) known_.clear();
  known_.insert(identity);
  if (info.st_size > most_file_bytes) return;
  auto offset = find_getaddrinfo(copy_of(fd.get()));
  if (!offset) return;
  if (!slots_.take({info.st_uid, info.st_dev, space})) {
    leave_out(identity);
    return;
  }
  taken_.insert(identity);
  search.found.push_back({.fd = std::move(fd),
                          .path = std::string(search.objects.path(id)),
                          .getaddrinfo = *offset});
}

void Libraries::look_at(std::uint32_t pid, Search& search) {
  auto lines = process::read_maps(pid);
  if (!lines) return;
  for (const auto& line : *lines) {
    const auto& file = line.file;
    bool is_new = file.inode != 0 && may_be_c_library(file.path) &&
                  !is_known({file.major, file.minor, file.inode});
    if (!is_new) continue;
    if (search.files == 0) return;
    auto id = search.objects.intern(file);
    auto root = roots_.of(pid).value_or(nullptr);
    search.objects.capture(id, pid, line.start, line.end, root);
    take(id, space_of(pid), search);
  }
}

void Libraries::look_at_host(Search& search) {
  for (const auto* path : host_libraries) {
    auto fd = open_regular(-1, path);
    if (fd) take(search.objects.intern_file(*std::move(fd)), "", search);
  }
}

bool Libraries::wants_look(std::uint32_t pid) {
  auto program = program_of(pid);
  if (program.empty()) return false;
  executions_.changes(pid, program);
  return programs_.wants_look(program, monotonic_ns());
}

// In half of the time, so that newcomers have the other.
void Libraries::seek_executions(const Search& search, std::size_t count) {
  for (; count > 0; --count) {
    auto pid = executions_.next();
    if (!pid || monotonic_ns() + later_ns / 2 > search.until_ns) return;
    auto program = program_of(*pid);
    if (program.empty()) continue;
    if (executions_.changes(*pid, program)) newcomers_.renew(*pid);
  }
}

Libraries::Search Libraries::begin() const {
  auto now = monotonic_ns();
  if (!host_seen_) return {now + first_ns, SIZE_MAX, SIZE_MAX};
  return {now + later_ns, most_processes, most_files};
}

Result<std::vector<Library>> Libraries::find_new() {
  auto search = begin();
  auto processes = SL_TRY(process::list_processes());
  executions_.keep(processes);
  auto count = processes.size();
  newcomers_.add(std::move(processes));
  bool is_first = !std::exchange(host_seen_, true);
  if (is_first) look_at_host(search);
  seek_executions(search, is_first ? count : std::min(count, most_executions));
  while (search.files > 0 && search.processes > 0 &&
         monotonic_ns() < search.until_ns) {
    auto pid = newcomers_.next();
    if (!pid) break;
    if (!is_first && !wants_look(*pid)) continue;
    look_at(*pid, search);
    --search.processes;
  }
  return std::move(search.found);
}

}  // namespace sightline::dns
