// SPDX-License-Identifier: Apache-2.0
#include "stack/names.h"

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

// Its names stand in a file beside it, which only its path leads to.
TEST(Names, AStrippedFileHasItsNamesFromItsDebugFile) {
  std::string directory =
      std::filesystem::temp_directory_path() / "sightline.XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  auto command = "cd " + directory + " && objcopy --only-keep-debug " +
                 std::filesystem::read_symlink("/proc/self/exe").string() +
                 " split.debug && objcopy --strip-all "
                 "--add-gnu-debuglink=split.debug " +
                 std::filesystem::read_symlink("/proc/self/exe").string() +
                 " split";
  ASSERT_EQ(std::system(command.c_str()), 0);
  auto path = directory + "/split";
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  process::Objects objects;
  Names names(without_kernel(), objects);
  FrameTable frames;
  auto frame = frame_of(stack_test_first, objects);
  frame.object = objects.intern(
      {major(info.st_dev), minor(info.st_dev), info.st_ino, path});
  auto id = frames.intern(frame);
  names.resolve(frames);
  std::filesystem::remove_all(directory);
  EXPECT_EQ(names.at(id).name, "stack_test_first");
  EXPECT_EQ(names.at(id).object, "split");
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
