// SPDX-License-Identifier: Apache-2.0
#include "stack/fold.h"

#include <gtest/gtest.h>

#include "stack/fake_profile.h"

namespace sightline::stack {
namespace {

using symbol::Reason;

std::vector<std::string> folded(const FakeProfile& fake) {
  std::vector<std::string> lines;
  auto status = fold(fake.profile, fake.names, fake.by_comm(),
                     [&](std::string_view line) {
                       lines.emplace_back(line);
                       return Status();
                     });
  EXPECT_TRUE(status);
  return lines;
}

TEST(Fold, LabelsAreTheRootAndTheCountIsTheCount) {
  FakeProfile fake;
  fake.add("bash", {fake.function("a"), fake.function("b")}, {3, 3'000});
  EXPECT_EQ(folded(fake),
            std::vector<std::string>{"bash;[a: stripped];[b: stripped] 3\n"});
}

TEST(Fold, KernelAndGeneratedFramesHaveTheirEndings) {
  FakeProfile fake;
  auto jit = fake.frame({process::anonymous_object, Reason::anonymous, 0x10});
  auto kernel = fake.frame({process::kernel_object, Reason::stack_failed, 0});
  auto guest = fake.frame({process::kernel_object, Reason::guest, 0});
  fake.add("java", {jit, kernel}, {2, 20});
  fake.add("qemu", {guest}, {1, 10});
  EXPECT_EQ(folded(fake),
            (std::vector<std::string>{
                "java;[anon: generated code]_[j];[kernel: stack not "
                "readable]_[k] 2\n",
                "qemu;[guest]_[k] 1\n"}));
}

TEST(Fold, AnEmptyStackIsItsLabels) {
  FakeProfile fake;
  fake.add("x", {}, {5, 50});
  EXPECT_EQ(folded(fake), std::vector<std::string>{"x 5\n"});
}

TEST(Fold, TheHeaviestComesFirst) {
  FakeProfile fake;
  auto a = fake.function("a");
  fake.add("light", {a}, {100, 1});
  fake.add("heavy", {a}, {1, 100});
  EXPECT_EQ(folded(fake),
            (std::vector<std::string>{"heavy;[a: stripped] 1\n",
                                      "light;[a: stripped] 100\n"}));
}

TEST(Fold, NamesCannotForgeFramesOrLines) {
  FakeProfile fake;
  fake.add("a;b\nc 7", {}, {1, 1});
  EXPECT_EQ(folded(fake), std::vector<std::string>{"a:b\\x0ac_7 1\n"});
}

TEST(Fold, StopsWithTheFailureOfItsWriter) {
  FakeProfile fake;
  auto a = fake.function("a");
  fake.add("x", {a}, {1, 1});
  fake.add("y", {a}, {1, 1});
  int lines = 0;
  auto status = fold(fake.profile, fake.names, fake.by_comm(), [&](auto) {
    ++lines;
    return Status(fail(ErrorKind::runtime, "disk full"));
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().what, "disk full");
  EXPECT_EQ(lines, 1);
}

}  // namespace
}  // namespace sightline::stack
