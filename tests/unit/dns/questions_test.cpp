// SPDX-License-Identifier: Apache-2.0
#include "dns/questions.h"

#include <gtest/gtest.h>

namespace sightline::dns {
namespace {

Asked asked() {
  return {.client = *parse_address("10.0.0.1"),
          .client_port = 40000,
          .server = *parse_address("10.0.0.53"),
          .question = {.id = 7, .type = 1, .name = "db.example"}};
}

TEST(Questions, AnAnswerIsOfWhatWasAsked) {
  Questions questions;
  EXPECT_EQ(questions.match(asked(), 5), Match::none);
  questions.add(asked(), 10);
  EXPECT_EQ(questions.match(asked(), 20), Match::first);
}

TEST(Questions, WhatDiffersAnywhereIsAnotherOne) {
  Questions questions;
  questions.add(asked(), 10);
  auto differs = [&](auto change) {
    auto other = asked();
    change(other);
    return questions.match(other, 20) == Match::none;
  };
  EXPECT_TRUE(differs([](Asked& a) { a.client = *parse_address("10.0.0.2"); }));
  EXPECT_TRUE(differs([](Asked& a) { a.client_port = 40001; }));
  EXPECT_TRUE(differs([](Asked& a) { a.server = *parse_address("10.0.0.1"); }));
  EXPECT_TRUE(differs([](Asked& a) { a.question.id = 8; }));
  EXPECT_TRUE(differs([](Asked& a) { a.question.type = 28; }));
  EXPECT_TRUE(differs([](Asked& a) { a.question.name = "10.example"; }));
  EXPECT_EQ(questions.match(asked(), 20), Match::first);
}

TEST(Questions, TheFirstAnswerCounts) {
  Questions questions;
  questions.add(asked(), 10);
  questions.add(asked(), 11);  // on another device
  EXPECT_EQ(questions.match(asked(), 20), Match::first);
  EXPECT_EQ(questions.match(asked(), 21), Match::again);
  questions.add(asked(), 30);
  EXPECT_EQ(questions.match(asked(), 40), Match::first);
  EXPECT_EQ(questions.size(), 1U);
}

TEST(Questions, TheyAreOpenForAWhile) {
  Questions questions;
  questions.add(asked(), 10);
  EXPECT_EQ(questions.match(asked(), 11 + Questions::most_age_ns), Match::none);
  questions.add(asked(), 20);
  EXPECT_EQ(questions.match(asked(), 20 + Questions::most_age_ns),
            Match::first);
  // The clocks of two packets may differ.
  questions.add(asked(), 30);
  EXPECT_EQ(questions.match(asked(), 29), Match::first);
}

TEST(Questions, OldOnesAreForgotten) {
  Questions questions;
  auto other = asked();
  for (std::uint16_t id = 0; id < 100; ++id) {
    other.question.id = id;
    questions.add(other, 10);
  }
  EXPECT_EQ(questions.size(), 100U);
  other.question.id = 100;
  questions.add(other, 11 + Questions::most_age_ns);
  EXPECT_EQ(questions.size(), 1U);
}

TEST(Questions, ThereAreNoMoreThanThereIsRoomFor) {
  Questions questions(4);
  auto other = asked();
  for (std::uint16_t id = 1; id <= 6; ++id) {
    other.question.id = id;
    questions.add(other, id);
  }
  EXPECT_EQ(questions.size(), 4U);
  EXPECT_EQ(questions.match(other, 10), Match::first);
  other.question.id = 2;
  EXPECT_EQ(questions.match(other, 10), Match::none);
}

}  // namespace
}  // namespace sightline::dns
