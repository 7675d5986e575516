// SPDX-License-Identifier: Apache-2.0
// Processes and files for tests of what loads rows: real files, real maps of
// the kernel's, and processes that nobody has but the table.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "process/objects.h"
#include "process/table.h"
#include "real_maps.h"

namespace sightline::unwind::testing {

// Beyond the highest number that a process can have.
inline constexpr std::uint32_t no_process = 0x400001;
inline constexpr std::uint64_t page_size = 4096;

class LoadingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    maps_ = RealMaps::make(4096, 4096);
    if (!maps_ && RealMaps::is_refused()) {
      GTEST_SKIP() << "bpf() is not permitted: " << std::strerror(errno);
    }
    ASSERT_TRUE(maps_);
    std::string name = std::filesystem::temp_directory_path() / "rows.XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override {
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  Store open(std::uint64_t most = 4 * one_shard) {
    auto store = maps_->open(most);
    EXPECT_TRUE(store);
    return std::move(*store);
  }

  // A new file of its own, with the contents of another or as given.
  std::string copy(const std::string& from) {
    auto path = directory_ / std::to_string(files_++);
    std::filesystem::copy_file(std::filesystem::canonical(from), path);
    return path;
  }
  std::string write(const std::string& bytes) {
    auto path = directory_ / std::to_string(files_++);
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  static process::MapsLine line(const std::string& path, std::uint64_t start,
                                std::uint64_t pages = 16) {
    struct stat status = {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return {.start = start,
            .end = start + pages * page_size,
            .file_offset = 0,
            .file = {.major = major(status.st_dev),
                     .minor = minor(status.st_dev),
                     .inode = status.st_ino,
                     .path = path}};
  }
  static process::MapsLine generated_code(std::uint64_t start,
                                          std::uint64_t pages = 1) {
    return {.start = start,
            .end = start + pages * page_size,
            .file_offset = 0,
            .file = {}};
  }

  // The side-band tells that it has executed something and mapped these.
  void executes(std::uint32_t pid, const std::vector<process::MapsLine>& lines,
                std::uint64_t time_ns = 1) {
    table_.on_exec(pid, time_ns);
    for (const auto& each : lines) table_.on_map(pid, time_ns, each);
  }

  std::optional<RealMaps> maps_;
  process::Objects objects_;
  process::Table table_{objects_};
  std::filesystem::path directory_;
  unsigned files_ = 0;
};

// There on every system.
inline const std::string some_program = "/bin/true";

}  // namespace sightline::unwind::testing
