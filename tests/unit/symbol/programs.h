// SPDX-License-Identifier: Apache-2.0
// Programs that are really there, and what other tools say about them.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.h"
#include "symbol/elf_file.h"

namespace sightline::symbol::testing {

// A directory that goes with the test.
class TempDir {
 public:
  TempDir() {
    std::string pattern =
        std::filesystem::temp_directory_path() / "sightline-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() { std::filesystem::remove_all(path_); }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  // Writes a file, and the directories above it; `name` may begin with '/'.
  void write(std::string_view name, std::string_view bytes) const {
    const auto path = at(name);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
  }

  [[nodiscard]] std::filesystem::path at(std::string_view name) const {
    return path_ / name.substr(name.starts_with('/'));
  }

 private:
  std::filesystem::path path_;
};

inline UniqueFd open_to_read(const std::string& path) {
  return UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

inline std::vector<std::string> lines_of(const std::string& command) {
  std::FILE* const pipe = popen((command + " 2>/dev/null").c_str(), "re");
  std::string text;
  char buffer[65536];
  while (const std::size_t got = fread(buffer, 1, sizeof buffer, pipe)) {
    text.append(buffer, got);
  }
  pclose(pipe);
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

inline bool runs(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

inline bool installed(const std::string& program) {
  return runs("command -v " + program);
}

inline std::string without_version(const std::string& name) {
  return name.substr(0, name.find('@'));
}

struct Functions {
  std::vector<std::uint64_t> addresses;  // first, middle and last byte of each
  std::map<std::uint64_t, std::set<std::string>> names;  // by first byte
};

// The functions with a size that nm lists in either table.
inline Functions functions_of(const std::string& path) {
  Functions functions;
  std::set<std::uint64_t> addresses;
  for (const char* table :
       {"nm -S --defined-only ", "nm -DS --defined-only "}) {
    for (const std::string& line : lines_of(table + path)) {
      std::istringstream words(line);
      std::uint64_t start = 0;
      std::uint64_t size = 0;
      std::string type;
      std::string name;
      if (!(words >> std::hex >> start >> size >> type >> name)) continue;
      if (type.find_first_of("TtWwi") != 0 || size == 0) continue;
      functions.names[start].insert(without_version(name));
      addresses.insert({start, start + size / 2, start + size - 1});
    }
  }
  functions.addresses.assign(addresses.begin(), addresses.end());
  return functions;
}

}  // namespace sightline::symbol::testing
