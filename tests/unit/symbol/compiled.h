// SPDX-License-Identifier: Apache-2.0
// Programs made by a real compiler for one test, and what llvm-symbolizer says
// of them.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/handle.h"

namespace sightline::symbol {

// A directory that goes away with its test.
class Folder {
 public:
  Folder() {
    auto pattern =
        (std::filesystem::temp_directory_path() / "sightline.XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::string file(const std::string& name) const {
    return path_ / name;
  }
  [[nodiscard]] std::string write(const std::string& name,
                                  const std::string& text) const {
    std::ofstream(file(name), std::ios::binary) << text;
    return file(name);
  }
  // A command that runs in it.
  [[nodiscard]] bool run(const std::string& command) const {
    return std::system(("cd " + path_.string() + " && " + command).c_str()) ==
           0;
  }

 private:
  std::filesystem::path path_;
};

inline std::string output_of(const std::string& command) {
  std::FILE* const pipe = popen((command + " 2>/dev/null").c_str(), "re");
  std::string text;
  char buffer[65536];
  while (const std::size_t got = fread(buffer, 1, sizeof buffer, pipe)) {
    text.append(buffer, got);
  }
  pclose(pipe);
  return text;
}

inline bool has_program(const std::string& name) {
  return std::system(("command -v " + name + " >/dev/null").c_str()) == 0;
}

inline UniqueFd open_file(const std::string& path) {
  return UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

inline std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace sightline::symbol
