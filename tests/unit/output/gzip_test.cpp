// SPDX-License-Identifier: Apache-2.0
#include "output/gzip.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "output/pprof_bytes.h"

namespace sightline::output {
namespace {

constexpr std::size_t plenty = 64U << 20;

std::string failure(std::string_view packed, std::size_t most = plenty) {
  auto bytes = gunzip(packed, most);
  return bytes ? "(unpacked)" : bytes.error().what;
}

// Bytes that do not get smaller.
std::string noise(std::size_t count) {
  std::mt19937 random(7);
  std::string bytes(count, '\0');
  for (auto& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

TEST(Gzip, GivesBackWhatWentIn) {
  for (const auto& bytes : {std::string(), std::string("a"), noise(1),
                            noise(300'000), std::string(10'000'000, 'x')}) {
    auto packed = gzip(bytes);
    ASSERT_FALSE(packed.empty());
    auto back = gunzip(packed, bytes.size());
    ASSERT_TRUE(back) << back.error().what;
    EXPECT_EQ(*back, bytes);
  }
}

TEST(Gzip, ManyPiecesAreOneStream) {
  std::string packed;
  auto stream = GzipStream::open([&](std::string_view piece) -> Status {
    packed.append(piece);
    return {};
  });
  ASSERT_TRUE(stream);
  auto bytes = noise(200'000);
  for (std::size_t at = 0; at < bytes.size(); at += 7) {
    ASSERT_TRUE(stream->write(std::string_view(bytes).substr(at, 7)));
    ASSERT_TRUE(stream->write({}));
  }
  ASSERT_TRUE(stream->finish());
  EXPECT_EQ(gunzip(packed, plenty).value_or("?"), bytes);
}

TEST(Gzip, TheSameBytesGiveTheSameFile) {
  EXPECT_EQ(gzip("profile"), gzip("profile"));
}

TEST(Gzip, FailsAsItsWriterDoes) {
  auto stream = GzipStream::open([](std::string_view) -> Status {
    return fail(ErrorKind::runtime, "disk full");
  });
  ASSERT_TRUE(stream);
  (void)stream->write(noise(300'000));
  auto status = stream->finish();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().what, "disk full");
}

TEST(Gunzip, StopsAtTheBound) {
  auto bomb = gzip(std::string(32U << 20, '\0'));
  ASSERT_LT(bomb.size(), 64U << 10);
  EXPECT_EQ(failure(bomb, 1000), "gzip data: unpacks to more than 1000 bytes");
  EXPECT_EQ(failure(gzip("abc"), 3), "(unpacked)");
  EXPECT_EQ(failure(gzip("abcd"), 3),
            "gzip data: unpacks to more than 3 bytes");
  EXPECT_EQ(failure(gzip("a"), 0), "gzip data: unpacks to more than 0 bytes");
}

TEST(Gunzip, SaysWhereItIsCut) {
  auto whole = gzip(noise(100'000));
  for (std::size_t length : {std::size_t{0}, std::size_t{5}, std::size_t{10},
                             whole.size() / 2, whole.size() - 1}) {
    EXPECT_EQ(failure(std::string_view(whole).substr(0, length)),
              "gzip data: cut after " + std::to_string(length) + " bytes");
  }
}

TEST(Gunzip, RefusesWhatIsNotItsOwn) {
  EXPECT_EQ(failure("{\"type\":\"begin\"}").substr(0, 27),
            "gzip data: damaged at byte ");
  auto whole = gzip("profile");
  EXPECT_EQ(failure(whole + "x"), "gzip data: 1 bytes too many at its end");
  whole[whole.size() - 5] ^= 1;  // of the checksum
  EXPECT_EQ(failure(whole).substr(0, 27), "gzip data: damaged at byte ");
}

}  // namespace
}  // namespace sightline::output
