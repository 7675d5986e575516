// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "full_table.h"

namespace sightline::cli {
namespace {

// The exit status of a shell command that is fed `input`.
int feed(const std::string& command, const std::string& input) {
  auto* pipe = popen(command.c_str(), "we");
  if (pipe == nullptr) return -1;
  (void)fwrite(input.data(), 1, input.size(), pipe);
  auto status = pclose(pipe);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string output_of(const std::string& command) {
  auto* pipe = popen(command.c_str(), "re");
  if (pipe == nullptr) return "cannot run";
  std::string text;
  std::array<char, 512> part{};
  while (auto size = fread(part.data(), 1, part.size(), pipe)) {
    text.append(part.data(), size);
  }
  pclose(pipe);
  return text;
}

bool installed(const std::string& shell) {
  return feed("command -v " + shell + " > /dev/null", "") == 0;
}

void expect_valid_syntax(const std::string& shell, Shell kind) {
  if (!installed(shell)) GTEST_SKIP() << shell << " is not installed";
  auto check = shell + " -n /dev/stdin 2> /dev/null";
  EXPECT_EQ(feed(check, render_completion(FullTool().table, kind)), 0);
  EXPECT_NE(feed(check, "case x in (\nfunction (\n'"), 0) << "checks nothing";
}

TEST(Completion, BashSyntax) { expect_valid_syntax("bash", Shell::bash); }
TEST(Completion, ZshSyntax) { expect_valid_syntax("zsh", Shell::zsh); }
TEST(Completion, FishSyntax) { expect_valid_syntax("fish", Shell::fish); }

TEST(Completion, EveryShellOffersEveryOption) {
  FullTool tool;
  auto bash = render_completion(tool.table, Shell::bash);
  auto zsh = render_completion(tool.table, Shell::zsh);
  auto fish = render_completion(tool.table, Shell::fish);
  auto names = bash.substr(bash.rfind("compgen -W '"));
  names = names.substr(11, names.find('\'', 12) - 11) + " ";
  names.front() = ' ';
  for (const auto& option : tool.table.options()) {
    auto value = !option.value.empty();
    auto shown = !option.hidden;
    EXPECT_EQ(names.find(" --" + option.name + " ") != names.npos, shown)
        << option.name << names;
    EXPECT_EQ(fish.find(" -l " + option.name + " ") != fish.npos, shown)
        << option.name;
    auto spec = "--" + option.name + (value ? "=" : "");
    spec += option.letter == 0 ? "[" : "}'[";
    EXPECT_EQ(zsh.find(spec) != zsh.npos, shown) << spec;
    if (option.letter == 0) continue;
    auto letter = std::string(1, option.letter);
    EXPECT_NE(names.find(" -" + letter + " "), names.npos) << letter;
    EXPECT_NE(fish.find(" -s " + letter + " "), fish.npos) << letter;
    EXPECT_NE(zsh.find("{-" + letter + (value ? "+," : ",")), zsh.npos)
        << letter;
  }
}

// What bash offers when the last of the words (plain ones) is completed.
std::string bash_offers(const std::string& words) {
  std::string script = "/tmp/sightline_completion_XXXXXX";
  auto fd = mkstemp(script.data());
  if (fd < 0) return "no file";
  auto* file = fdopen(fd, "w");
  auto text = render_completion(FullTool().table, Shell::bash);
  (void)fwrite(text.data(), 1, text.size(), file);
  (void)fclose(file);
  auto offers =
      output_of("bash -c 'source " + script + "; COMP_WORDS=(" + words +
                "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); "
                "_sampler; echo \"${COMPREPLY[*]}\"'");
  (void)remove(script.c_str());
  return offers;
}

TEST(Completion, BashOffersWhatFits) {
  EXPECT_EQ(bash_offers("sampler --fo"), "--folded --format\n");
  EXPECT_EQ(bash_offers("sampler --by pid,c"), "pid,comm pid,cpu pid,cgroup\n");
  EXPECT_EQ(bash_offers("sampler --color = a"), "auto always\n");
  EXPECT_EQ(bash_offers("sampler -v --color ="), "auto always never\n");
  EXPECT_EQ(bash_offers("sampler -u roo"), "root\n");
  EXPECT_EQ(bash_offers("sampler -o /proc/self/cmdlin"),
            "/proc/self/cmdline\n");
  EXPECT_EQ(bash_offers("sampler -c /et"), "/etc\n");
  EXPECT_EQ(bash_offers("sampler -- printen").substr(0, 8), "printenv");
  EXPECT_EQ(bash_offers("sampler -- cat /proc/self/cmdlin"),
            "/proc/self/cmdline\n");
  auto pids = " " + bash_offers("sampler -p \"\"");
  EXPECT_NE(pids.find(" 1 "), pids.npos);
}

}  // namespace
}  // namespace sightline::cli
