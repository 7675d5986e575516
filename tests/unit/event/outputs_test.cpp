// SPDX-License-Identifier: Apache-2.0
#include "event/outputs.h"

#include <gtest/gtest.h>

namespace sightline::event {
namespace {

TEST(Closing, IsNeverCut) {
  EXPECT_EQ(closing("lost: none; partial: none", 0),
            "\nlost: none; partial: none\n");
  EXPECT_EQ(closing("lost: none; partial: none", 16),
            "\nlost: none;\npartial: none\n");
}

}  // namespace
}  // namespace sightline::event
