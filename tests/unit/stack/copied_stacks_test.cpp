// SPDX-License-Identifier: Apache-2.0
// Copies of our own stack, walked; the truth is glibc's backtrace().
#include "stack/copied_stacks.h"

#include <execinfo.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "base/clock.h"
#include "unwind/loading.h"
#include "unwind_registers.h"

namespace sightline::stack {
namespace {

const auto self = static_cast<std::uint32_t>(::getpid());
constexpr std::uint64_t some_hash = 0x1234567890;
constexpr std::uint64_t some_time = 1000;

// What a stack looked like: as the kernel half copies it, and as glibc sees it.
struct Taken {
  // Not on the stack that is copied: it would fill the copy.
  std::unique_ptr<copy_record> on_heap = std::make_unique<copy_record>();
  copy_record& record = *on_heap;
  std::vector<copy_more_record> more = {};
  std::vector<std::uint64_t> callers = {};
};

void copy_registers(const ucontext_t& context, copy_record& record) {
#if defined(__x86_64__)
  constexpr int by_number[] = {
      REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP,
      REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  for (std::size_t i = 0; i < std::size(by_number); ++i) {
    record.registers[i] =
        static_cast<std::uint64_t>(context.uc_mcontext.gregs[by_number[i]]);
  }
  record.pc = static_cast<std::uint64_t>(context.uc_mcontext.gregs[REG_RIP]);
#else
  for (int i = 0; i < 31; ++i)
    record.registers[i] = context.uc_mcontext.regs[i];
  record.registers[UNWIND_SP] = context.uc_mcontext.sp;
  record.pc = context.uc_mcontext.pc;
#endif
}

// Up to the end of the thread's stack at the most.
std::uint64_t end_of_stack() {
  pthread_attr_t attributes;
  void* lowest = nullptr;
  std::size_t size = 0;
  ::pthread_getattr_np(::pthread_self(), &attributes);
  ::pthread_attr_getstack(&attributes, &lowest, &size);
  ::pthread_attr_destroy(&attributes);
  return reinterpret_cast<std::uint64_t>(lowest) + size;
}

// Not memcpy: between a stack's variables there is what sanitizers watch.
void copy_bytes(std::uint8_t* to, std::uint64_t from, std::size_t bytes) {
  const iovec here{.iov_base = to, .iov_len = bytes};
  const iovec there{.iov_base = reinterpret_cast<void*>(from),
                    .iov_len = bytes};
  auto got = ::process_vm_readv(::getpid(), &here, 1, &there, 1, 0);
  ASSERT_EQ(got, static_cast<ssize_t>(bytes));
}

// As the kernel half does it: pieces end where pages do.
std::uint32_t copy_pieces(std::uint8_t* to, std::uint64_t from) {
  auto end =
      std::min(from / COPY_PIECE * COPY_PIECE + COPY_BYTES, end_of_stack());
  copy_bytes(to, from, end - from);
  return static_cast<std::uint32_t>(end - from);
}

void copy_memory(Taken& taken, std::uint64_t sp) {
  auto& record = taken.record;
  copy_bytes(record.below, sp - COPY_BELOW, COPY_BELOW);
  record.below_count = COPY_BELOW;
  record.byte_count = copy_pieces(record.bytes, sp);
  auto done = record.byte_count;
  while (copy_is_full(done) && taken.more.size() + 1 < COPY_RECORDS) {
    sp += done;
    auto& more = taken.more.emplace_back();
    more.hash = some_hash;
    done = more.byte_count = copy_pieces(more.bytes, sp);
  }
}

[[gnu::noinline]] Taken take(std::uint64_t exec_id) {
  Taken taken;
  auto& record = taken.record;
  void* found[256];
  int count = ::backtrace(found, 256);
  // Sanitizers have a frame of their own before ours.
  auto* ours = std::find(found, found + count, __builtin_return_address(0));
  for (auto* caller = ours; caller < found + count; ++caller) {
    taken.callers.push_back(reinterpret_cast<std::uint64_t>(*caller));
  }
  ucontext_t context;
  ::getcontext(&context);
  copy_registers(context, record);
  record.header = {
      .type = RECORD_COPY, .size = sizeof(record), .time_ns = some_time};
  record.hash = some_hash;
  record.partial_hash = some_hash + 1;
  record.start_ns = 1;
  record.pid = self;
  record.exec_id = static_cast<std::uint32_t>(exec_id);
  copy_memory(taken, record.registers[UNWIND_SP]);
  return taken;
}

#if defined(__x86_64__)
// A function that has just popped the frame pointer.
extern "C" const char popped_here[];
asm(R"(
  .text
  .globl popped_here
  .cfi_startproc
  push %rbp
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset rbp, 0
  pop %rbp
  .cfi_adjust_cfa_offset -8
popped_here:
  ret
  .cfi_endproc
)");

// Makes it the leaf of the stack; returns to where it returns.
std::uint64_t call_popped(Taken& taken) {
  auto& record = taken.record;
  auto caller = record.pc;
  std::memmove(record.bytes + 8, record.bytes, record.byte_count);
  std::memcpy(record.bytes, &caller, 8);
  std::memcpy(record.below + COPY_BELOW - 8, &record.registers[UNWIND_FP], 8);
  record.byte_count += 8;
  record.registers[UNWIND_SP] -= 8;
  record.registers[UNWIND_FP] = 1;
  record.pc = reinterpret_cast<std::uint64_t>(popped_here);
  return caller;
}
#endif

[[gnu::noinline]] Taken take_deep(unsigned depth, char* above) {
  char frame[8192];
  std::memset(frame, static_cast<int>(depth), sizeof(frame));
  auto taken = depth == 0 ? take(1) : take_deep(depth - 1, frame);
  above[depth] = frame[depth];  // no tail call
  return taken;
}

template <typename Record>
std::span<const std::byte> bytes_of(const Record& record) {
  return std::as_bytes(std::span(&record, 1));
}

class CopiedStacksTest : public unwind::testing::LoadingTest {
 protected:
  void SetUp() override {
    table_.see({.key = {self, 1, 1},
                .time_ns = monotonic_ns(),
                .start_boottime_ns = process::read_stat(self)->start_ticks *
                                     process::ns_per_tick,
                .comm = "test"});
  }
  // With rows; not where maps cannot be made.
  bool load_rows() {
    LoadingTest::SetUp();
    if (!maps_) return false;
    auto loader = unwind::Loader::open(open(16 * unwind::testing::one_shard),
                                       table_, objects_);
    EXPECT_TRUE(loader);
    loader_ = std::move(*loader);
    const std::uint32_t pids[] = {self};
    EXPECT_TRUE(loader_->load(pids, UINT64_MAX));
    copies_.walk_by_rows(*loader_, true);
    return true;
  }
  std::vector<unwind::WalkedStack> walk(std::uint64_t until_ns = some_time,
                                        bool all = false) {
    std::vector<unwind::WalkedStack> stacks;
    EXPECT_TRUE(copies_.walk(until_ns, all,
                             [&](auto hash, auto partial, const auto& stack) {
                               EXPECT_EQ(hash, some_hash);
                               EXPECT_EQ(partial, some_hash + 1);
                               stacks.push_back(stack);
                             }));
    return stacks;
  }
  std::optional<std::uint32_t> add(const Taken& taken) {
    auto pid = copies_.add(bytes_of(taken.record));
    for (const auto& more : taken.more) copies_.add_more(bytes_of(more));
    return pid;
  }
  void expect_true(const Taken& taken) {
    ASSERT_EQ(add(taken), self);
    auto stacks = walk();
    ASSERT_EQ(stacks.size(), 1U);
    ASSERT_FALSE(stacks[0].frames.empty());
    EXPECT_EQ(stacks[0].reason, STACK_WHOLE);
    EXPECT_EQ(stacks[0].frames[0], taken.record.pc);
    std::vector<std::uint64_t> callers(stacks[0].frames.begin() + 1,
                                       stacks[0].frames.end());
    EXPECT_EQ(callers, taken.callers);
    EXPECT_TRUE(walk().empty()) << "each is walked once";
  }

  std::unique_ptr<unwind::Loader> loader_;
  CopiedStacks copies_{table_, objects_};
};

TEST_F(CopiedStacksTest, AreWalkedWithAllCallFrameInformation) {
  expect_true(take(1));
}

TEST_F(CopiedStacksTest, AreWalkedByRowsWhereThereAreSome) {
  if (load_rows()) expect_true(take(1));
}

// Three frames of 8 KiB are more than one record holds.
TEST_F(CopiedStacksTest, WhatIsMoreThanARecordComesInSeveral) {
  char above[64] = {};
  auto taken = take_deep(3, above);
  ASSERT_FALSE(taken.more.empty());
  expect_true(taken);
}

// Ten of them are more than all records hold.
TEST_F(CopiedStacksTest, WhatGoesOnBehindTheCopyIsCut) {
  char above[64] = {};
  auto taken = take_deep(10, above);
  ASSERT_EQ(taken.more.size(), COPY_RECORDS - 1);
  ASSERT_TRUE(add(taken));
  auto stacks = walk();
  ASSERT_EQ(stacks.size(), 1U);
  EXPECT_EQ(stacks[0].reason, STACK_CUT);
  const auto& frames = stacks[0].frames;
  ASSERT_GT(frames.size(), 2U);
  ASSERT_LT(frames.size(), taken.callers.size());
  EXPECT_TRUE(
      std::equal(frames.begin() + 1, frames.end(), taken.callers.begin()));
}

// The kernel half may be sending it right now.
TEST_F(CopiedStacksTest, TheRestIsWaitedForOnce) {
  char above[64] = {};
  auto taken = take_deep(3, above);
  ASSERT_TRUE(copies_.add(bytes_of(taken.record)));
  EXPECT_TRUE(walk().empty());
  for (const auto& more : taken.more) copies_.add_more(bytes_of(more));
  auto stacks = walk();
  ASSERT_EQ(stacks.size(), 1U);
  EXPECT_EQ(stacks[0].reason, STACK_WHOLE);
  ASSERT_TRUE(copies_.add(bytes_of(taken.record)));
  EXPECT_TRUE(walk().empty());
  stacks = walk();
  ASSERT_EQ(stacks.size(), 1U) << "there was no room for it";
  EXPECT_EQ(stacks[0].reason, STACK_CUT);
  ASSERT_TRUE(copies_.add(bytes_of(taken.record)));
  EXPECT_EQ(walk(some_time, true).size(), 1U) << "nothing is on its way";
  copies_.add_more(bytes_of(taken.more[0]));
  EXPECT_TRUE(walk().empty()) << "it comes too late";
}

#if defined(__x86_64__)
// Call frame information says in epilogues that a register is still saved where
// it was popped from a moment ago.
TEST_F(CopiedStacksTest, WhatWasJustPoppedIsReadFromBelow) {
  for (bool rows : {false, true}) {
    if (rows && !load_rows()) return;
    auto taken = take(1);
    auto caller = call_popped(taken);
    ASSERT_TRUE(add(taken));
    auto stack = walk().front();
    EXPECT_EQ(stack.reason, STACK_WHOLE) << rows;
    ASSERT_GT(stack.frames.size(), 2U);
    EXPECT_EQ(stack.frames[1], caller);
    if (!rows) continue;  // a register that nobody asks for
    taken.record.below_count = 0;
    ASSERT_TRUE(add(taken));
    EXPECT_NE(walk().front().reason, STACK_WHOLE) << "it was there";
  }
}
#endif

TEST_F(CopiedStacksTest, MemoryThatCouldNotBeReadIsNotTheEnd) {
  auto taken = take(1);
  taken.record.byte_count = 8;
  taken.more.clear();
  ASSERT_TRUE(add(taken));
  auto stacks = walk();
  ASSERT_EQ(stacks.size(), 1U);
  EXPECT_EQ(stacks[0].reason, STACK_UNREADABLE);
}

// Copies without a byte are memory too.
TEST_F(CopiedStacksTest, EmptyOnesAreNotKeptWithoutEnd) {
  auto taken = take(1);
  taken.record.byte_count = taken.record.below_count = 0;
  std::size_t kept = 0;
  while (copies_.add(bytes_of(taken.record))) ASSERT_LE(++kept, 100'000U);
}

// What was mapped then is not known yet.
TEST_F(CopiedStacksTest, ALaterOneWaitsForItsTime) {
  auto taken = take(1);
  ASSERT_TRUE(add(taken));
  EXPECT_TRUE(walk(some_time - 1).empty());
  EXPECT_TRUE(walk(some_time - 1, true).empty());
  EXPECT_EQ(walk().size(), 1U);
}

TEST_F(CopiedStacksTest, APageThatIsNotThereIsAHole) {
  char above[64] = {};
  auto taken = take_deep(3, above);
  ASSERT_TRUE(add(taken));
  auto whole = walk().front();
  ASSERT_EQ(whole.reason, STACK_WHOLE);
  for (std::uint32_t piece = 1; piece < 4; ++piece) {
    taken.record.holes = 1U << piece;
    ASSERT_TRUE(add(taken));
    auto stack = walk().front();
    // It may lie in the middle of a frame, of which nobody asks for more.
    if (stack.reason == STACK_WHOLE) {
      EXPECT_EQ(stack.frames, whole.frames);
    } else {
      EXPECT_EQ(stack.reason, STACK_UNREADABLE);
      EXPECT_LT(stack.frames.size(), whole.frames.size());
    }
  }
  taken.record.holes = 0xf;
  ASSERT_TRUE(add(taken));
  EXPECT_EQ(walk().front().reason, STACK_UNREADABLE);
}

TEST_F(CopiedStacksTest, AnImageThatNobodyKnowsHasItsFirstFrame) {
  auto taken = take(2);
  ASSERT_TRUE(copies_.add(bytes_of(taken.record)));
  auto stacks = walk();
  ASSERT_EQ(stacks.size(), 1U);
  EXPECT_EQ(stacks[0].reason, STACK_PENDING);
  EXPECT_EQ(stacks[0].frames, std::vector<std::uint64_t>{taken.record.pc});
}

// The other half is trusted, but a record that is cut or lies is no crash.
TEST_F(CopiedStacksTest, AMalformedRecordIsTakenForWhatItHolds) {
  auto taken = take(1);
  auto bytes = bytes_of(taken.record);
  EXPECT_FALSE(copies_.add({}));
  EXPECT_FALSE(copies_.add(bytes.first(offsetof(copy_record, bytes) - 1)));
  EXPECT_TRUE(walk().empty());
  EXPECT_TRUE(copies_.add(bytes.first(offsetof(copy_record, bytes))));
  EXPECT_EQ(walk().front().reason, STACK_UNREADABLE);
  taken.record.byte_count = taken.record.below_count = UINT32_MAX;
  EXPECT_TRUE(copies_.add(bytes_of(taken.record)));
  copies_.add_more({});
  copies_.add_more(bytes.first(offsetof(copy_more_record, bytes) - 1));
  EXPECT_TRUE(walk().empty()) << "more may come";
  EXPECT_FALSE(walk().empty());
}

TEST_F(CopiedStacksTest, MoreThanAreKeptAreRefused) {
  auto taken = take(1);
  taken.record.byte_count = COPY_BYTES - COPY_PIECE;
  std::size_t kept = 0;
  std::size_t kept_when_filling = 0;
  while (copies_.add(bytes_of(taken.record))) {
    ASSERT_LE(++kept, 2000U);
    if (!copies_.is_filling()) kept_when_filling = kept;
  }
  EXPECT_LE(kept, (16U << 20) / (COPY_BYTES - COPY_PIECE));
  EXPECT_GT(kept, 1000U);
  EXPECT_NEAR(static_cast<double>(kept_when_filling),
              static_cast<double>(kept) / 2, 2);
  EXPECT_EQ(walk().size(), kept);
  EXPECT_TRUE(copies_.add(bytes_of(taken.record))) << "there is room again";
}

}  // namespace
}  // namespace sightline::stack
