// SPDX-License-Identifier: Apache-2.0
// Our own child, walked from outside by rows. Needs the right to make maps.
#include "unwind/walker.h"

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

#include "loading.h"
#include "unwind/loader.h"
#include "unwind/thread_memory.h"
#include "unwind_registers.h"

namespace sightline::unwind {
namespace {

using testing::one_shard;

class WalkerTest : public testing::LoadingTest {
 protected:
  void SetUp() override {
    LoadingTest::SetUp();
    if (!maps_) return;
    child_ = ::fork();
    if (child_ == 0) {
      while (true) ::pause();
    }
    const std::uint32_t pids[] = {static_cast<std::uint32_t>(child_)};
    auto loader = Loader::open(open(32 * one_shard), table_, objects_);
    ASSERT_TRUE(loader);
    loader_ = std::move(*loader);
    ASSERT_TRUE(loader_->load(pids, UINT64_MAX));
  }
  void TearDown() override {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
    LoadingTest::TearDown();
  }

  WalkedStack walk(const Registers& registers, bool in_syscall) {
    StoreView view(loader_->store());
    Walker walker(view, true);
    auto mappings =
        loader_->spaces().published(static_cast<std::uint32_t>(child_));
    auto stack =
        walker.walk(registers, in_syscall, mappings, ThreadMemory(child_));
    EXPECT_FALSE(walker.wanted());
    EXPECT_GT(view.mapped_bytes(), 0U);
    EXPECT_LE(view.mapped_bytes(), StoreView::most_bytes);
    return stack;
  }
  // nullopt: it did not fall asleep within a minute.
  std::optional<Sleeping> asleep() const {
    for (int turn = 0; turn < 6000; ++turn) {
      auto found = sleeping_registers(child_, child_);
      if (found && *found) return **found;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return std::nullopt;
  }

  pid_t child_ = -1;
  std::unique_ptr<Loader> loader_;
};

TEST_F(WalkerTest, AStoppedThreadIsWalkedToItsBeginning) {
  ASSERT_TRUE(asleep());
  ASSERT_EQ(::ptrace(PTRACE_SEIZE, child_, nullptr, nullptr), 0);
  ASSERT_EQ(::ptrace(PTRACE_INTERRUPT, child_, nullptr, nullptr), 0);
  ASSERT_EQ(::waitpid(child_, nullptr, 0), child_);
  auto registers = stopped_registers(child_);
  ASSERT_TRUE(registers);
  auto stack = walk(*registers, true);
  EXPECT_EQ(stack.reason, STACK_WHOLE);
  EXPECT_GT(stack.frames.size(), 5U);
}

// By less, and nobody has stopped it: as far as the stack pointer alone leads.
TEST_F(WalkerTest, ASleepingThreadIsWalkedWithoutStoppingIt) {
  auto sleeping = asleep();
  ASSERT_TRUE(sleeping);
  EXPECT_TRUE(sleeping->in_syscall);
  EXPECT_FALSE(sleeping->registers.get(UNWIND_FP));
  auto stack = walk(sleeping->registers, sleeping->in_syscall);
  ASSERT_GE(stack.frames.size(), 2U);
  EXPECT_EQ(stack.frames[0], sleeping->registers.values[pc_register]);
  EXPECT_TRUE(stack.reason == STACK_WHOLE || stack.reason == STACK_UNSUPPORTED);
}

TEST_F(WalkerTest, WhatIsNotMappedIsPendingAndWaitsForNoRows) {
  Registers registers;
  registers.set(pc_register, 0x1000);
  registers.set(UNWIND_SP, 0x2000);
  StoreView view(loader_->store());
  Walker walker(view, true);
  auto stack = walker.walk(registers, false, {}, ThreadMemory(child_));
  EXPECT_EQ(stack.reason, STACK_PENDING);
  EXPECT_EQ(stack.frames, std::vector<std::uint64_t>{0x1000});
  EXPECT_FALSE(walker.wanted());
}

TEST_F(WalkerTest, RowsThatAreMissingAreWanted) {
  auto store = open();
  auto object = store.add_object(UNWIND_PENDING);
  ASSERT_TRUE(object);
  const unwind_mapping mapping{
      .start = 0x1000, .bias = 0, .length = 1, .object = *object};
  Registers registers;
  registers.set(pc_register, 0x1234);
  registers.set(UNWIND_SP, 0x2000);
  StoreView view(store);
  Walker walker(view, true);
  auto stack =
      walker.walk(registers, false, {&mapping, 1}, ThreadMemory(child_));
  EXPECT_EQ(stack.reason, STACK_PENDING);
  EXPECT_EQ(walker.wanted(), object);
}

TEST(ThreadMemory, TellsWhatCannotBeRead) {
  std::uint64_t word = 99;
  std::uint64_t read = 0;
  auto to = std::as_writable_bytes(std::span(&read, 1));
  ThreadMemory own(::getpid());
  EXPECT_TRUE(own(reinterpret_cast<std::uint64_t>(&word), to));
  EXPECT_EQ(read, 99U);
  EXPECT_FALSE(own(8, to));
  EXPECT_FALSE(ThreadMemory(static_cast<pid_t>(testing::no_process))(8, to));
}

TEST(ThreadRegisters, OfAThreadThatRunsOrIsNotStopped) {
  EXPECT_FALSE(stopped_registers(::getpid()));
  std::atomic<pid_t> tid = 0;
  std::atomic<bool> ends = false;
  std::thread busy([&] {
    tid = ::gettid();
    while (!ends) continue;
  });
  while (tid == 0) std::this_thread::yield();
  auto running = sleeping_registers(::getpid(), tid);
  ends = true;
  busy.join();
  EXPECT_TRUE(running || running.error().kind == ErrorKind::permission);
  EXPECT_FALSE(running && *running);
  EXPECT_FALSE(sleeping_registers(static_cast<pid_t>(testing::no_process), 1));
}

}  // namespace
}  // namespace sightline::unwind
