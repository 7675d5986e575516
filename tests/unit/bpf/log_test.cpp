// SPDX-License-Identifier: Apache-2.0
#include "bpf/log.h"

#include <bpf/libbpf.h>
#include <gtest/gtest.h>

#include "bpf/object.h"

namespace sightline::bpf {
namespace {

void make_libbpf_complain(const std::string& about) {
  auto path = "/nonexistent/" + about;
  EXPECT_EQ(bpf_object__open_file(path.c_str(), nullptr), nullptr);
}

TEST(Log, IsKeptAndShown) {
  std::string shown;
  capture_log([&](std::string_view text) { shown += text; });
  make_libbpf_complain("once");
  capture_log();
  EXPECT_NE(shown.find("/nonexistent/once"), std::string::npos) << shown;
  EXPECT_TRUE(log_tail().ends_with(shown));
  make_libbpf_complain("unseen");
  EXPECT_EQ(shown.find("unseen"), std::string::npos);
  EXPECT_NE(log_tail().find("/nonexistent/unseen"), std::string::npos);
}

TEST(Log, KeepsTheEndOfALongLog) {
  capture_log();
  for (int i = 0; i < 1'000; ++i) {
    make_libbpf_complain("number-" + std::to_string(i));
  }
  EXPECT_LE(log_tail().size(), 8192U);
  EXPECT_NE(log_tail().find("number-999"), std::string::npos);
  EXPECT_EQ(log_tail().find("number-0'"), std::string::npos);
}

TEST(LoadFailure, TellsPermissionFromFeatureFromTheRest) {
  capture_log();
  EXPECT_EQ(load_failure(EPERM).error().kind, ErrorKind::permission);
  EXPECT_EQ(load_failure(EACCES).error().kind, ErrorKind::runtime)
      << "the verifier's word for a program that it does not accept";
  EXPECT_EQ(load_failure(ESRCH).error().kind, ErrorKind::unsupported);
  make_libbpf_complain("verdict");
  auto rest = load_failure(EINVAL).error();
  EXPECT_EQ(rest.kind, ErrorKind::runtime);
  EXPECT_EQ(rest.err, EINVAL);
  EXPECT_NE(rest.hint.find("verdict"), std::string::npos) << rest.hint;
}

}  // namespace
}  // namespace sightline::bpf
