// SPDX-License-Identifier: Apache-2.0
#include "unwind/cfi_walk.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "unwind/cfi_image.h"

namespace sightline::unwind {
namespace {

using testing::bytes_of;
using testing::CfiImage;
using testing::quad;
namespace cfa = testing::cfa;

constexpr std::uint64_t code = CfiImage::code;
constexpr unsigned rbx = 3;
constexpr unsigned rsp = 7;
constexpr unsigned rip = 16;

// A process whose stack is these words.
class WalkTest : public ::testing::Test {
 protected:
  WalkTest() {
    registers_.set(rsp, 0x7000);
    registers_.set(rbx, 33);
    registers_.set(0, 44);
    memory_[0x7000] = 0x401234;
  }

  Step step(const std::string& program, std::uint64_t address = code) {
    CfiImage image;
    image.fde(image.cie(), code, 64, program);
    auto frames = CallFrames::open(image.file());
    EXPECT_TRUE(frames);
    return frames->step(registers_, address,
                        [this](std::uint64_t at, std::uint64_t& word) {
                          const auto found = memory_.find(at);
                          if (found != memory_.end()) word = found->second;
                          return found != memory_.end();
                        });
  }

  // RBX of the caller as these operations compute it. The CFA, 0x7008, lies on
  // the stack first.
  std::optional<std::uint64_t> value_of(const std::string& operations) {
    const Step done = step(bytes_of({0x16, rbx}) +
                           testing::uleb(operations.size()) + operations);
    EXPECT_EQ(done.end, StepEnd::stepped);
    const auto value = registers_.get(rbx);
    registers_.set(rsp, 0x7000);
    registers_.set(rbx, 33);
    registers_.set(0, 44);
    return value;
  }

  Registers registers_ = {};
  std::map<std::uint64_t, std::uint64_t> memory_ = {};
};

TEST_F(WalkTest, AnOrdinaryFrame) {
  const Step done = step("");
  EXPECT_EQ(done.end, StepEnd::stepped);
  EXPECT_FALSE(done.signal_frame);
  EXPECT_EQ(registers_.get(rip), 0x401234);
  EXPECT_EQ(registers_.get(rsp), 0x7008);
  EXPECT_EQ(registers_.get(rbx), 33);
  // RAX is not kept over a call.
  EXPECT_EQ(registers_.get(0), std::nullopt);
}

TEST_F(WalkTest, HowItEnds) {
  EXPECT_EQ(step("", code - 1).end, StepEnd::not_covered);
  EXPECT_EQ(step("", code + 64).end, StepEnd::not_covered);
  EXPECT_EQ(step(cfa::undefined(rip)).end, StepEnd::root);
  EXPECT_EQ(step(bytes_of({0x3f})).end, StepEnd::not_understood);
  EXPECT_EQ(step(cfa::define(rsp, 16)).end, StepEnd::not_readable);
  // R9 has no value here.
  EXPECT_EQ(step(cfa::define(9, 8)).end, StepEnd::not_understood);
  // Nothing of this has changed anything.
  EXPECT_EQ(registers_.get(rsp), 0x7000);
}

TEST_F(WalkTest, ASavedRegisterThatCannotBeReadIsForgotten) {
  EXPECT_EQ(step(cfa::offset(rbx, 20)).end, StepEnd::stepped);
  EXPECT_EQ(registers_.get(rbx), std::nullopt);
  EXPECT_EQ(registers_.get(rip), 0x401234);
}

TEST_F(WalkTest, Arithmetic) {
  EXPECT_EQ(value_of(bytes_of({0x12, 0x22})), 0xe010);            // dup plus
  EXPECT_EQ(value_of(bytes_of({0x37, 0x33, 0x1c})), 4);           // 7 3 minus
  EXPECT_EQ(value_of(bytes_of({0x37, 0x1f, 0x33, 0x1b})), -2);    // -7 / 3
  EXPECT_EQ(value_of(bytes_of({0x37, 0x33, 0x1d})), 1);           // 7 mod 3
  EXPECT_EQ(value_of(bytes_of({0x37, 0x33, 0x24})), 56);          // 7 << 3
  EXPECT_EQ(value_of(bytes_of({0x37, 0x1f, 0x31, 0x26})), -4);    // -7 shra 1
  EXPECT_EQ(value_of(bytes_of({0x09, 0x80, 0x19})), 128);         // abs(-128)
  EXPECT_EQ(value_of(bytes_of({0x0b, 0xfe, 0xff, 0x20})), 1);     // ~-2
  EXPECT_EQ(value_of(bytes_of({0x31, 0x32, 0x2d})), 1);           // 1 < 2
  EXPECT_EQ(value_of(bytes_of({0x31, 0x32, 0x33, 0x17})), 2);     // rot
  EXPECT_EQ(value_of(bytes_of({0x31, 0x32, 0x16})), 1);           // swap
  EXPECT_EQ(value_of(bytes_of({0x35, 0x32, 0x33, 0x15, 2})), 5);  // pick
  EXPECT_EQ(value_of(bytes_of({0x73, 2})), 35);                   // rbx + 2
  EXPECT_EQ(value_of(bytes_of({0x77, 0, 0x94, 2})), 0x1234);      // two bytes
  EXPECT_EQ(value_of(bytes_of({0x0e}) + quad(~0ULL)), ~0ULL);
}

TEST_F(WalkTest, Branches) {
  // 1 bra over lit2, lit3; 0 bra is not taken.
  EXPECT_EQ(value_of(bytes_of({0x33, 0x31, 0x28, 1, 0, 0x32})), 3);
  EXPECT_EQ(value_of(bytes_of({0x33, 0x30, 0x28, 1, 0, 0x32})), 2);
  EXPECT_EQ(value_of(bytes_of({0x33, 0x2f, 1, 0, 0x32})), 3);
}

TEST_F(WalkTest, ExpressionsThatHaveNoValue) {
  for (const std::string& operations :
       {bytes_of({0x2f, 0xfd, 0xff}),        // jumps to itself
        bytes_of({0x2f, 0, 0x40}),           // and far away
        bytes_of({0x13}),                    // nothing is left
        bytes_of({0x22}),                    // two are wanted
        bytes_of({0x30, 0x1b}),              // divides by 0
        bytes_of({0x30, 0x1d}),              //
        bytes_of({0x31, 0x06}),              // reads what is not there
        bytes_of({0x94, 9}),                 // nine bytes
        bytes_of({0x79, 0}),                 // R9 has no value
        bytes_of({0x0c, 1}),                 // cut
        bytes_of({0x9c}), bytes_of({0xff}),  // not here; not known
        std::string(100, '\x12')}) {         // dup without end
    EXPECT_EQ(value_of(operations), std::nullopt);
  }
}

}  // namespace
}  // namespace sightline::unwind
