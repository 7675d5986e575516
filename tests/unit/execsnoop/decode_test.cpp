// SPDX-License-Identifier: Apache-2.0
#include "decode.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "execsnoop.h"

namespace sightline::execsnoop {
namespace {

using namespace std::string_literals;

template <typename T>
std::vector<std::byte> bytes_of(const T& record, const std::string& text = {}) {
  std::vector<std::byte> bytes(sizeof(T) + text.size());
  std::memcpy(bytes.data(), &record, sizeof(T));
  std::memcpy(bytes.data() + sizeof(T), text.data(), text.size());
  return bytes;
}

event_header header_of_type(std::uint16_t type) {
  event_header header{};
  header.time_ns = 7;
  header.tid = 10;
  header.type = type;
  return header;
}

exec_text text_at(std::uint32_t area, std::uint32_t offset) {
  exec_text text{};
  text.header = header_of_type(EXEC_TEXT);
  text.area = area;
  text.offset = offset;
  return text;
}

// A record whose text is put together piece by piece.
class Record {
 public:
  Record() {
    record_.header = header_of_type(EXEC_DONE);
    record_.pid = 10;
    record_.old_tid = 10;
  }
  exec_record& operator*() { return record_; }
  exec_record* operator->() { return &record_; }
  Record& exe(const std::string& text) {
    record_.exe_length = put(text);
    return *this;
  }
  Record& cwd(const std::string& text) {
    record_.cwd_length = put(text);
    return *this;
  }
  Record& file(const std::string& text) {
    record_.file_length = put(text);
    return *this;
  }
  Record& args(const std::string& text) {
    record_.args_length = put(text);
    record_.args_size = record_.args_length;
    return *this;
  }
  [[nodiscard]] std::vector<std::byte> bytes() const {
    return bytes_of(record_, text_);
  }

 private:
  std::uint16_t put(const std::string& text) {
    text_ += text;
    return static_cast<std::uint16_t>(text.size());
  }
  exec_record record_{};
  std::string text_;
};

Exec decoded(const std::vector<std::byte>& first,
             const std::vector<std::vector<std::byte>>& rest = {}) {
  auto event = decode({.first = first, .rest = rest});
  EXPECT_TRUE(event);
  return event ? std::get<Exec>(*event) : Exec{};
}

TEST(Decode, ANewProgram) {
  Record record;
  record.exe("sh\0bin\0usr\0"s).cwd("tmp\0"s).file("./x\0"s).args("a\0b c\0"s);
  record->args_count = 2;
  std::strcpy(record->comm, "sh");
  auto exec = decoded(record.bytes());
  EXPECT_EQ(exec.exe, "/usr/bin/sh");
  EXPECT_EQ(exec.cwd, "/tmp");
  EXPECT_EQ(exec.file, "./x");
  EXPECT_EQ(exec.args, (std::vector<std::string>{"a", "b c"}));
  EXPECT_EQ(exec.comm, "sh");
  EXPECT_FALSE(exec.from_other_thread);
  EXPECT_EQ(exec.process, 10U);
  EXPECT_EQ(omitted(exec).args, 0U);
}

TEST(Decode, PathsWithoutAPlaceAndPathsThatWereCut) {
  Record memfd;
  memfd.exe("memfd:x\0"s);
  memfd->flags = EXEC_DELETED | EXEC_NOWHERE | EXEC_CWD_CUT;
  auto exec = decoded(memfd.bytes());
  EXPECT_EQ(exec.exe, "memfd:x");
  EXPECT_TRUE(exec.exe_deleted);
  EXPECT_EQ(exec.cwd, "…");
  memfd->flags = 0;
  EXPECT_EQ(decoded(memfd.bytes()).exe, "/memfd:x") << "a file of that name";
}

TEST(Decode, EmptyArgumentsAreArguments) {
  Record record;
  record.args("\0\0x\0\0"s);
  record->args_count = 4;
  auto exec = decoded(record.bytes());
  EXPECT_EQ(exec.args, (std::vector<std::string>{"", "", "x", ""}));
}

TEST(Decode, ArgumentsGoOnInOtherRecords) {
  Record record;
  record.args("ab"s);
  record->header.more = 1;
  record->args_size = 5;
  record->args_count = 2;
  auto next = text_at(EXEC_ARGS, 2);
  auto env = text_at(EXEC_ENV, 0);
  auto exec = decoded(record.bytes(),
                      {bytes_of(next, "c\0d"s), bytes_of(env, "A=1\0B=2\0"s)});
  EXPECT_EQ(exec.args, (std::vector<std::string>{"abc", "d"}));
  EXPECT_EQ(exec.env, (std::vector<std::string>{"A=1", "B=2"}));
}

TEST(Decode, AVariableThatIsNotWholeIsNotShown) {
  Record record;
  record->env_size = 8;
  auto piece = text_at(EXEC_ENV, 0);
  auto whole = decoded(record.bytes(), {bytes_of(piece, "A=1\0B=2\0"s)});
  EXPECT_FALSE(whole.env_cut);
  auto cut = decoded(record.bytes(), {bytes_of(piece, "A=1\0B="s)});
  EXPECT_TRUE(cut.env_cut);
  EXPECT_EQ(cut.env, std::vector<std::string>{"A=1"});
  EXPECT_TRUE(decoded(record.bytes()).env_cut);
}

TEST(Decode, WhatIsMissingIsSaid) {
  Record record;
  record.args("aa\0bb"s);
  record->args_size = 4200;
  record->args_count = 39;
  auto exec = decoded(record.bytes());
  EXPECT_EQ(omitted(exec).args, 37U);
  EXPECT_EQ(omitted(exec).bytes, 4195U);
}

TEST(Decode, APieceThatWasLostEndsTheArguments) {
  Record record;
  record.args("ab"s);
  record->args_size = 9;
  auto late = text_at(EXEC_ARGS, 5);
  std::vector<std::vector<std::byte>> rest{bytes_of(late, "xyz"s)};
  EXPECT_FALSE(decoded(record.bytes(), rest).text_lost);
  auto first = record.bytes();
  auto event = decode({.first = first, .rest = rest, .whole = false});
  ASSERT_TRUE(event);
  const auto& exec = std::get<Exec>(*event);
  EXPECT_EQ(exec.args, (std::vector<std::string>{"ab"}));
  EXPECT_TRUE(exec.text_lost);
}

TEST(Decode, AFailureBelowADirectory) {
  Record record;
  record.file("name\0"s);
  record->header.type = EXEC_FAILED;
  record->error = ENOENT;
  record->flags = EXEC_FROM_FD;
  record->directory = 5;
  EXPECT_EQ(decoded(record.bytes()).file, "/dev/fd/5/name");
  record->directory = AT_FDCWD;
  EXPECT_EQ(decoded(record.bytes()).file, "name");
}

TEST(Decode, AThreadOtherThanTheFirst) {
  Record record;
  record->old_tid = 12;
  auto exec = decoded(record.bytes());
  EXPECT_TRUE(exec.from_other_thread);
  EXPECT_EQ(exec.thread, 12U);
}

TEST(Decode, NothingIsBelievedOfLengths) {
  Record record;
  record.exe("x\0"s);
  for (auto field : {&exec_record::exe_length, &exec_record::cwd_length,
                     &exec_record::file_length, &exec_record::args_length,
                     &exec_record::ancestors}) {
    Record broken = record;
    (*broken).*field = 60000;
    EXPECT_FALSE(decode({.first = broken.bytes()}));
  }
  auto bytes = record.bytes();
  for (std::size_t size = 0; size < sizeof(exec_record); ++size) {
    EXPECT_FALSE(decode({.first = std::span(bytes).first(size)})) << size;
  }
}

TEST(Decode, AnExit) {
  exec_exit record{};
  record.header = header_of_type(EXEC_EXIT);
  record.process = 4;
  record.code = 256;
  auto event = decode({.first = bytes_of(record)});
  ASSERT_TRUE(event);
  EXPECT_EQ(std::get<Exit>(*event).process, 4U);
  EXPECT_EQ(std::get<Exit>(*event).code, 256U);
}

}  // namespace
}  // namespace sightline::execsnoop
