// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace sightline::cpuprof {
namespace {

// The options of one command line; kept by pointer, as the table refers to it.
struct Line {
  std::unique_ptr<Options> options = std::make_unique<Options>();
  std::string error = {};
  cli::Parsed parsed = {};

  const Options* operator->() const { return options.get(); }
};

Line parse(std::vector<std::string> arguments) {
  Line line;
  auto table = option_table(*line.options);
  arguments.insert(arguments.begin(), "cpuprof");
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  auto parsed = table.parse(argv);
  if (!parsed) {
    line.error = parsed.error().what;
    return line;
  }
  line.parsed = *parsed;
  line.options->command = parsed->command;
  return line;
}

TEST(Options, ByDefaultTakeTheWholeMachine) {
  auto line = parse({});
  const auto& common = line->common;
  EXPECT_EQ(line.error, "");
  EXPECT_FALSE(line->idle || line->include_self || line->common.debuginfod_ns);
  EXPECT_TRUE(common.pids.empty() && common.tids.empty() &&
              common.cpus.empty() && common.events.empty() &&
              common.by.empty() && common.outputs.empty());
  EXPECT_FALSE(common.duration_ns || common.interval_ns || common.uid ||
               common.name || common.frequency_hz || common.period);
  EXPECT_FALSE(common.user_only || common.kernel_only);
}

TEST(Options, FiltersLand) {
  auto line =
      parse({"-p", "12,34", "--pid=56", "-L", "78", "-u", "4242", "-n", "^cc1",
             "-c", "/system.slice", "-C", "0,0-0", "--idle", "--include-self"});
  ASSERT_EQ(line.error, "");
  const auto& common = line->common;
  EXPECT_EQ(common.pids, (std::vector{12, 34, 56}));
  EXPECT_EQ(common.tids, std::vector{78});
  EXPECT_EQ(common.uid, 4242U);
  ASSERT_TRUE(common.name);
  EXPECT_TRUE(common.name->matches("cc1plus"));
  EXPECT_FALSE(common.name->matches("acc1"));
  EXPECT_EQ(common.cgroup, "/system.slice");
  EXPECT_EQ(common.cpus, std::vector{0});
  EXPECT_TRUE(line->idle);
  EXPECT_TRUE(line->include_self);
}

TEST(Options, AUserIsFoundByName) {
  EXPECT_EQ(parse({"-u", "root"})->common.uid, 0U);
  EXPECT_EQ(parse({"-u", "no such user"}).error,
            "--uid: expected a user name or number, got 'no such user'");
}

TEST(Options, TimesLand) {
  auto line = parse(
      {"-d", "2m", "-i", "500ms", "--ready-fd", "1", "--debuginfod", "10s"});
  ASSERT_EQ(line.error, "");
  EXPECT_EQ(line->common.duration_ns, 120'000'000'000U);
  EXPECT_EQ(line->common.interval_ns, 500'000'000U);
  EXPECT_EQ(line->common.ready_fd, 1);
  EXPECT_EQ(line->common.debuginfod_ns, 10'000'000'000U);
  EXPECT_EQ(parse({"10"})->common.duration_ns, 10'000'000'000U);
}

TEST(Options, SamplingLands) {
  auto line = parse({"-F", "49", "-e", "cpu-clock,page-faults"});
  ASSERT_EQ(line.error, "");
  EXPECT_EQ(line->common.frequency_hz, 49U);
  EXPECT_EQ(line->common.events,
            (std::vector<std::string>{"cpu-clock", "page-faults"}));
  EXPECT_EQ(parse({"--period", "1000003"})->common.period, 1'000'003U);
  EXPECT_NE(parse({"-e", "no-such-event"}).error, "");
  EXPECT_NE(parse({"-F", "99", "--period", "7"}).error, "");
}

TEST(Options, StacksLand) {
  EXPECT_TRUE(parse({"-U"})->common.user_only);
  EXPECT_TRUE(parse({"-K"})->common.kernel_only);
  EXPECT_NE(parse({"-U", "-K"}).error, "");
}

TEST(Options, NamesOfFramesLand) {
  auto plain = parse({});
  EXPECT_FALSE(plain->common.inlines);
  EXPECT_FALSE(plain->common.lines);
  EXPECT_TRUE(plain->common.demangle);
  EXPECT_TRUE(parse({"--inline"})->common.inlines);
  EXPECT_TRUE(parse({"--line"})->common.lines);
  EXPECT_FALSE(parse({"--no-demangle"})->common.demangle);
}

// Before anything is looked at that is not the command line's.
TEST(Options, ServersAreNamedByTheEnvironment) {
  ::unsetenv("DEBUGINFOD_URLS");
  EXPECT_TRUE(check(*parse({}).options));
  auto line = parse({"-p", "4194304", "--debuginfod", "5"});
  ASSERT_EQ(line.error, "");
  auto status = check(*line.options);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::usage);
  ::setenv("DEBUGINFOD_URLS", "http://127.0.0.1:1", 1);
  EXPECT_TRUE(check(*line.options));
  ::unsetenv("DEBUGINFOD_URLS");
}

TEST(Options, OutputLands) {
  auto line = parse({"--by", "comm,cpu", "-s", "total", "-r", "7", "--format",
                     "folded", "-o", "a.json", "-o", "-", "-w", "--color",
                     "never", "--max-loss", "2.5", "-q"});
  ASSERT_EQ(line.error, "");
  const auto& common = line->common;
  EXPECT_EQ(common.by, (std::vector<std::string>{"comm", "cpu"}));
  EXPECT_EQ(common.sort, "total");
  EXPECT_EQ(common.rows, 7U);
  EXPECT_EQ(common.format, output::Format::folded);
  EXPECT_EQ(common.outputs, (std::vector<std::string>{"a.json", "-"}));
  EXPECT_TRUE(common.wide);
  EXPECT_EQ(common.color, output::ColorMode::never);
  EXPECT_EQ(common.max_loss_percent, 2.5);
  EXPECT_TRUE(common.quiet);
  EXPECT_EQ(parse({"-f"})->common.format, output::Format::folded);
  EXPECT_EQ(parse({"-j"})->common.format, output::Format::json);
  EXPECT_EQ(parse({"--width", "132"})->common.width, 132U);
}

TEST(Options, TheRestLands) {
  auto line = parse({"-v", "-v", "--btf", "/proc/self/exe"});
  ASSERT_EQ(line.error, "");
  EXPECT_EQ(line->common.verbosity, 2);
  EXPECT_EQ(line->common.btf, "/proc/self/exe");
}

TEST(Options, EveryGroupingKeyIsTaken) {
  for (auto key : {"comm", "pid", "tid", "cpu", "cgroup", "event"}) {
    auto line = parse({"--by", key});
    EXPECT_EQ(line.error, "") << key;
    EXPECT_TRUE(line->groups_by(key));
    EXPECT_FALSE(line->groups_by("another"));
  }
  EXPECT_NE(parse({"--by", "pod"}).error, "");
}

TEST(Options, ACommandIsKeptAsItStands) {
  auto line = parse({"-d", "1", "--", "make", "-j2", "--", ""});
  ASSERT_EQ(line.error, "");
  EXPECT_EQ(line->command, (std::vector<std::string>{"make", "-j2", "--", ""}));
}

TEST(Options, ACommandAndChosenTargetsExcludeEachOther) {
  EXPECT_TRUE(check(*parse({"--", "true"}).options));
  EXPECT_TRUE(check(*parse({"-p", "1"}).options));
  for (auto flag : {"-p", "-L"}) {
    auto status = check(*parse({flag, "1", "--", "true"}).options);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().kind, ErrorKind::usage);
    EXPECT_EQ(status.error().what, "-p and -L cannot be used with a command");
  }
}

TEST(Options, EveryOptionHasHelpAndAHeading) {
  Options options;
  auto table = option_table(options);
  for (const auto& option : table.options()) {
    if (option.hidden) continue;
    EXPECT_FALSE(option.help.empty()) << option.name;
    EXPECT_FALSE(option.group.empty()) << option.name;
  }
}

}  // namespace
}  // namespace sightline::cpuprof
