// SPDX-License-Identifier: Apache-2.0
// Files that are really there, row for row against libdw (comparison.h).
//
// UNWIND_TRUTH="FILE FILE..." asks for other files than these.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "symbol/elf_file.h"
#include "symbol/programs.h"
#include "symbol/vdso.h"
#include "unwind/comparison.h"

namespace sightline::unwind {
namespace {

using testing::compare;

std::vector<std::string> files() {
  const char* const asked = std::getenv("UNWIND_TRUTH");
  std::istringstream list(
      asked != nullptr ? asked
                       : "libc.so.6 libm.so.6 "
                         "ld-linux-x86-64.so.2 libstdc++.so.6 libcrypto.so.3");
  std::vector<std::string> paths;
  for (std::string path; list >> path;) {
    if (path[0] != '/') path.insert(0, "/usr/lib/x86_64-linux-gnu/");
    paths.push_back(path);
  }
  return paths;
}

TEST(Truth, FilesThatAreInstalled) {
  for (const std::string& path : files()) {
    SCOPED_TRACE(path);
    const auto object =
        symbol::ElfFile::open(symbol::testing::open_to_read(path));
    if (object) {
      compare(*object, path);
    } else {
      std::printf("%s: not compared, %s\n", path.c_str(),
                  std::string(symbol::text(object.error())).c_str());
    }
  }
}

TEST(Truth, Vdso) {
  const auto vdso = symbol::open_vdso();
  if (!vdso) GTEST_SKIP() << symbol::text(vdso.error());
  compare(*vdso, "vDSO");
}

}  // namespace
}  // namespace sightline::unwind
