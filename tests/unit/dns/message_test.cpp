// SPDX-License-Identifier: Apache-2.0
#include "dns/message.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include "dns/packets.h"

namespace sightline::dns {
namespace {

using namespace testing;

std::string shown(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET6, address.bytes.data(), text.data(), text.size());
  return text.data();
}

// `NAME ADDRESS...`, or `none`.
std::string read(std::string_view message) {
  auto answer = parse_answer(bytes_of(message));
  if (!answer) return "none";
  auto text = answer->question.name;
  for (const auto& address : answer->addresses) text += ' ' + shown(address);
  return text;
}

std::string answer_to(const std::string& question) {
  return read(
      message({}, question, record(pointer(question_at), type_a, one_address)));
}

TEST(Message, AnAddressIsOfTheNameThatWasAskedFor) {
  EXPECT_EQ(answer_to(name("db.example")), "db.example ::ffff:10.1.2.3");
}

TEST(Message, BothKindsOfAddressesAreRead) {
  std::string six(16, '\0');
  six[0] = 0x20;
  six[1] = 0x01;
  six[15] = 1;
  auto owner = pointer(question_at);
  EXPECT_EQ(read(message({.answers = 3}, name("x"),
                         record(owner, type_aaaa, six) +
                             record(owner, type_a, one_address) +
                             record(owner, type_a, {10, 1, 2, 4}))),
            "x 2001::1 ::ffff:10.1.2.3 ::ffff:10.1.2.4");
}

TEST(Message, LettersAreMadeSmall) {
  EXPECT_EQ(read(message({}, name("wWw.EXample"),
                         record(name("WWw.exAMPLE"), type_a, one_address))),
            "www.example ::ffff:10.1.2.3");
}

TEST(Message, WhatIsNoHostIsNotRead) {
  for (const auto* text : {"a.b", "a\\b", "a b", "a[b", "\x1b[31m", "a;b",
                           "a\n", "10", "0x7f", "a:1"}) {
    EXPECT_EQ(answer_to(label(text) + '\0'), "none") << text;
    EXPECT_EQ(answer_to(name("www").substr(0, 4) + label(text) + '\0'), "none")
        << text;
  }
  EXPECT_EQ(answer_to(label(std::string("a\0b", 3)) + '\0'), "none");
  EXPECT_EQ(answer_to(std::string(1, '\0')), "none");
  EXPECT_EQ(answer_to(name("10.6.6.6")), "none");
  EXPECT_EQ(answer_to(name("_sip._tcp.x")), "_sip._tcp.x ::ffff:10.1.2.3");
}

TEST(Message, BytesThatAreNotAsciiAreShownAsNumbers) {
  EXPECT_EQ(answer_to(label("b\xc3\xbc\xff") + label("x") + '\0'),
            "b\\195\\188\\255.x ::ffff:10.1.2.3");
}

TEST(Message, AQuestionIsKnownByItsNumberTypeAndName) {
  Header asks{.flags = 0x0100, .answers = 0};
  Question wanted{.id = 0x1234, .type = type_a, .name = "db.example"};
  auto question = message(asks, name("DB.Example"), "");
  EXPECT_EQ(parse_question(bytes_of(question)), wanted);
  EXPECT_FALSE(parse_answer(bytes_of(question)));
  auto answer = message({}, name("db.EXAMPLE"),
                        record(pointer(question_at), type_a, one_address));
  EXPECT_FALSE(parse_question(bytes_of(answer)));
  EXPECT_EQ(parse_answer(bytes_of(answer))->question, wanted);
  for (std::size_t size = 0; size < question.size(); ++size) {
    EXPECT_FALSE(parse_question(bytes_of(question).first(size))) << size;
  }
  asks.questions = 2;
  EXPECT_FALSE(parse_question(bytes_of(message(asks, name("x"), ""))));
}

TEST(Message, AliasesLeadToTheQuestionInWhateverOrder) {
  auto first = record(pointer(question_at), type_cname, name("b.example"));
  auto second = record(name("B.example"), type_cname, name("c.example"));
  auto last = record(name("c.EXAMPLE"), type_a, one_address);
  Header three{.answers = 3};
  for (const auto& records :
       {first + second + last, last + second + first, second + last + first}) {
    EXPECT_EQ(read(message(three, name("a.example"), records)),
              "a.example ::ffff:10.1.2.3");
  }
}

TEST(Message, AnAliasMayEndInAPointer) {
  auto target = label("c") + pointer(question_at + 2);  // example
  EXPECT_EQ(read(message({.answers = 2}, name("a.example"),
                         record(pointer(question_at), type_cname, target) +
                             record(name("c.example"), type_a, one_address))),
            "a.example ::ffff:10.1.2.3");
}

TEST(Message, AddressesOfOtherNamesAreNoAnswer) {
  EXPECT_EQ(read(message({}, name("a.example"),
                         record(name("b.example"), type_a, one_address))),
            "none");
  // A dot in a label is not one between two.
  EXPECT_EQ(
      read(message({}, name("a.example"),
                   record(label("a.example") + '\0', type_a, one_address))),
      "none");
}

TEST(Message, AliasesInACircleEnd) {
  auto circle = record(name("a"), type_cname, name("b")) +
                record(name("b"), type_cname, name("a"));
  EXPECT_EQ(read(message({.answers = 3}, name("a"),
                         circle + record(name("b"), type_a, one_address))),
            "a ::ffff:10.1.2.3");
  EXPECT_EQ(read(message({.answers = 2}, name("a"), circle)), "none");
}

TEST(Message, WhatBelongsToOtherPartsIsPassedOver) {
  // EDNS and addresses of servers stand behind the answers.
  auto records = record(pointer(question_at), type_a, one_address) +
                 record(std::string(1, '\0'), type_opt, "", 1232);
  EXPECT_EQ(read(message({.additional = 1}, name("x"), records)),
            "x ::ffff:10.1.2.3");
  auto glue = record(pointer(question_at), type_a, one_address);
  EXPECT_EQ(read(message({.answers = 0, .additional = 1}, name("x"), glue)),
            "none");
}

TEST(Message, OnlyAnswersCount) {
  auto records = record(pointer(question_at), type_a, one_address);
  auto with_flags = [&](unsigned flags) {
    return read(message({.flags = flags}, name("x"), records));
  };
  EXPECT_EQ(with_flags(0x8580), "x ::ffff:10.1.2.3");  // authoritative
  EXPECT_EQ(with_flags(0x8380), "x ::ffff:10.1.2.3");  // more did not fit
  EXPECT_EQ(with_flags(0x0100), "none");               // a question
  EXPECT_EQ(with_flags(0x8183), "none");               // no such name
  EXPECT_EQ(with_flags(0xa980), "none");               // an update
  for (unsigned questions : {0U, 2U}) {
    EXPECT_EQ(read(message({.questions = questions}, name("x"), records)),
              "none");
  }
  EXPECT_EQ(read(message({}, name("x"), records, 3)), "none");  // Chaos
  EXPECT_EQ(
      read(message({}, name("x"), record(name("x"), type_a, one_address, 3))),
      "none");
}

TEST(Message, AnAddressOfAnotherSizeIsNone) {
  for (std::size_t size : {0U, 3U, 5U, 16U}) {
    EXPECT_EQ(read(message({}, name("x"),
                           record(name("x"), type_a, std::string(size, 'a')))),
              "none");
  }
}

TEST(Message, CutAnywhereItHoldsWhatIsWhole) {
  auto owner = pointer(question_at);
  auto one = record(owner, type_a, one_address);
  auto two = record(owner, type_a, {10, 1, 2, 4});
  auto whole = message({.answers = 2}, name("a.example"), one + two);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    bool has_one = size >= whole.size() - two.size();
    // In memory of its own, so that a sanitizer sees what is behind it.
    std::string cut(whole, 0, size);
    cut.shrink_to_fit();
    EXPECT_EQ(read(cut), has_one ? "a.example ::ffff:10.1.2.3" : "none")
        << size;
  }
  EXPECT_EQ(read(whole), "a.example ::ffff:10.1.2.3 ::ffff:10.1.2.4");
}

TEST(Message, PointersThatLeadNowhereEnd) {
  for (unsigned at : {question_at, question_at + 1, 0x3fffU}) {
    EXPECT_EQ(answer_to(pointer(at)), "none") << at;
  }
  // Two that lead to one another.
  auto loop = pointer(question_at + 2) + pointer(question_at);
  EXPECT_EQ(answer_to(loop), "none");
  // Labels before them make the name longer on each turn.
  EXPECT_EQ(answer_to(label("a") + pointer(question_at)), "none");
}

TEST(Message, ABrokenRecordEndsTheRest) {
  auto good = record(name("x"), type_a, one_address);
  auto bad = record(pointer(0x3fff), type_a, one_address);
  EXPECT_EQ(read(message({.answers = 2}, name("x"), good + bad)),
            "x ::ffff:10.1.2.3");
  EXPECT_EQ(read(message({.answers = 2}, name("x"), bad + good)), "none");
}

TEST(Message, NamesAreAsLongAsTheyMayBe) {
  std::string most(63, 'a');
  auto of_size = [&](std::size_t last) {
    return label(most) + label(most) + label(most) +
           label(std::string(last, 'b')) + '\0';
  };
  auto text = most + '.' + most + '.' + most + '.' + std::string(61, 'b');
  EXPECT_EQ(answer_to(of_size(61)), text + " ::ffff:10.1.2.3");
  EXPECT_EQ(answer_to(of_size(62)), "none");
  // What would be a label of 64 bytes is of a kind that was never used.
  EXPECT_EQ(answer_to(label(std::string(64, 'a')) + '\0'), "none");
}

TEST(Message, RecordsAreCountedAndBounded) {
  std::string records;
  for (std::size_t i = 0; i < most_records + 5; ++i) {
    records += record(name("x"), type_a, one_address);
  }
  auto answer =
      parse_answer(bytes_of(message({.answers = 0xffff}, name("x"), records)));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->addresses.size(), most_records);
}

TEST(Address, BothFormsOfIPv4AreOne) {
  EXPECT_EQ(parse_address("10.1.2.3"), parse_address("::ffff:10.1.2.3"));
  EXPECT_EQ(parse_address("10.1.2.3"), address_of(bytes_of(one_address)));
  EXPECT_NE(parse_address("10.1.2.3"), parse_address("::10.1.2.3"));
  for (const auto* text : {"", "10.1.2", "db", "::1%lo", "1"}) {
    EXPECT_FALSE(parse_address(text)) << text;
  }
}

}  // namespace
}  // namespace sightline::dns
