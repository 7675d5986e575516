// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <gtest/gtest.h>

#include <memory>

namespace sightline {
namespace {

TEST(FailErrno, AppendsTheReason) {
  Status status = fail_errno("cannot open 'x'", ENOENT, "make it first");
  EXPECT_EQ(status.error().what, "cannot open 'x': No such file or directory");
  EXPECT_EQ(status.error().hint, "make it first");
  EXPECT_EQ(status.error().err, ENOENT);
  EXPECT_EQ(status.error().kind, ErrorKind::runtime);
}

TEST(FailErrno, TellsPermissionFromTheRest) {
  EXPECT_EQ(Status(fail_errno("x", EPERM)).error().kind, ErrorKind::permission);
  EXPECT_EQ(Status(fail_errno("x", EACCES)).error().kind,
            ErrorKind::permission);
  EXPECT_EQ(Status(fail_errno("x", ENOSPC)).error().kind, ErrorKind::runtime);
}

TEST(FailErrno, TakesErrnoByDefault) {
  errno = EBUSY;
  EXPECT_EQ(Status(fail_errno("x")).error().err, EBUSY);
}

Result<std::unique_ptr<int>> half(int number) {
  if (number % 2 != 0) return fail(ErrorKind::usage, "odd");
  return std::make_unique<int>(number / 2);
}

Result<int> quarter(int number) {
  auto first = SL_TRY(half(number));  // move-only values pass
  return *SL_TRY(half(*first));
}

Status check_even(int number, int& steps) {
  SL_CHECK(half(number));
  ++steps;
  return {};
}

TEST(Try, UnwrapsOrReturnsTheError) {
  EXPECT_EQ(quarter(12), 3);
  EXPECT_EQ(quarter(6).error().what, "odd");
  EXPECT_EQ(quarter(3).error().kind, ErrorKind::usage);
}

TEST(Check, StopsAtTheFirstFailure) {
  int steps = 0;
  EXPECT_TRUE(check_even(2, steps));
  EXPECT_FALSE(check_even(1, steps));
  EXPECT_EQ(steps, 1);
}

TEST(ErrorName, IsTheConstantOrTheNumber) {
  EXPECT_EQ(error_name(ENOENT), "ENOENT");
  EXPECT_EQ(error_name(99999), "99999");
}

}  // namespace
}  // namespace sightline
