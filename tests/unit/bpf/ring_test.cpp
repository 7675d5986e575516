// SPDX-License-Identifier: Apache-2.0
// On a real ring. Each test says why it is skipped where bpf() is not
// permitted.
#include "bpf/ring.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <vector>

#include "bpf/real_ring.h"

namespace sightline::bpf {
namespace {

class RingTest : public testing::Test {
 protected:
  void SetUp() override {
    if (made_.err() == EPERM || made_.err() == EACCES) {
      GTEST_SKIP() << "bpf() is not permitted: " << std::strerror(made_.err());
    }
    ASSERT_EQ(made_.err(), 0);
    auto ring = Ring::open(made_.map(), [this](auto record) {
      if (fails_) throw std::bad_alloc();
      seen_.push_back(std::to_integer<int>(record[0]));
      if (seen_.size() == most_) ring_->stop();
    });
    ASSERT_TRUE(ring) << ring.error().what;
    ring_ = *std::move(ring);
  }

  void send(int from, int to) {
    for (int i = from; i <= to; ++i) {
      ASSERT_TRUE(made_.send({static_cast<std::byte>(i)}));
    }
  }

  RealRing made_{4096};
  std::optional<Ring> ring_;
  std::vector<int> seen_;
  std::size_t most_ = 0;
  bool fails_ = false;
};

TEST_F(RingTest, HandsOverAllThatIsThere) {
  send(1, 3);
  EXPECT_TRUE(ring_->consume());
  EXPECT_TRUE(ring_->consume());
  EXPECT_EQ(seen_, (std::vector{1, 2, 3}));
}

TEST_F(RingTest, StopsWhereItIsToldTo) {
  most_ = 2;
  send(1, 4);
  EXPECT_TRUE(ring_->consume());
  EXPECT_EQ(seen_, (std::vector{1, 2}));
  EXPECT_TRUE(ring_->consume());
  EXPECT_EQ(seen_, (std::vector{1, 2, 3, 4}));
}

TEST_F(RingTest, AHandlerWithoutMemoryIsAFailure) {
  fails_ = true;
  send(1, 2);
  auto consumed = ring_->consume();
  ASSERT_FALSE(consumed);
  EXPECT_EQ(consumed.error().err, ENOMEM);
  EXPECT_EQ(consumed.error().what,
            "cannot keep what the kernel has sent: Cannot allocate memory");
  fails_ = false;
  EXPECT_TRUE(ring_->consume());
  EXPECT_EQ(seen_, std::vector{2});
}

}  // namespace
}  // namespace sightline::bpf
