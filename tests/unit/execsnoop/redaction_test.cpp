// SPDX-License-Identifier: Apache-2.0
#include "redaction.h"

#include <gtest/gtest.h>

namespace sightline::execsnoop {
namespace {

std::string redacted(const char* pattern, const std::string& text) {
  auto redaction = Redaction::compile(pattern);
  EXPECT_TRUE(redaction);
  return redaction ? redaction->apply(text) : "";
}

TEST(Redaction, ReplacesEveryMatch) {
  EXPECT_EQ(redacted("[0-9]{4}", "a1234b5678c"), "a[redacted]b[redacted]c");
  EXPECT_EQ(redacted("x", "abc"), "abc");
  EXPECT_EQ(redacted("secret", "secret"), "[redacted]");
}

TEST(Redaction, ReplacesTheFirstGroupOnly) {
  EXPECT_EQ(redacted("^--password=(.*)", "--password=a b"),
            "--password=[redacted]");
  EXPECT_EQ(redacted("(k)=", "k=v k=w"), "[redacted]=v [redacted]=w");
}

TEST(Redaction, AnAnchorHoldsOnceOnly) {
  EXPECT_EQ(redacted("^a", "aaa"), "[redacted]aa");
}

TEST(Redaction, RefusesWhatMatchesNothing) {
  EXPECT_FALSE(Redaction::compile("x*"));
  EXPECT_FALSE(Redaction::compile("("));
  EXPECT_FALSE(Redaction::compile(""));
}

}  // namespace
}  // namespace sightline::execsnoop
