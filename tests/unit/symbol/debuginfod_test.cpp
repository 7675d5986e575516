// SPDX-License-Identifier: Apache-2.0
#include "symbol/debuginfod.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "base/clock.h"
#include "base/text.h"
#include "http_server.h"
#include "symbol/confine.h"
#include "symbol/elf_file.h"
#include "symbol/unprivileged.h"

namespace sightline::symbol {
namespace {

using std::chrono::seconds;
using testing::HttpServer;
using testing::ReservedPort;
using testing::SilentServer;

constexpr std::size_t most_bytes = 1U << 26;
const std::string other_id(20, '\x5a');

std::string build_id_of(int fd) {
  const auto file = ElfFile::open(UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0)));
  return file ? file->build_id() : "";
}

std::string build_id_of(const std::string& path) {
  const auto fd = open_file(path, O_RDONLY);
  return fd ? build_id_of(fd->get()) : "";
}

class DebuginfodTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() /
                        "sightline-debuginfod-XXXXXX");
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    // Root's files lie there, and are another user's.
    std::filesystem::permissions(name, std::filesystem::perms::all);
    ::setenv("TMPDIR", name.c_str(), 1);
    ::setenv("DEBUGINFOD_CACHE_PATH", (name + "/cache").c_str(), 1);
    ::setenv("no_proxy", "127.0.0.1", 1);
  }
  void TearDown() override {
    ::unsetenv("DEBUGINFOD_URLS");
    ::unsetenv("DEBUGINFOD_CACHE_PATH");
    ::unsetenv("TMPDIR");
    ::unsetenv("SUDO_UID");
    ::unsetenv("SUDO_GID");
    std::filesystem::remove_all(folder_);
  }

  // Nothing when the library is not installed.
  static std::optional<Debuginfod> open(const std::string& urls,
                                        std::chrono::nanoseconds total) {
    ::setenv("DEBUGINFOD_URLS", urls.c_str(), 1);
    auto opened = Debuginfod::open(total);
    if (opened) return std::move(*opened);
    EXPECT_EQ(opened.error().kind, ErrorKind::unsupported)
        << opened.error().what;
    return {};
  }

  // What the cache of libdebuginfod holds for a build-id.
  [[nodiscard]] bool is_kept(const std::string& id) const {
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(folder_)) {
      if (entry.path().filename() == to_hex(id)) return true;
    }
    return false;
  }

  std::filesystem::path folder_;
  std::string program_ = read_file("/bin/true", most_bytes).value_or("");
  std::string id_ = build_id_of("/bin/true");
};

#define OPEN_OR_SKIP(name, urls, total) \
  auto name = open(urls, total);        \
  if (!name) GTEST_SKIP() << "no libdebuginfod.so.1"

Reason reason_of(const std::expected<UniqueFd, Reason>& found) {
  return found ? Reason::none : found.error();
}

TEST_F(DebuginfodTest, WithoutServersItIsAUsageError) {
  ::setenv("DEBUGINFOD_URLS", "  ", 1);
  const auto opened = Debuginfod::open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::usage);
  EXPECT_NE(opened.error().hint.find("DEBUGINFOD_URLS"), std::string::npos);
}

TEST_F(DebuginfodTest, TheFileOfThatBuildIsFound) {
  ASSERT_FALSE(id_.empty());
  const HttpServer server(program_);
  OPEN_OR_SKIP(debuginfod, server.url(), seconds(60));
  const auto found = debuginfod->find(id_);
  ASSERT_TRUE(found) << text(found.error());
  EXPECT_EQ(build_id_of(found->get()), id_);
  EXPECT_EQ(server.requests(), 1);
  EXPECT_LT(debuginfod->time_left(), seconds(60));
}

TEST_F(DebuginfodTest, WhatAServerDoesNotHaveIsAskedForOnce) {
  const HttpServer server("");
  OPEN_OR_SKIP(debuginfod, server.url(), seconds(60));
  EXPECT_EQ(reason_of(debuginfod->find(id_)), Reason::not_served);
  EXPECT_EQ(reason_of(debuginfod->find(id_)), Reason::not_served);
  EXPECT_EQ(server.requests(), 1);
  EXPECT_EQ(reason_of(debuginfod->find(other_id)), Reason::not_served);
  EXPECT_EQ(server.requests(), 2);
}

TEST_F(DebuginfodTest, NoIdIsNotAskedFor) {
  const HttpServer server(program_);
  OPEN_OR_SKIP(debuginfod, server.url(), seconds(60));
  EXPECT_EQ(reason_of(debuginfod->find("")), Reason::not_served);
  EXPECT_EQ(reason_of(debuginfod->find(std::string(65, 'x'))),
            Reason::not_served);
  EXPECT_EQ(server.requests(), 0);
}

TEST_F(DebuginfodTest, AnotherBuildIsNotBelievedNorKeptNorAskedForAgain) {
  const HttpServer server(program_);
  OPEN_OR_SKIP(debuginfod, server.url(), seconds(60));
  EXPECT_EQ(reason_of(debuginfod->find(other_id)), Reason::served_wrong);
  EXPECT_FALSE(is_kept(other_id));
  EXPECT_EQ(reason_of(debuginfod->find(id_)), Reason::server_failed);
  EXPECT_EQ(server.requests(), 1);
}

TEST_F(DebuginfodTest, BytesThatAreNoProgramAreNotBelieved) {
  const HttpServer server("<html>Please log in</html>");
  OPEN_OR_SKIP(debuginfod, server.url(), seconds(60));
  EXPECT_EQ(reason_of(debuginfod->find(id_)), Reason::served_wrong);
}

TEST_F(DebuginfodTest, ASilentServerEndsAtTheDeadline) {
  const SilentServer server;
  ASSERT_TRUE(server.listens());
  OPEN_OR_SKIP(debuginfod, server.url(), seconds(3));
  EXPECT_EQ(reason_of(debuginfod->find(id_)), Reason::server_failed);
  EXPECT_FALSE(is_kept(id_));
  EXPECT_EQ(reason_of(debuginfod->find(other_id)), Reason::server_failed);
}

TEST_F(DebuginfodTest, ASilentServerLeavesTimeForTheNext) {
  const SilentServer silent;
  const HttpServer server(program_);
  OPEN_OR_SKIP(debuginfod, silent.url() + " " + server.url(), seconds(6));
  const auto found = debuginfod->find(id_);
  ASSERT_TRUE(found) << text(found.error());
  // The silent one is not asked again, or this would take its share.
  const auto left = debuginfod->time_left();
  EXPECT_EQ(reason_of(debuginfod->find(other_id)), Reason::server_failed);
  EXPECT_GT(debuginfod->time_left(), left / 2);
}

TEST_F(DebuginfodTest, AServerThatIsNotThereFailsAtOnce) {
  const ReservedPort closed;
  OPEN_OR_SKIP(debuginfod, closed.url(), seconds(600));
  EXPECT_EQ(reason_of(debuginfod->find(id_)), Reason::server_failed);
  EXPECT_GT(debuginfod->time_left(), seconds(300));
}

// Whoever owns the files has written them.
TEST_F(DebuginfodTest, ForRootAnotherUserAsks) {
  if (geteuid() != 0) GTEST_SKIP() << "not root";
  const HttpServer server(program_);
  const auto owner_of_answer = [&] {
    auto debuginfod = open(server.url(), seconds(60));
    const auto found = debuginfod ? debuginfod->find(id_)
                                  : std::unexpected(Reason::server_failed);
    struct stat info{};
    if (!found || fstat(found->get(), &info) != 0) return Identity{0, 0};
    EXPECT_TRUE(is_kept(id_));
    return Identity{info.st_uid, info.st_gid};
  };
  OPEN_OR_SKIP(library, server.url(), seconds(60));
  library.reset();
  EXPECT_EQ(owner_of_answer(), (Identity{65534, 65534}));
  ::setenv("SUDO_UID", "1234", 1);
  ::setenv("SUDO_GID", "1235", 1);
  EXPECT_EQ(owner_of_answer(), (Identity{1234, 1235}));
  ::setenv("SUDO_UID", "0", 1);
  EXPECT_EQ(owner_of_answer(), (Identity{65534, 65534}));
  EXPECT_TRUE(std::filesystem::is_empty(folder_)) << "nothing is left";
}

TEST_F(DebuginfodTest, ASilentServersFilesAreRemovedToo) {
  if (geteuid() != 0) GTEST_SKIP() << "not root";
  const SilentServer server;
  OPEN_OR_SKIP(debuginfod, server.url(), seconds(2));
  EXPECT_FALSE(std::filesystem::is_empty(folder_));
  EXPECT_EQ(reason_of(debuginfod->find(id_)), Reason::server_failed);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

// As a tool does that has attached: it may not signal another user's process.
TEST_F(DebuginfodTest, AServerEndsWithoutAPrivilege) {
  if (geteuid() != 0) GTEST_SKIP() << "not root";
  const SilentServer server;
  ::setenv("DEBUGINFOD_URLS", server.url().c_str(), 1);
  const pid_t child = fork();
  if (child == 0) {
    auto debuginfod = Debuginfod::open(seconds(2));
    drop_all_capabilities();
    debuginfod = fail(ErrorKind::runtime, "not any more");
    _exit(0);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

// Debian's server on loopback, over a folder of one program's debug file.
class RealServer {
 public:
  explicit RealServer(const std::string& folder) {
    const std::string port = "-p" + std::to_string(port_.number());
    const char* arguments[] = {"debuginfod", "-d",           ":memory:", "-F",
                               port.c_str(), folder.c_str(), nullptr};
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
      posix_spawn_file_actions_addopen(&quiet, fd, "/dev/null", O_WRONLY, 0);
    }
    if (posix_spawnp(&pid_, arguments[0], &quiet, nullptr,
                     const_cast<char**>(arguments), environ) != 0) {
      pid_ = -1;
    }
    posix_spawn_file_actions_destroy(&quiet);
  }
  RealServer(const RealServer&) = delete;
  RealServer& operator=(const RealServer&) = delete;
  ~RealServer() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  [[nodiscard]] std::string url() const { return port_.url(); }

  // It scans before it serves; false when it ended or took half a minute.
  [[nodiscard]] bool serves(const std::string& id) const {
    const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    const std::uint64_t end = monotonic_ns() + 30'000'000'000;
    while (pidfd && monotonic_ns() < end) {
      if (status("/buildid/" + to_hex(id) + "/debuginfo") == "200") return true;
      pollfd entry{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
      if (::poll(&entry, 1, 100) != 0) return false;
    }
    return false;
  }

 private:
  [[nodiscard]] std::string status(const std::string& path) const {
    const UniqueFd peer(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port_.number()));
    const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
    char answer[12] = {};
    if (::connect(peer.get(), reinterpret_cast<sockaddr*>(&address),
                  sizeof address) != 0 ||
        !write_all(peer.get(), request.data(), request.size()) ||
        ::recv(peer.get(), answer, sizeof answer, MSG_WAITALL) <= 0) {
      return "";
    }
    return std::string(answer + 9, 3);
  }

  ReservedPort port_;
  pid_t pid_ = -1;
};

TEST_F(DebuginfodTest, DebiansServerServesADebugFile) {
  const std::string served = folder_ / "served";
  std::filesystem::create_directory(served);
  const std::string program = served + "/program";
  const std::string make =
      "echo 'int main(void) { return 0; }' | gcc -g -Wl,--build-id -x c -o " +
      program + " - && objcopy --only-keep-debug " + program + " " + program +
      ".debug && strip " + program;
  ASSERT_EQ(std::system(make.c_str()), 0);
  const std::string id = build_id_of(program);
  if (std::system("command -v debuginfod >/dev/null") != 0) {
    GTEST_SKIP() << "no debuginfod";
  }
  const RealServer server(served);
  ASSERT_TRUE(server.serves(id));
  OPEN_OR_SKIP(debuginfod, server.url(), seconds(60));
  const auto found = debuginfod->find(id);
  ASSERT_TRUE(found) << text(found.error());
  const auto file =
      ElfFile::open(UniqueFd(fcntl(found->get(), F_DUPFD_CLOEXEC, 0)));
  ASSERT_TRUE(file);
  EXPECT_EQ(file->build_id(), id);
  EXPECT_NE(file->find_section(".debug_info"), nullptr);
  EXPECT_EQ(reason_of(debuginfod->find(other_id)), Reason::not_served);
}

}  // namespace
}  // namespace sightline::symbol
