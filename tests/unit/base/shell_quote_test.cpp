// SPDX-License-Identifier: Apache-2.0
#include "base/shell_quote.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "base/text.h"

namespace sightline {
namespace {

// What sh makes of a command line: the words behind `printf '%s\0'`.
std::vector<std::string> words_of(const std::string& line) {
  std::string script = "printf '%s\\0' " + line;
  std::array<int, 2> fds{};
  EXPECT_EQ(::pipe(fds.data()), 0);
  pid_t child = ::fork();
  if (child == 0) {
    ::dup2(fds[1], 1);
    ::execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(fds[1]);
  std::vector<std::string> words(1);
  char byte = 0;
  while (::read(fds[0], &byte, 1) == 1) {
    if (byte == 0) {
      words.emplace_back();
    } else {
      words.back() += byte;
    }
  }
  ::close(fds[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0) << line;
  words.pop_back();
  return words;
}

void expect_round_trip(const std::string& word) {
  auto quoted = shell_quote(word);
  EXPECT_EQ(printable(quoted), quoted) << "one line of printable text";
  auto words = words_of(quoted);
  ASSERT_EQ(words.size(), 1U) << quoted;
  EXPECT_EQ(to_hex(words[0]), to_hex(word)) << quoted;
}

TEST(ShellQuote, LeavesPlainWordsAlone) {
  for (const auto* word : {"ls", "-l", "/usr/bin/g++", "a=b", "x@y:1,2%"}) {
    EXPECT_EQ(shell_quote(word), word);
  }
  EXPECT_EQ(shell_quote(""), "''");
  EXPECT_EQ(shell_quote("a b"), "'a b'");
  EXPECT_EQ(shell_quote("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_quote("ä*"), "'ä*'");
}

TEST(ShellQuote, EveryByteComesBackFromSh) {
  for (int byte = 1; byte < 256; ++byte) {
    std::string text(1, static_cast<char>(byte));
    expect_round_trip(text);
    expect_round_trip("a" + text + "b");
  }
}

TEST(ShellQuote, WhatShellsStumbleOverComesBackFromSh) {
  for (const std::string word : {"",
                                 "-n",
                                 "-",
                                 "--",
                                 "\n",
                                 "\n\n\n",
                                 "a\n",
                                 "a\n\n",
                                 "\na",
                                 "-\x01",
                                 "-e\x1b[31m",
                                 "%s%d\x01",
                                 "\\n\x01",
                                 "\\",
                                 "$(id)",
                                 "`id`\x02",
                                 "'\x01'",
                                 "\"",
                                 "!",
                                 "~",
                                 "{a,b}",
                                 "\xff\xfe",
                                 "\xe2\x80\xae",
                                 "a\x7f",
                                 "$IFS\n",
                                 "1\x01"
                                 "2",
                                 "\x01"
                                 "77"}) {
    expect_round_trip(word);
  }
}

TEST(ShellCommand, AFirstWordIsACommand) {
  std::vector<std::string> words{"A=b", "A=b", "if"};
  EXPECT_EQ(shell_command(words), "'A=b' A=b if");
  words = {"if", "x y"};
  EXPECT_EQ(shell_command(words), "'if' 'x y'");
  EXPECT_EQ(shell_command({}), "");
}

}  // namespace
}  // namespace sightline
