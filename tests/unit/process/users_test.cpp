// SPDX-License-Identifier: Apache-2.0
#include "process/users.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace sightline::process {
namespace {

class Users : public testing::Test {
 protected:
  void SetUp() override {
    auto pattern =
        (std::filesystem::temp_directory_path() / "sightline.XXXXXX").string();
    auto fd = mkstemp(pattern.data());
    ASSERT_GE(fd, 0);
    close(fd);
    passwd_ = pattern;
    std::ofstream(passwd_) << "root:x:0:0:root:/root:/bin/sh\n"
                              "\n"
                              "# a comment\n"
                              "torn:x\n"
                              "www-data:x:33:33::/var/www:/bin/false\n"
                              "toor:x:0:0:second root:/root:/bin/sh\n"
                              "big:x:4294967294:1::/:/bin/sh\n"
                              "last:x:7:7::/:/bin/sh";
  }
  void TearDown() override { std::filesystem::remove(passwd_); }

  std::string passwd_;
};

TEST_F(Users, AreFoundByName) {
  EXPECT_EQ(find_user("root", passwd_), 0U);
  EXPECT_EQ(find_user("www-data", passwd_), 33U);
  EXPECT_EQ(find_user("toor", passwd_), 0U);
  EXPECT_EQ(find_user("last", passwd_), 7U);
}

TEST_F(Users, AreTakenByNumberWhetherTheyExistOrNot) {
  EXPECT_EQ(find_user("0", passwd_), 0U);
  EXPECT_EQ(find_user("12345", passwd_), 12345U);
  EXPECT_EQ(find_user("4294967294", passwd_), 4294967294U);
  EXPECT_EQ(find_user("1000", "/nonexistent/passwd"), 1000U);
}

TEST_F(Users, ThatDoNotExistAreUsageErrors) {
  for (auto text : {"abc", "", "ROOT", "4294967295", "99999999999999999999",
                    "-1", "+1", "0x10", "1000 ", "root:x", "torn"}) {
    auto user = find_user(text, passwd_);
    ASSERT_FALSE(user) << text;
    EXPECT_EQ(user.error().kind, ErrorKind::usage);
    EXPECT_EQ(user.error().what, "expected a user name or number, got '" +
                                     std::string(text) + "'");
  }
  EXPECT_EQ(find_user("a\x1b[0m", passwd_).error().what,
            "expected a user name or number, got 'a\\x1b[0m'");
}

TEST_F(Users, CannotBeFoundWithoutAFile) {
  auto user = find_user("root", "/nonexistent/passwd");
  ASSERT_FALSE(user);
  EXPECT_EQ(user.error().kind, ErrorKind::runtime);
  EXPECT_EQ(user.error().err, ENOENT);
}

TEST_F(Users, AreNamedOrNumbered) {
  EXPECT_EQ(user_name(0, passwd_), "root");
  EXPECT_EQ(user_name(33, passwd_), "www-data");
  EXPECT_EQ(user_name(4294967294U, passwd_), "big");
  EXPECT_EQ(user_name(12345, passwd_), "12345");
  EXPECT_EQ(user_name(0, "/nonexistent/passwd"), "0");
}

}  // namespace
}  // namespace sightline::process
