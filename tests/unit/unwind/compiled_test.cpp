// SPDX-License-Identifier: Apache-2.0
// What compilers write where nothing is installed that has it: arm64, and
// .debug_frame in all the forms it is kept in. Row for row against libdw.
#include "symbol/compiled.h"

#include <gtest/gtest.h>

#include <string>

#include "symbol/elf_file.h"
#include "unwind/comparison.h"
#include "unwind/lookup.h"
#include "unwind/rows.h"

namespace sightline::unwind {
namespace {

using symbol::Folder;
using testing::compare;

// Leaf, calls, registers to save, a frame of a size that is not known.
constexpr const char* source = R"(
extern long other(long, char*);
long leaf(long a) { return a * 3; }
long calls(long a) { return other(a, 0) + a; }
long many(long a, long b, long c, long d) {
  long x = other(a, 0), y = other(b, 0), z = other(c, 0), w = other(d, 0);
  return x * y + z * w + a * b + c * d;
}
long sized(long n) { char b[n]; return other(n, b) + b[n / 2]; }
long aligned(long n) {
  _Alignas(64) char b[4096];
  return n > 5 ? other(n, b) + b[1] : n;
}
)";

class Compiled : public ::testing::Test {
 protected:
  // A shared object of `source`; skips the test where that cannot be made.
  void compile(const std::string& command, const std::string& options) {
    if (!symbol::has_program(command.substr(0, command.find(' ')))) {
      GTEST_SKIP() << "no " << command;
    }
    (void)folder_.write("a.c", source);
    if (!folder_.run(command + " -O2 -shared -fPIC -nostdlib " + options +
                     " a.c -o a.so 2>/dev/null")) {
      GTEST_SKIP() << "not made: " << command << ' ' << options;
    }
  }
  [[nodiscard]] symbol::ElfFile open(const std::string& name) const {
    return std::move(
        *symbol::ElfFile::open(symbol::open_file(folder_.file(name))));
  }

  Folder folder_;
};

const std::string arm64 =
    "clang-19 --target=aarch64-linux-gnu -fuse-ld=lld"
    " -fasynchronous-unwind-tables";

TEST_F(Compiled, Arm64) {
  compile(arm64, "-fno-omit-frame-pointer");
  if (IsSkipped()) return;
  compare(open("a.so"), "arm64");
}

TEST_F(Compiled, Arm64WithoutFramePointers) {
  compile(arm64, "-fomit-frame-pointer -momit-leaf-frame-pointer");
  if (IsSkipped()) return;
  compare(open("a.so"), "arm64 without frame pointers");
}

// libdw 0.188 takes the instruction for SPARC's, so it is not asked.
TEST_F(Compiled, SignedReturnAddressesOfArm64) {
  compile(arm64, "-mbranch-protection=pac-ret+leaf");
  if (IsSkipped()) return;
  const Rows rows = build_rows(open("a.so"));
  EXPECT_EQ(rows.malformed, 0U);
  EXPECT_EQ(rows.unsupported, 0U);
  bool saved = false;
  bool in_register = false;
  for (const unwind_rule& rule : rows.rules) {
    if ((rule.flags & UNWIND_RULE_SIGNED_RA) == 0) continue;
    saved = saved || rule.ra == UNWIND_AT_CFA;
    in_register = in_register ||
                  (rule.ra == UNWIND_IN_REGISTER && rule.ra_register == 30);
  }
  EXPECT_TRUE(saved);
  EXPECT_TRUE(in_register);
}

const std::string without_eh_frame =
    "-g -fno-asynchronous-unwind-tables -fno-unwind-tables"
    " -fno-exceptions";

TEST_F(Compiled, DebugFrameOfTheFileItself) {
  compile("gcc", without_eh_frame);
  if (IsSkipped()) return;
  const auto object = open("a.so");
  compare(object, ".debug_frame", &object);
}

TEST_F(Compiled, DebugFrameOfVersion4) {
  compile("gcc", without_eh_frame + " -gdwarf-5");
  if (IsSkipped()) return;
  const auto object = open("a.so");
  compare(object, ".debug_frame", &object);
}

TEST_F(Compiled, DebugFrameInItsOwnFile) {
  compile("gcc", without_eh_frame);
  if (IsSkipped()) return;
  ASSERT_TRUE(folder_.run("objcopy --only-keep-debug a.so a.debug"));
  ASSERT_TRUE(folder_.run("strip a.so"));
  const auto object = open("a.so");
  const auto debug = open("a.debug");
  EXPECT_EQ(build_rows(object).reason, symbol::Reason::no_unwind_info);
  compare(object, ".debug_frame of its own", &debug);
}

TEST_F(Compiled, CompressedDebugFrame) {
  compile("gcc", without_eh_frame);
  if (IsSkipped()) return;
  for (const char* kind : {"zlib", "zlib-gnu"}) {
    SCOPED_TRACE(kind);
    ASSERT_TRUE(folder_.run(std::string("objcopy --compress-debug-sections=") +
                            kind + " a.so a.packed"));
    const Rows rows = build_rows(open("a.packed"));
    const Rows plain = build_rows(open("a.so"));
    EXPECT_EQ(rows.reason, symbol::Reason::none);
    EXPECT_GT(rows.rows.size(), 0U);
    EXPECT_EQ(rows.rows, plain.rows);
  }
}

// Somebody removes section headers to make reading harder.
TEST_F(Compiled, WithoutSectionHeaders) {
  compile("gcc", "-fasynchronous-unwind-tables");
  if (IsSkipped()) return;
  const Rows whole = build_rows(open("a.so"));
  std::string bytes = symbol::content_of(folder_.file("a.so"));
  bytes.replace(0x28, 8, 8, '\0');  // e_shoff
  bytes.replace(0x3c, 4, 4, '\0');  // e_shnum, e_shstrndx
  (void)folder_.write("b.so", bytes);
  const Rows rows = build_rows(open("b.so"));
  EXPECT_GT(whole.rows.size(), 0U);
  EXPECT_EQ(rows.rows, whole.rows);
}

}  // namespace
}  // namespace sightline::unwind
