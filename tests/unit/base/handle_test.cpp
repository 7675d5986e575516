// SPDX-License-Identifier: Apache-2.0
#include "base/handle.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <type_traits>
#include <utility>

namespace sightline {
namespace {

static_assert(!std::is_copy_constructible_v<UniqueFd>);
static_assert(!std::is_copy_constructible_v<UniqueMapping>);
static_assert(std::is_nothrow_move_constructible_v<UniqueFd>);

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

UniqueFd open_null() {
  return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

TEST(UniqueFd, ClosesOnce) {
  int number = -1;
  {
    auto fd = open_null();
    number = fd.get();
    EXPECT_TRUE(fd);
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(UniqueFd, MovesOwnership) {
  auto first = open_null();
  int number = first.get();
  UniqueFd second(std::move(first));
  EXPECT_FALSE(first);
  EXPECT_TRUE(is_open(number));
  auto third = open_null();
  int replaced = third.get();
  third = std::move(second);
  EXPECT_EQ(third.get(), number);
  EXPECT_FALSE(is_open(replaced));
}

TEST(UniqueFd, SurvivesAssignmentToItself) {
  auto fd = open_null();
  auto& same = fd;
  fd = std::move(same);
  EXPECT_TRUE(is_open(fd.get()));
}

TEST(UniqueFd, LetsGoOnRelease) {
  auto fd = open_null();
  UniqueFd keeper(fd.release());
  EXPECT_FALSE(fd);
  EXPECT_TRUE(is_open(keeper.get()));
}

UniqueMapping map_page() {
  return {::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
          4096};
}

// msync of a range that is not mapped fails with ENOMEM (msync(2)).
bool is_mapped(void* address) { return ::msync(address, 4096, MS_ASYNC) == 0; }

TEST(UniqueMapping, UnmapsOnce) {
  void* address = nullptr;
  {
    auto mapping = map_page();
    address = mapping.address();
    EXPECT_TRUE(mapping);
    EXPECT_TRUE(is_mapped(address));
  }
  EXPECT_FALSE(is_mapped(address));
}

TEST(UniqueMapping, MovesOwnership) {
  auto first = map_page();
  auto* address = first.address();
  UniqueMapping second(std::move(first));
  EXPECT_FALSE(first);
  UniqueMapping third;
  third = std::move(second);
  EXPECT_EQ(third.address(), address);
  EXPECT_EQ(third.size(), 4096u);
  EXPECT_TRUE(is_mapped(address));
}

}  // namespace
}  // namespace sightline
