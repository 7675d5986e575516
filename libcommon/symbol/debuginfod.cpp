// SPDX-License-Identifier: Apache-2.0
#include "symbol/debuginfod.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "base/clock.h"
#include "symbol/elf_file.h"
#include "symbol/unprivileged.h"

namespace sightline::symbol {
namespace {

constexpr std::size_t most_servers = 8;

// Takes the time that it lives off what is left.
class Stopwatch {
 public:
  explicit Stopwatch(std::chrono::nanoseconds& left) : left_(left) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() {
    const std::chrono::nanoseconds took(monotonic_ns() - start_);
    left_ -= std::min(left_, took);
  }

 private:
  std::chrono::nanoseconds& left_;
  std::uint64_t start_ = monotonic_ns();
};

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::vector<std::string> server_urls() {
  std::istringstream text(environment("DEBUGINFOD_URLS"));
  std::vector<std::string> urls;
  for (std::string url; urls.size() < most_servers && text >> url;) {
    urls.push_back(std::move(url));
  }
  return urls;
}

Result<std::string> cache_directory() {
  if (unprivileged_identity()) return {};  // its own
  const std::string home = environment("HOME");
  for (const std::string& base :
       {environment("DEBUGINFOD_CACHE_PATH"), environment("XDG_CACHE_HOME"),
        home.empty() ? home : home + "/.cache"}) {
    if (!base.empty()) return base + "/sightline-debuginfod";
  }
  return fail(ErrorKind::usage, "there is nowhere to keep debug files",
              "set DEBUGINFOD_CACHE_PATH to a directory");
}

// A server's own directory: its address, as far as a file name may hold it.
std::string directory_of(const std::string& url) {
  constexpr std::size_t longest = 200;
  std::string name = url.substr(0, longest);
  std::ranges::replace_if(
      name,
      [](char c) {
        return !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') &&
               !(c >= 'A' && c <= 'Z');
      },
      '_');
  return name;
}

bool is_build(const UniqueFd& fd, std::string_view build_id) {
  const auto file =
      ElfFile::open(UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)));
  return file && file->build_id() == build_id;
}

}  // namespace

Status Debuginfod::check_environment() {
  if (server_urls().empty()) {
    return fail(ErrorKind::usage, "no debuginfod server is named",
                "set DEBUGINFOD_URLS to the address of one");
  }
  SL_TRY(cache_directory());
  return {};
}

Result<Debuginfod> Debuginfod::open(std::chrono::nanoseconds total) {
  SL_CHECK(check_environment());
  Debuginfod debuginfod(total);
  SL_CHECK(debuginfod.start(server_urls(), SL_TRY(cache_directory())));
  return debuginfod;
}

Status Debuginfod::start(const std::vector<std::string>& urls,
                         const std::string& cache) {
  for (const std::string& url : urls) {
    const Stopwatch stopwatch(left_);
    servers_.push_back(SL_TRY(
        DebuginfodServer::start(url, cache + "/" + directory_of(url), left_)));
  }
  return {};
}

std::expected<UniqueFd, Reason> Debuginfod::find(std::string_view build_id) {
  if (build_id.empty()) return std::unexpected(Reason::not_served);
  const auto known = missing_.find(build_id);
  if (known != missing_.end()) return std::unexpected(known->second);
  auto found = ask_all(build_id);
  if (!found) missing_.emplace(build_id, found.error());
  return found;
}

std::expected<UniqueFd, Reason> Debuginfod::ask_all(std::string_view build_id) {
  Reason reason = Reason::not_served;
  for (DebuginfodServer& server : servers_) {
    auto found = ask(server, build_id);
    if (found) return found;
    reason = std::max(reason, found.error());
  }
  return std::unexpected(reason);
}

std::expected<UniqueFd, Reason> Debuginfod::ask(DebuginfodServer& server,
                                                std::string_view build_id) {
  if (!server.running() || left_.count() == 0) {
    return std::unexpected(Reason::server_failed);
  }
  const Stopwatch stopwatch(left_);
  auto found = server.ask(build_id, share());
  if (!found) {
    return std::unexpected(found.error() == ENOENT ? Reason::not_served
                                                   : Reason::server_failed);
  }
  if (is_build(*found, build_id)) return *std::move(found);
  server.stop_and_forget(build_id);
  return std::unexpected(Reason::served_wrong);
}

// One silent server must not take the time of those that answer.
std::chrono::nanoseconds Debuginfod::share() const {
  const auto running = std::ranges::count_if(
      servers_,
      [](const DebuginfodServer& server) { return server.running(); });
  return left_ / std::max<std::int64_t>(running, 1);
}

}  // namespace sightline::symbol
