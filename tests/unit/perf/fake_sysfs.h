// SPDX-License-Identifier: Apache-2.0
// A /sys of the test's own in a temporary folder, gone with the object.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace sightline::perf {

class FakeSysfs {
 public:
  FakeSysfs() {
    std::string pattern = ::testing::TempDir() + "sightline-sysfs-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  FakeSysfs(const FakeSysfs&) = delete;
  FakeSysfs& operator=(const FakeSysfs&) = delete;
  ~FakeSysfs() { std::filesystem::remove_all(root_); }

  [[nodiscard]] const std::string& root() const { return root_; }

  // A file as the kernel writes it, with a newline at its end.
  FakeSysfs& put(const std::string& path, const std::string& text) {
    auto file = std::filesystem::path(root_) / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text << '\n';
    return *this;
  }
  FakeSysfs& put_pmu(const std::string& path, const std::string& text) {
    return put("bus/event_source/devices/" + path, text);
  }
  FakeSysfs& put_cpus(const std::string& online, const std::string& possible) {
    put("devices/system/cpu/online", online);
    return put("devices/system/cpu/possible", possible);
  }

 private:
  std::string root_;
};

}  // namespace sightline::perf
