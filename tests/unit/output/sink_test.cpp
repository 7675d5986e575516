// SPDX-License-Identifier: Apache-2.0
#include "output/sink.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/file.h"

namespace sightline::output {
namespace {

namespace fs = std::filesystem;

constexpr uid_t nobody = 65534;

// A directory of its own, which any user may enter, and SIGPIPE ignored.
class SinkTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "sink_test.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    fs::permissions(root_, fs::perms(0755));
    old_sigpipe_ = std::signal(SIGPIPE, SIG_IGN);
    old_umask_ = ::umask(022);
  }

  void TearDown() override {
    ::umask(old_umask_);
    std::signal(SIGPIPE, old_sigpipe_);
    fs::remove_all(root_);
  }

  [[nodiscard]] std::string path(const std::string& name) const {
    return root_ / name;
  }

  void put(const std::string& name, std::string_view text) const {
    auto fd = open_file(path(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ASSERT_TRUE(fd);
    ASSERT_TRUE(write_all(fd->get(), text.data(), text.size()));
  }

  [[nodiscard]] std::string get(const std::string& name) const {
    return read_file(path(name)).value_or("(unreadable)");
  }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : fs::directory_iterator(root_)) {
      all.push_back(entry.path().filename());
    }
    std::ranges::sort(all);
    return all;
  }

  fs::path root_;
  sighandler_t old_sigpipe_ = SIG_DFL;
  mode_t old_umask_ = 0;
};

using Names = std::vector<std::string>;

struct stat status_of(const std::string& path) {
  struct stat about{};
  EXPECT_EQ(::lstat(path.c_str(), &about), 0) << path;
  return about;
}

// Runs `body` in a child as a user without privileges; its result is the exit
// status. The parent must be root, or it is the very same user.
int as_nobody(const std::function<bool()>& body) {
  pid_t child = ::fork();
  if (child == 0) {
    bool dropped =
        ::geteuid() != 0 || (::setgid(nobody) == 0 && ::setuid(nobody) == 0);
    ::_exit(dropped && body() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Standard output is `fd` for as long as this lives.
class StdoutAs {
 public:
  explicit StdoutAs(int fd) : saved_(::fcntl(1, F_DUPFD_CLOEXEC, 3)) {
    ::fflush(stdout);
    if (fd >= 0) {
      ::dup2(fd, 1);
    } else {
      ::close(1);
    }
  }
  ~StdoutAs() { ::dup2(saved_.get(), 1); }
  StdoutAs(const StdoutAs&) = delete;
  StdoutAs& operator=(const StdoutAs&) = delete;

 private:
  UniqueFd saved_;
};

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::string failure(const Status& status) {
  return status ? "(success)" : status.error().what;
}

std::string failure(const Result<Sink>& sink) {
  return sink ? "(success)" : sink.error().what;
}

// Whole reports into files.

TEST_F(SinkTest, ReportAppearsOnlyWhenWhole) {
  auto sink = Sink::open(path("r"), Format::table);
  ASSERT_TRUE(sink) << failure(sink);
  EXPECT_EQ(sink->format(), Format::table);
  EXPECT_FALSE(sink->is_terminal());
  EXPECT_EQ(sink->fd(), -1);
  std::string half(100'000, 'x');  // more than any buffer
  EXPECT_TRUE(sink->write(half));
  EXPECT_EQ(names(), Names{});
  EXPECT_TRUE(sink->write("end\n"));
  EXPECT_TRUE(sink->commit());
  EXPECT_EQ(names(), Names{"r"});
  EXPECT_EQ(get("r"), half + "end\n");
}

TEST_F(SinkTest, EmptyReportIsAnEmptyFile) {
  put("r", "old");
  auto sink = Sink::open(path("r"), Format::folded);
  ASSERT_TRUE(sink && sink->commit());
  EXPECT_EQ(get("r"), "");
}

TEST_F(SinkTest, DroppedReportLeavesTheOldOne) {
  put("r", "old");
  {
    auto sink = Sink::open(path("r"), Format::table);
    ASSERT_TRUE(sink && sink->write(std::string(100'000, 'x')));
  }
  EXPECT_EQ(get("r"), "old");
  EXPECT_EQ(names(), Names{"r"});
}

TEST_F(SinkTest, EachReportTakesThePlaceOfTheOneBefore) {
  auto sink = Sink::open(path("r"), Format::json);
  ASSERT_TRUE(sink);
  EXPECT_TRUE(sink->write("a long first report\n") && sink->commit());
  EXPECT_TRUE(sink->begin_report());
  EXPECT_TRUE(sink->write("second\n") && sink->commit());
  EXPECT_EQ(get("r"), "second\n");
  EXPECT_TRUE(sink->write("third\n") && sink->commit());
  EXPECT_EQ(get("r"), "third\n");
  EXPECT_EQ(names(), Names{"r"});
}

TEST_F(SinkTest, NewReportForgetsTheUnfinishedOne) {
  auto sink = Sink::open(path("r"), Format::table);
  ASSERT_TRUE(sink);
  EXPECT_TRUE(sink->write(std::string(100'000, 'x')));
  EXPECT_TRUE(sink->write("tail in the buffer"));
  EXPECT_TRUE(sink->begin_report());
  EXPECT_TRUE(sink->write("new") && sink->commit());
  EXPECT_EQ(get("r"), "new");
}

TEST_F(SinkTest, NewFileObeysTheUmask) {
  ::umask(027);
  auto sink = Sink::open(path("r"), Format::table);
  ASSERT_TRUE(sink && sink->commit());
  EXPECT_EQ(status_of(path("r")).st_mode & 07777u, 0640u);
}

TEST_F(SinkTest, ExistingFileKeepsModeAndOwner) {
  put("r", "old");
  ASSERT_EQ(::chmod(path("r").c_str(), 0604), 0);
  bool root = ::geteuid() == 0;
  if (root) {
    ASSERT_EQ(::chown(path("r").c_str(), nobody, nobody), 0);
  }
  auto before = status_of(path("r"));
  auto sink = Sink::open(path("r"), Format::table);
  ASSERT_TRUE(sink && sink->write("new") && sink->commit());
  auto after = status_of(path("r"));
  EXPECT_NE(after.st_ino, before.st_ino);
  EXPECT_EQ(after.st_mode, before.st_mode);
  EXPECT_EQ(after.st_uid, before.st_uid);
  EXPECT_EQ(after.st_gid, before.st_gid);
}

TEST_F(SinkTest, SymbolicLinksStayAndLeadToTheFile) {
  fs::create_directory(path("d"));
  put("d/real", "old");
  fs::create_symlink("d/real", path("one"));
  fs::create_symlink(path("one"), path("two"));
  auto sink = Sink::open(path("two"), Format::table);
  ASSERT_TRUE(sink && sink->write("new") && sink->commit());
  EXPECT_EQ(get("d/real"), "new");
  EXPECT_TRUE(fs::is_symlink(path("one")) && fs::is_symlink(path("two")));
  EXPECT_EQ(names(), (Names{"d", "one", "two"}));
}

TEST_F(SinkTest, LinkToNothingYetMakesItsTarget) {
  fs::create_symlink("later", path("link"));
  auto sink = Sink::open(path("link"), Format::table);
  ASSERT_TRUE(sink && sink->write("new") && sink->commit());
  EXPECT_EQ(get("later"), "new");
  EXPECT_TRUE(fs::is_symlink(path("link")));
}

TEST_F(SinkTest, ALaterChdirChangesNothing) {
  auto here = fs::current_path();
  fs::current_path(root_);
  auto sink = Sink::open("r", Format::table);
  fs::current_path("/");
  EXPECT_TRUE(sink && sink->write("x") && sink->commit());
  fs::current_path(here);
  EXPECT_EQ(get("r"), "x");
}

TEST_F(SinkTest, LinkPutInTheWayLaterIsReplacedNotFollowed) {
  put("victim", "precious");
  auto sink = Sink::open(path("r"), Format::table);
  fs::create_symlink("victim", path("r"));
  ASSERT_TRUE(sink && sink->write("x") && sink->commit());
  EXPECT_EQ(get("victim"), "precious");
  EXPECT_EQ(get("r"), "x");
}

TEST_F(SinkTest, NamesWhatCannotBeOpened) {
  fs::create_directory(path("d"));
  fs::create_symlink("loop", path("loop"));
  put("f", "");
  auto open_error = [&](const std::string& name) {
    auto sink = Sink::open(path(name), Format::table);
    EXPECT_TRUE(sink || sink.error().kind == ErrorKind::runtime);
    return failure(sink);
  };
  auto sentence = [&](const std::string& name, const std::string& reason) {
    return "cannot write to '" + path(name) + "': " + reason;
  };
  EXPECT_EQ(open_error("d"), sentence("d", "Is a directory"));
  EXPECT_EQ(open_error("d/"), sentence("d/", "Is a directory"));
  EXPECT_EQ(open_error("no/r"), sentence("no/r", "No such file or directory"));
  EXPECT_EQ(open_error("f/r"), sentence("f/r", "Not a directory"));
  EXPECT_EQ(open_error("loop"),
            sentence("loop", "Too many levels of symbolic links"));
  EXPECT_EQ(failure(Sink::open("", Format::table)),
            "cannot write to '': No such file or directory");
  EXPECT_EQ(failure(Sink::open("/no\x1b[2J/r", Format::table)),
            "cannot write to '/no\\x1b[2J/r': No such file or directory");
}

TEST_F(SinkTest, ReadOnlyDirectoryFailsAtOnceWithAWayOut) {
  put("r", "old");
  ASSERT_EQ(::chmod(path("r").c_str(), 0666), 0);
  fs::permissions(root_, fs::perms(0555));
  EXPECT_EQ(as_nobody([&] {
              auto absent = Sink::open(path("absent"), Format::table);
              auto present = Sink::open(path("r"), Format::table);
              return !absent && absent.error().err == EACCES &&
                     absent.error().kind == ErrorKind::runtime && !present &&
                     !present.error().hint.empty();
            }),
            0);
  fs::permissions(root_, fs::perms(0755));
  EXPECT_EQ(get("r"), "old");
}

TEST_F(SinkTest, ReadOnlyFileIsNotReplacedThoughItsDirectoryWouldLetUs) {
  put("r", "old");
  ASSERT_EQ(::chmod(path("r").c_str(), 0444), 0);
  fs::permissions(root_, fs::perms(0777));
  EXPECT_EQ(as_nobody([&] {
              auto sink = Sink::open(path("r"), Format::table);
              return !sink && sink.error().err == EACCES;
            }),
            0);
}

// The child says through the pipe that half of its report is written.
TEST_F(SinkTest, KilledInMidReportLeavesNothing) {
  put("r", "old");
  auto pipe = make_pipe();
  pid_t child = ::fork();
  if (child == 0) {
    auto sink = Sink::open(path("r"), Format::table);
    bool wrote = sink && sink->write(std::string(1U << 20, 'x'));
    (void)write_all(pipe.writer.get(), wrote ? "y" : "n", 1);
    ::pause();
    ::_exit(1);
  }
  char answer = 0;
  ASSERT_EQ(::read(pipe.reader.get(), &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(names(), Names{"r"});
  EXPECT_EQ(get("r"), "old");
}

// RLIMIT_FSIZE stands in for a full disk: EFBIG instead of ENOSPC.
TEST_F(SinkTest, TornReportIsNeverPublished) {
  put("r", "old");
  pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit small{100'000, 100'000};
    ::setrlimit(RLIMIT_FSIZE, &small);
    auto sink = Sink::open(path("r"), Format::table);
    bool failed = sink && !sink->write(std::string(200'000, 'x'));
    bool stays_failed = failed && !sink->write("tail") && !sink->commit();
    bool recovers = stays_failed && sink->begin_report() &&
                    sink->write("small") && sink->commit();
    ::_exit(recovers ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(get("r"), "small");
  EXPECT_EQ(names(), Names{"r"});
}

// File systems without O_TMPFILE.

TEST_F(SinkTest, NamedStagingPublishesAndCleansUp) {
  put("r", "old");
  auto target = std::make_shared<const Target>(find_target(path("r")).value());
  {
    auto staged = StagedFile::create_named(target);
    ASSERT_TRUE(staged);
    EXPECT_EQ(names().size(), 2u);
    StagedFile moved(std::move(*staged));
    EXPECT_TRUE(write_all(moved.fd(), "lost", 4));
  }
  EXPECT_EQ(names(), Names{"r"});
  EXPECT_EQ(get("r"), "old");
  auto staged = StagedFile::create_named(target);
  ASSERT_TRUE(staged && write_all(staged->fd(), "new", 3));
  EXPECT_TRUE(staged->publish());
  EXPECT_EQ(names(), Names{"r"});
  EXPECT_EQ(get("r"), "new");
}

// Live files.

TEST_F(SinkTest, LiveLinesAreThereAtOnce) {
  put("r", "old text that is longer");
  auto sink = Sink::open(path("r"), Format::json, Delivery::live);
  ASSERT_TRUE(sink);
  EXPECT_EQ(get("r"), "old text that is longer");  // opening harms nothing
  EXPECT_TRUE(sink->write("one\n"));
  EXPECT_EQ(get("r"), "one\n");
  EXPECT_TRUE(sink->write("two\n"));
  EXPECT_EQ(get("r"), "one\ntwo\n");
  EXPECT_TRUE(sink->commit());
  EXPECT_TRUE(sink->write("three\n"));
  EXPECT_EQ(get("r"), "one\ntwo\nthree\n");
}

TEST_F(SinkTest, LiveRunWithoutALineEmptiesTheFile) {
  put("r", "old");
  auto sink = Sink::open(path("r"), Format::folded, Delivery::live);
  ASSERT_TRUE(sink && sink->commit());
  EXPECT_EQ(get("r"), "");
}

TEST_F(SinkTest, LiveGoesOnAtTheStartOfAFileThatWasEmptied) {
  auto sink = Sink::open(path("r"), Format::json, Delivery::live);
  ASSERT_TRUE(sink && sink->write("one\n"));
  ASSERT_EQ(::truncate(path("r").c_str(), 0), 0);
  EXPECT_TRUE(sink->write("two\n"));
  EXPECT_EQ(get("r"), "two\n");
}

// What is written in place.

TEST_F(SinkTest, FullDeviceIsAnErrorNotAFile) {
  for (auto delivery : {Delivery::whole, Delivery::live}) {
    auto sink = Sink::open("/dev/full", Format::table, delivery);
    ASSERT_TRUE(sink) << failure(sink);
    (void)sink->write("x");
    EXPECT_EQ(failure(sink->commit()),
              "cannot write to '/dev/full': No space left on device");
    EXPECT_FALSE(sink->reader_gone());
  }
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST_F(SinkTest, LinkToADeviceIsWrittenInPlace) {
  fs::create_symlink("/dev/null", path("null"));
  auto sink = Sink::open(path("null"), Format::table);
  ASSERT_TRUE(sink && sink->write("x") && sink->commit());
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_TRUE(fs::is_symlink(path("null")));
}

TEST_F(SinkTest, FifoReachesItsReader) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  Result<std::string> got;
  std::thread reader([&] { got = read_file(path("fifo"), 1U << 20); });
  {
    auto sink = Sink::open(path("fifo"), Format::table);
    EXPECT_TRUE(sink) << failure(sink);
    // More than a pipe holds: the descriptor must block again.
    EXPECT_TRUE(sink && sink->write(std::string(300'000, 'x')) &&
                sink->commit());
  }
  reader.join();
  EXPECT_EQ(got.value_or("").size(), 300'000u);
  EXPECT_TRUE(fs::is_fifo(path("fifo")));
}

TEST_F(SinkTest, FifoWithoutReaderDoesNotHang) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  auto sink = Sink::open(path("fifo"), Format::table);
  ASSERT_FALSE(sink);
  EXPECT_EQ(sink.error().what,
            "cannot write to '" + path("fifo") + "': nobody reads this FIFO");
  EXPECT_EQ(sink.error().hint, "start its reader first");
}

TEST_F(SinkTest, FifoWhoseReaderWentAwayIsNoFailure) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  UniqueFd reader(
      ::open(path("fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  auto sink = Sink::open(path("fifo"), Format::json, Delivery::live);
  ASSERT_TRUE(sink && sink->write("one\n"));
  EXPECT_FALSE(sink->reader_gone());
  reader.reset();
  EXPECT_TRUE(sink->write("two\n"));
  EXPECT_TRUE(sink->reader_gone());
}

TEST_F(SinkTest, InheritedDescriptorIsAppendedTo) {
  put("log", "before\n");
  auto log = open_file(path("log"), O_WRONLY | O_APPEND);
  ASSERT_TRUE(log);
  auto sink =
      Sink::open("/dev/fd/" + std::to_string(log->get()), Format::table);
  ASSERT_TRUE(sink && sink->write("report\n") && sink->commit());
  EXPECT_EQ(get("log"), "before\nreport\n");
}

// Standard output.

TEST_F(SinkTest, StdoutKeepsItsPlaceInTheFile) {
  for (const char* name : {"-", "/dev/stdout"}) {
    put("out", "");
    auto out = open_file(path("out"), O_WRONLY);
    ASSERT_TRUE(out && write_all(out->get(), "before\n", 7));
    {
      StdoutAs redirected(out->get());
      auto sink = Sink::open(name, Format::table);
      EXPECT_TRUE(sink && sink->write("report\n") && sink->commit());
    }
    EXPECT_TRUE(write_all(out->get(), "after\n", 6));
    EXPECT_EQ(get("out"), "before\nreport\nafter\n");
  }
}

TEST_F(SinkTest, StdoutMayBeASocket) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()),
            0);
  UniqueFd near(ends[0]);
  UniqueFd far(ends[1]);
  {
    StdoutAs redirected(near.get());
    auto sink = Sink::open("/dev/stdout", Format::table);
    EXPECT_TRUE(sink && sink->write("x") && sink->commit());
  }
  near.reset();
  EXPECT_EQ(read_fd(far.get(), 10), "x");
}

TEST_F(SinkTest, ClosedReaderIsTheEndNotAFailure) {
  for (auto delivery : {Delivery::whole, Delivery::live}) {
    auto pipe = make_pipe();
    pipe.reader.reset();
    StdoutAs redirected(pipe.writer.get());
    auto sink = Sink::open("-", Format::table, delivery);
    ASSERT_TRUE(sink);
    EXPECT_FALSE(sink->reader_gone());
    EXPECT_TRUE(sink->write("x"));
    EXPECT_TRUE(sink->commit());
    EXPECT_TRUE(sink->reader_gone());
    EXPECT_TRUE(sink->write("y") && sink->commit());
  }
}

TEST_F(SinkTest, FullStdoutIsAFailure) {
  auto full = open_file("/dev/full", O_WRONLY);
  ASSERT_TRUE(full);
  StdoutAs redirected(full->get());
  auto sink = Sink::open("-", Format::json, Delivery::live);
  ASSERT_TRUE(sink);
  EXPECT_EQ(failure(sink->write("x")),
            "cannot write to standard output: No space left on device");
}

TEST_F(SinkTest, ClosedStdoutFailsAtOpen) {
  StdoutAs closed(-1);
  EXPECT_EQ(failure(Sink::open("-", Format::table)),
            "cannot write to standard output: Bad file descriptor");
}

TEST_F(SinkTest, LeaksNothingIntoATracedCommand) {
  put("live", "");
  auto whole = Sink::open(path("whole"), Format::table);
  auto live = Sink::open(path("live"), Format::json, Delivery::live);
  auto out = Sink::open("-", Format::table);
  auto null = Sink::open("/dev/null", Format::table);
  ASSERT_TRUE(whole && live && out && null);
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    int fd = std::stoi(entry.path().filename());
    std::error_code gone;
    auto leads_to = fs::read_symlink(entry.path(), gone).string();
    if (fd < 3 || !leads_to.starts_with(root_.string())) continue;
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << leads_to;
  }
  for (int fd : {live->fd(), out->fd(), null->fd()}) {
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  }
}

}  // namespace
}  // namespace sightline::output
