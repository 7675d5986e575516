// SPDX-License-Identifier: Apache-2.0
#include "stack/names.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "process/proc.h"

// Outside any namespace, so that their names are plain.
extern "C" [[gnu::noinline]] int stack_test_first(int x) { return x * 3 + 1; }
extern "C" [[gnu::noinline]] int stack_test_second(int x) { return x * 5 + 2; }

namespace sightline::stack {
namespace {

using symbol::Reason;

symbol::Symbolizer without_kernel() {
  return symbol::Symbolizer(
      symbol::KernelSymbols::open("/nonexistent/kallsyms"));
}

// Where a function of this program lies in its file.
Frame frame_of(int (*function)(int), process::Objects& objects,
               std::uint64_t more = 0) {
  auto address = reinterpret_cast<std::uint64_t>(function) + more;
  auto lines = process::read_maps(static_cast<std::uint32_t>(::getpid()));
  for (const auto& line : *lines) {
    if (address < line.start || address >= line.end) continue;
    return {objects.intern(line.file), Reason::none,
            address - line.start + line.file_offset};
  }
  ADD_FAILURE() << "this program is not in its own maps";
  return {};
}

TEST(Names, FindsTheFunctionsOfThisProgram) {
  process::Objects objects;
  Names names(without_kernel(), objects);
  FrameTable frames;
  auto second = frames.intern(frame_of(stack_test_second, objects));
  auto first = frames.intern(frame_of(stack_test_first, objects));
  auto inside = frames.intern(frame_of(stack_test_first, objects, 1));
  names.resolve(frames);
  EXPECT_EQ(names.at(first).name, "stack_test_first");
  EXPECT_EQ(names.at(second).name, "stack_test_second");
  auto program = std::filesystem::read_symlink("/proc/self/exe").filename();
  EXPECT_EQ(names.at(first).object, program.string());
  EXPECT_EQ(names.at(first).reason, Reason::none);
  EXPECT_FALSE(names.at(first).kernel);
  EXPECT_EQ(names.function_of(inside), names.function_of(first))
      << "two frames, one function";
  EXPECT_NE(names.function_of(second), names.function_of(first));
}

TEST(Names, ComeInAsManyCallsAsFramesDo) {
  process::Objects objects;
  Names names(without_kernel(), objects);
  FrameTable frames;
  auto first = frames.intern(frame_of(stack_test_first, objects));
  names.resolve(frames);
  auto id = names.function_of(first);
  auto inside = frames.intern(frame_of(stack_test_first, objects, 1));
  auto second = frames.intern(frame_of(stack_test_second, objects));
  names.resolve(frames);
  names.resolve(frames);
  EXPECT_EQ(names.function_of(first), id);
  EXPECT_EQ(names.function_of(inside), id);
  EXPECT_EQ(names.at(second).name, "stack_test_second");
}

TEST(Names, AMissingFileSaysSo) {
  process::Objects objects;
  Names names(without_kernel(), objects);
  FrameTable frames;
  auto object = objects.intern({8, 1, 42, "/nonexistent/libgone.so"});
  auto id = frames.intern({object, Reason::none, 0x1000});
  names.resolve(frames);
  EXPECT_EQ(names.at(id).name, "[libgone.so: file gone]");
  EXPECT_EQ(names.at(id).object, "libgone.so");
  EXPECT_EQ(names.at(id).reason, Reason::file_gone);
}

TEST(Names, AFileThatIsNoProgramSaysSo) {
  auto pattern =
      (std::filesystem::temp_directory_path() / "sightline.XXXXXX").string();
  ::close(::mkstemp(pattern.data()));
  std::ofstream(pattern) << "#!/bin/sh\n";
  struct stat info{};
  ASSERT_EQ(::stat(pattern.c_str(), &info), 0);
  process::Objects objects;
  Names names(without_kernel(), objects);
  FrameTable frames;
  auto object = objects.intern(
      {major(info.st_dev), minor(info.st_dev), info.st_ino, pattern});
  auto id = frames.intern({object, Reason::none, 4});
  names.resolve(frames);
  std::filesystem::remove(pattern);
  auto file = std::filesystem::path(pattern).filename().string();
  EXPECT_EQ(names.at(id).name, "[" + file + ": not an ELF file]");
}

// This program without its symbols, which stand in another file.
class SplitProgram : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
    auto program = std::filesystem::read_symlink("/proc/self/exe").string();
    auto command = "cd " + directory_ + " && objcopy --only-keep-debug " +
                   program +
                   " split.debug && objcopy --strip-all "
                   "--add-gnu-debuglink=split.debug " +
                   program + " split";
    ASSERT_EQ(std::system(command.c_str()), 0);
    struct stat info{};
    ASSERT_EQ(::stat((directory_ + "/split").c_str(), &info), 0);
    object_ = objects_.intern({major(info.st_dev), minor(info.st_dev),
                               info.st_ino, directory_ + "/split"});
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  FrameId intern(int (*function)(int)) {
    auto frame = frame_of(function, objects_);
    frame.object = object_;
    return frames_.intern(frame);
  }

  std::string directory_ =
      std::filesystem::temp_directory_path() / "sightline.XXXXXX";
  process::Objects objects_;
  process::ObjectId object_ = process::no_object;
  Names names_{without_kernel(), objects_};
  FrameTable frames_;
};

// Only its path leads there.
TEST_F(SplitProgram, HasItsNamesFromTheDebugFileBesideIt) {
  int asked = 0;
  names_.use_server([&](auto) {
    ++asked;
    return std::unexpected(Reason::not_served);
  });
  auto id = intern(stack_test_first);
  names_.resolve(frames_);
  EXPECT_EQ(names_.at(id).name, "stack_test_first");
  EXPECT_EQ(names_.at(id).object, "split");
  EXPECT_EQ(asked, 0);
}

// A server takes seconds: not between two drains.
TEST_F(SplitProgram, AServerIsAskedForAReportOnly) {
  auto elsewhere = directory_ + "/elsewhere";
  std::filesystem::rename(directory_ + "/split.debug", elsewhere);
  int asked = 0;
  names_.use_server([&](auto) -> std::expected<UniqueFd, Reason> {
    ++asked;
    return UniqueFd(::open(elsewhere.c_str(), O_RDONLY | O_CLOEXEC));
  });
  auto first = intern(stack_test_first);
  names_.keep_up(frames_);
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(names_.at(first).name, "[split: stripped]");
  auto second = intern(stack_test_second);
  names_.resolve(frames_);
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(names_.at(first).name, "stack_test_first");
  EXPECT_EQ(names_.at(second).name, "stack_test_second");
  names_.resolve(frames_);
  EXPECT_EQ(asked, 1) << "nothing new";
}

TEST_F(SplitProgram, WhatAServerDoesNotHaveIsSaid) {
  std::filesystem::remove(directory_ + "/split.debug");
  names_.use_server([](auto) -> std::expected<UniqueFd, Reason> {
    return std::unexpected(Reason::server_failed);
  });
  auto id = intern(stack_test_first);
  names_.keep_up(frames_);
  names_.resolve(frames_);
  EXPECT_EQ(names_.at(id).reason, Reason::server_failed);
}

TEST(Names, EveryReasonIsToldWithItsObject) {
  process::Objects objects;
  Names names(without_kernel(), objects);
  FrameTable frames;
  auto name = [&](process::ObjectId object, Reason reason) {
    auto id = frames.intern({object, reason, 0x1000});
    names.resolve(frames);
    EXPECT_EQ(names.at(id).reason, reason);
    return names.at(id).name;
  };
  EXPECT_EQ(name(process::no_object, Reason::process_gone),
            "[unknown: process exited]");
  EXPECT_EQ(name(process::no_object, Reason::mapping_changed),
            "[unknown: mapping changed]");
  EXPECT_EQ(name(process::anonymous_object, Reason::anonymous),
            "[anon: generated code]");
  EXPECT_EQ(name(process::kernel_object, Reason::stack_cut),
            "[kernel: stack cut]");
  EXPECT_EQ(name(process::kernel_object, Reason::idle), "[idle]");
  EXPECT_EQ(name(process::kernel_object, Reason::guest), "[guest]");
}

TEST(Names, KernelFunctionsComeFromKallsyms) {
  auto pattern =
      (std::filesystem::temp_directory_path() / "sightline.XXXXXX").string();
  ::close(::mkstemp(pattern.data()));
  std::ofstream(pattern) << "ffffffff81000000 T first\n"
                            "ffffffff81000100 T second\n"
                            "ffffffffc0000000 t third\t[xfs]\n";
  process::Objects objects;
  Names names(symbol::Symbolizer(symbol::KernelSymbols::open(pattern)),
              objects);
  FrameTable frames;
  auto kernel = [&](std::uint64_t address) {
    return frames.intern({process::kernel_object, Reason::none, address});
  };
  auto third = kernel(0xffffffffc0000010);
  auto second = kernel(0xffffffff81000100);
  auto first = kernel(0xffffffff810000ff);
  names.resolve(frames);
  std::filesystem::remove(pattern);
  EXPECT_EQ(names.at(first).name, "first");
  EXPECT_EQ(names.at(first).object, "[kernel]");
  EXPECT_TRUE(names.at(first).kernel);
  EXPECT_EQ(names.at(second).name, "second");
  EXPECT_EQ(names.at(third).name, "third");
  EXPECT_EQ(names.at(third).object, "[xfs]");
  EXPECT_TRUE(names.at(third).kernel);
}

}  // namespace
}  // namespace sightline::stack
