// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <thread>

namespace sightline {
namespace {

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};

Pipe make_pipe(int flags = 0) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | flags), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

TEST(OpenFile, IsClosedOnExec) {
  auto fd = open_file("/dev/null", O_RDONLY);
  ASSERT_TRUE(fd);
  EXPECT_NE(::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(OpenFile, NamesThePathEscaped) {
  auto fd = open_file("/no\n/such", O_RDONLY);
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error().what,
            "cannot open '/no\\x0a/such': No such file or directory");
}

TEST(ReadFile, ReadsWhatHasNoSize) {
  auto text = read_file("/proc/self/stat");
  ASSERT_TRUE(text);
  EXPECT_TRUE(text->starts_with(std::to_string(::getpid()) + " ("));
}

TEST(ReadFile, NamesTheFileThatCannotBeRead) {
  EXPECT_EQ(read_file("/proc").error().what,
            "cannot read '/proc': Is a directory");
  EXPECT_EQ(read_file("/nowhere").error().err, ENOENT);
}

TEST(ReadFile, StopsAtItsLimit) {
  auto endless = read_file("/dev/zero", 100'000);
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().err, EFBIG);
}

TEST(ReadFd, TellsWhatJustFitsFromWhatDoesNot) {
  auto fill = [](std::size_t limit) {
    auto pipe = make_pipe();
    EXPECT_TRUE(write_all(pipe.writer.get(), "12345", 5));
    pipe.writer.reset();
    return read_fd(pipe.reader.get(), limit);
  };
  EXPECT_EQ(fill(5), "12345");
  EXPECT_EQ(fill(4).error().err, EFBIG);
  EXPECT_FALSE(fill(0));
}

TEST(WriteAll, GoesOnAfterShortWrites) {
  auto pipe = make_pipe();
  std::string sent(1U << 20, 'x');  // a pipe holds 64 KiB
  Result<std::string> got;
  std::thread reader([&] { got = read_fd(pipe.reader.get(), 2U << 20); });
  EXPECT_TRUE(write_all(pipe.writer.get(), sent.data(), sent.size()));
  pipe.writer.reset();
  reader.join();
  EXPECT_EQ(got, sent);
}

TEST(WriteAll, WaitsOnANonBlockingDescriptor) {
  auto pipe = make_pipe();
  ASSERT_EQ(::fcntl(pipe.writer.get(), F_SETFL, O_NONBLOCK), 0);
  std::string sent(1U << 20, 'y');
  Result<std::string> got;
  std::thread reader([&] { got = read_fd(pipe.reader.get(), 2U << 20); });
  EXPECT_TRUE(write_all(pipe.writer.get(), sent.data(), sent.size()));
  pipe.writer.reset();
  reader.join();
  EXPECT_EQ(got, sent);
}

TEST(WriteAll, ReportsAFullDevice) {
  auto full = open_file("/dev/full", O_WRONLY);
  ASSERT_TRUE(full);
  EXPECT_EQ(write_all(full->get(), "x", 1).error().err, ENOSPC);
  EXPECT_TRUE(write_all(full->get(), "", 0));
}

TEST(WriteAll, ReportsAClosedReader) {
  auto old = std::signal(SIGPIPE, SIG_IGN);
  auto pipe = make_pipe();
  pipe.reader.reset();
  EXPECT_EQ(write_all(pipe.writer.get(), "x", 1).error().err, EPIPE);
  std::signal(SIGPIPE, old);
}

}  // namespace
}  // namespace sightline
