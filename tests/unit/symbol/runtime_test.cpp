// SPDX-License-Identifier: Apache-2.0
// What real runtimes write about the code that they generate.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "symbol/jit_code.h"

namespace sightline::symbol {
namespace {

namespace fs = std::filesystem;

bool installed(const std::string& program) {
  return std::system(("command -v " + program + " >/dev/null").c_str()) == 0;
}

// A command that runs in a folder of its own and leaves its files behind.
class Finished {
 public:
  explicit Finished(const std::string& command) {
    std::string pattern = fs::temp_directory_path() / "sightline-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    const std::string shell =
        "cd " + folder_.string() + " && exec " + command + " >output 2>&1";
    pid_ = ::fork();
    if (pid_ == 0) {
      ::execl("/bin/sh", "sh", "-c", shell.c_str(), nullptr);
      ::_exit(127);
    }
    ::waitpid(pid_, &status_, 0);
  }
  ~Finished() {
    fs::remove_all(folder_);
    fs::remove(map());
  }
  Finished(const Finished&) = delete;
  Finished& operator=(const Finished&) = delete;

  [[nodiscard]] std::string output() const {
    return read_file(folder_ / "output").value_or("");
  }
  [[nodiscard]] bool succeeded() const { return status_ == 0; }
  [[nodiscard]] std::string map() const {
    return "/tmp/perf-" + std::to_string(pid_) + ".map";
  }
  [[nodiscard]] std::string dump() const {
    return folder_ / ("jit-" + std::to_string(pid_) + ".dump");
  }
  [[nodiscard]] JitPlace place() const {
    return {.namespace_pid = static_cast<std::uint32_t>(pid_),
            .owner = ::geteuid()};
  }

 private:
  fs::path folder_;
  pid_t pid_ = -1;
  int status_ = -1;
};

// Long enough for an optimizing compiler to take note.
const std::string node_program =
    R"( -e 'function hotFibonacci(n) { return n < 2 ? n : hotFibonacci(n - 1) + hotFibonacci(n - 2); } console.log(hotFibonacci(27))')";

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// Each line of the map is known, by its last name for its first address.
void expect_whole(const std::string& path, const std::string& function) {
  auto map = PerfMap::open(open_file(path, O_RDONLY).value());
  ASSERT_TRUE(map);
  map->refresh();
  const auto lines = lines_of(path);
  EXPECT_GT(lines.size(), 100U);
  EXPECT_EQ(map->size() + map->bad_lines(), lines.size());
  std::size_t named = 0;
  for (const std::string& line : lines) {
    const std::uint64_t start = std::strtoull(line.c_str(), nullptr, 16);
    const auto found = map->find(start);
    if (line.find(function) == std::string::npos || !found) continue;
    named += found->name.find(function) != std::string_view::npos;
  }
  EXPECT_GT(named, 0U) << function;
}

TEST(Runtime, NodesPerfMapIsReadWhole) {
  if (!installed("node")) GTEST_SKIP() << "needs node (package nodejs)";
  const Finished node("node --perf-basic-prof" + node_program);
  ASSERT_TRUE(node.succeeded()) << node.output();
  expect_whole(node.map(), "hotFibonacci");
  auto map = PerfMap::open(open_file(node.map(), O_RDONLY).value());
  map->refresh();
  EXPECT_EQ(map->bad_lines(), 0U);
}

TEST(Runtime, NodesJitdumpNamesWhatItsPerfMapNames) {
  if (!installed("node")) GTEST_SKIP() << "needs node (package nodejs)";
  const Finished node("node --perf-prof --perf-basic-prof" + node_program);
  ASSERT_TRUE(node.succeeded()) << node.output();
  ASSERT_TRUE(is_jitdump_path(node.dump()));
  JitCode code = JitCode::open(node.place());
  auto fd = open_file(node.dump(), O_RDONLY);
  if (!fd) GTEST_SKIP() << "this node writes no jitdump";
  ASSERT_EQ(code.add_jitdump(*std::move(fd)), Reason::none);
  code.refresh();
  auto dump = Jitdump::open(open_file(node.dump(), O_RDONLY).value(),
                            node.place().namespace_pid);
  dump->refresh();
  EXPECT_EQ(dump->reason(), Reason::none);
  std::size_t named = 0;
  for (const std::string& line : lines_of(node.map())) {
    if (line.find("hotFibonacci") == std::string::npos) continue;
    const std::uint64_t start = std::strtoull(line.c_str(), nullptr, 16);
    const auto found = dump->find(start, ~0ULL, ~0ULL);
    named += found && found->name.find("hotFibonacci") != std::string::npos;
    EXPECT_FALSE(dump->find(start, 1, 1));
    EXPECT_TRUE(code.find(start, ~0ULL, ~0ULL));
  }
  EXPECT_GT(named, 0U);
}

TEST(Runtime, JavasPerfMapIsReadWhole) {
  if (!installed("java")) GTEST_SKIP() << "needs java (17 or later)";
  const Finished java(
      "java -XX:+UnlockDiagnosticVMOptions -XX:+DumpPerfMapAtExit -version");
  if (!java.succeeded() || !fs::exists(java.map())) {
    GTEST_SKIP() << "this java writes no perf map: " << java.output();
  }
  expect_whole(java.map(), "java.lang.Object");
}

}  // namespace
}  // namespace sightline::symbol
