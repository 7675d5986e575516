// SPDX-License-Identifier: Apache-2.0
#include "unwind/rows.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "symbol/vdso.h"
#include "unwind/cfi_image.h"
#include "unwind/lookup.h"

namespace sightline::unwind {
namespace {

using testing::bytes_of;
using testing::CfiImage;
using testing::look_up;
using testing::quad;
using testing::word;
namespace cfa = testing::cfa;

constexpr std::uint64_t code = CfiImage::code;

// Every page keeps its promises: a row at 0 first, rows in order, each telling
// more than the one before.
void expect_well_formed(const Rows& rows) {
  std::size_t next = 0;
  for (const Page& page : rows.pages) {
    EXPECT_EQ(page.first, next);
    next += page.count;
    ASSERT_LE(page.count, UNWIND_BLOCK_WORDS);
    ASSERT_LE(next, rows.rows.size());
    for (std::size_t i = page.first; i < next; ++i) {
      const unwind_row row = rows.rows[i];
      EXPECT_LT(unwind_row_rule(row), rows.rules.size());
      if (i == page.first) {
        EXPECT_EQ(unwind_row_offset(row), 0U);
        continue;
      }
      EXPECT_GT(unwind_row_offset(row), unwind_row_offset(rows.rows[i - 1]));
      EXPECT_NE(unwind_row_rule(row), unwind_row_rule(rows.rows[i - 1]));
    }
  }
  EXPECT_EQ(next, rows.rows.size());
}

Rows rows_of(const CfiImage& image, const RowLimits& limits = {}) {
  Rows rows = build_rows(image.file(), nullptr, limits);
  expect_well_formed(rows);
  return rows;
}

// Rows are told by place in the file.
unwind_rule rule_at(const Rows& rows, std::uint64_t address) {
  static const std::uint64_t place_of_code =
      CfiImage().file().offset_of(code).value_or(0);
  return rows.rules[look_up(rows, address - code + place_of_code).rule];
}

// The rule of one function with this program.
unwind_rule rule_for(const std::string& program, const char* letters = "") {
  CfiImage image;
  image.fde(image.cie(letters), code, 64, program);
  return rule_at(rows_of(image), code);
}

TEST(Rows, TheVdsoHasRows) {
  const auto vdso = symbol::open_vdso();
  if (!vdso) GTEST_SKIP() << symbol::text(vdso.error());
  const Rows rows = build_rows(*vdso);
  EXPECT_EQ(rows.reason, symbol::Reason::none);
  EXPECT_GT(rows.functions, 0U);
  EXPECT_EQ(rows.unsupported, 0U);
  EXPECT_EQ(rows.malformed, 0U);
  expect_well_formed(rows);
}

TEST(Rows, PushAndPop) {
  CfiImage image;
  image.fde(image.cie(), code + 0x100, 0x40,
            cfa::advance(1) + cfa::define(7, 16) + cfa::offset(6, 2) +
                cfa::advance(3) + bytes_of({0x0d, 6}) + cfa::advance(0x20) +
                cfa::define(7, 8));
  const Rows rows = rows_of(image);
  EXPECT_EQ(rows.functions, 1U);
  EXPECT_EQ(rows.first_page, 0U);
  ASSERT_EQ(rows.pages.size(), 1U);
  // Nothing, four rules, nothing.
  EXPECT_EQ(rows.rows.size(), 6U);
  EXPECT_EQ(rule_at(rows, code + 0xff).kind, UNWIND_NO_ROWS);
  const unwind_rule first = rule_at(rows, code + 0x100);
  EXPECT_EQ(first.kind, UNWIND_FRAME);
  EXPECT_EQ(first.base, 7);
  EXPECT_EQ(first.cfa_offset, 8);
  EXPECT_EQ(first.ra, UNWIND_AT_CFA);
  EXPECT_EQ(first.ra_offset, -8);
  EXPECT_EQ(first.fp, UNWIND_SAME);
  const unwind_rule pushed = rule_at(rows, code + 0x101);
  EXPECT_EQ(pushed.cfa_offset, 16);
  EXPECT_EQ(pushed.fp, UNWIND_AT_CFA);
  EXPECT_EQ(pushed.fp_offset, -16);
  EXPECT_EQ(rule_at(rows, code + 0x104).base, 6);
  EXPECT_EQ(rule_at(rows, code + 0x124).base, 7);
  EXPECT_EQ(rule_at(rows, code + 0x140).kind, UNWIND_NO_ROWS);
}

TEST(Rows, PaddingBelongsToTheSecond) {
  CfiImage image;
  const auto cie = image.cie();
  image.fde(cie, code, 0x11, "").fde(cie, code + 0x20, 0x10, "");
  image.fde(cie, code + 0x40, 0x10, "");
  const Rows rows = rows_of(image);
  EXPECT_EQ(rows.functions, 3U);
  EXPECT_EQ(rule_at(rows, code + 0x1f).kind, UNWIND_FRAME);
  // Sixteen bytes may be a function of its own.
  EXPECT_EQ(rule_at(rows, code + 0x30).kind, UNWIND_NO_ROWS);
  EXPECT_EQ(rule_at(rows, code + 0x3f).kind, UNWIND_NO_ROWS);
  EXPECT_EQ(rule_at(rows, code + 0x40).kind, UNWIND_FRAME);
}

TEST(Rows, OfTwoFunctionsTheOneThatBeginsLaterCounts) {
  CfiImage image;
  const auto cie = image.cie();
  image.fde(cie, code + 0x40, 0x20, cfa::define(7, 24));
  image.fde(cie, code, 0x100, cfa::define(7, 16));
  image.fde(cie, code, 0x80, cfa::define(7, 32));
  const Rows rows = rows_of(image);
  EXPECT_EQ(rows.functions, 2U);
  EXPECT_EQ(rule_at(rows, code + 0x3f).cfa_offset, 16);
  EXPECT_EQ(rule_at(rows, code + 0x40).cfa_offset, 24);
  EXPECT_EQ(rule_at(rows, code + 0x60).kind, UNWIND_NO_ROWS);
}

TEST(Rows, WhatIsNotInTheCodeIsPassedOver) {
  CfiImage image;
  const auto cie = image.cie();
  image.fde(cie, code, 16, "").fde(cie, 0, 16, "");
  image.fde(cie, code + 0xff8, 16, "").fde(cie, ~0ULL - 4, 16, "");
  image.fde(cie, code + 32, 0, "");
  const Rows rows = rows_of(image);
  EXPECT_EQ(rows.functions, 1U);
  EXPECT_EQ(rows.malformed, 4U);
}

TEST(Rows, ThreadsBeginWhereTheReturnAddressIsUndefined) {
  EXPECT_EQ(rule_for(cfa::undefined(16)).kind, UNWIND_END);
}

TEST(Rows, ProcedureLinkageTables) {
  const auto plt = [](unsigned literal) {
    return cfa::expression(bytes_of({0x77, 8, 0x80, 0, 0x3f, 0x1a,
                                     0x30 + literal, 0x2a, 0x33, 0x24, 0x22}));
  };
  for (const unsigned threshold : {9U, 10U, 11U}) {
    const unwind_rule rule = rule_for(plt(threshold));
    EXPECT_EQ(rule.kind, UNWIND_PLT);
    EXPECT_EQ(rule.cfa_offset, static_cast<int>(threshold));
    EXPECT_EQ(rule.base, 7);
  }
  EXPECT_EQ(rule_for(plt(17)).kind, UNWIND_UNSUPPORTED);
}

TEST(Rows, AlignedStacks) {
  // CFA = *(RBP - 8), RBP at RBP + 0.
  const unwind_rule rule =
      rule_for(cfa::expression(bytes_of({0x76, 0x78, 0x06})) +
               cfa::saved(6, bytes_of({0x76, 0})));
  EXPECT_EQ(rule.kind, UNWIND_FRAME);
  EXPECT_EQ(rule.base, 6);
  EXPECT_EQ(rule.deref, 1);
  EXPECT_EQ(rule.cfa_offset, -8);
  EXPECT_EQ(rule.cfa_add, 0);
  EXPECT_EQ(rule.fp, UNWIND_AT_BASE);
  EXPECT_EQ(rule.fp_offset, 0);
  // CFA = *(RSP + 40) + 8.
  const unwind_rule other =
      rule_for(cfa::expression(bytes_of({0x77, 40, 0x06, 0x23, 8})));
  EXPECT_EQ(other.deref, 1);
  EXPECT_EQ(other.cfa_offset, 40);
  EXPECT_EQ(other.cfa_add, 8);
}

TEST(Rows, ReturnAddressInARegister) {
  const unwind_rule rule = rule_for(bytes_of({0x09, 16, 5}));
  EXPECT_EQ(rule.kind, UNWIND_FRAME);
  EXPECT_EQ(rule.ra, UNWIND_IN_REGISTER);
  EXPECT_EQ(rule.ra_register, 5);
}

TEST(Rows, SignalFramesAreTheKernels) {
  const std::string stack = cfa::expression(bytes_of({0x77, 0xa0, 1, 6}));
  const std::string rip = cfa::saved(16, bytes_of({0x77, 0xa8, 1}));
  const std::string rbp = cfa::saved(6, bytes_of({0x77, 0xf8, 0}));
  EXPECT_EQ(rule_for(stack + rip + rbp, "S").kind, UNWIND_SIGNAL);
  // A function that is called can look the same; it returns.
  EXPECT_EQ(rule_for(stack + rip + rbp).kind, UNWIND_FRAME);
  EXPECT_EQ(rule_for(stack + rip, "S").kind, UNWIND_UNSUPPORTED);
  EXPECT_EQ(rule_for("", "S").kind, UNWIND_UNSUPPORTED);
}

TEST(Rows, WhatRulesCannotSay) {
  // RSP is not the CFA; RIP is not saved; CFA = RSP + 8 * R9.
  EXPECT_EQ(rule_for(bytes_of({0x09, 7, 8})).kind, UNWIND_UNSUPPORTED);
  EXPECT_EQ(rule_for(bytes_of({0x08, 16})).kind, UNWIND_UNSUPPORTED);
  EXPECT_EQ(
      rule_for(cfa::expression(bytes_of({0x77, 8, 0x79, 0, 0x38, 0x1e, 0x22})))
          .kind,
      UNWIND_UNSUPPORTED);
  // Too far for its field.
  EXPECT_EQ(rule_for(cfa::define(7, 1ULL << 40)).kind, UNWIND_UNSUPPORTED);
  EXPECT_EQ(rule_for(cfa::offset(16, 1U << 20)).kind, UNWIND_UNSUPPORTED);
}

TEST(Rows, SignedReturnAddressesOfArm64) {
  CfiImage image(EM_AARCH64);
  const auto cie =
      image.raw_cie("z", bytes_of({4, 0x78, 30, 0}), cfa::define(31, 0));
  image.fde(cie, code, 64,
            cfa::advance(1) + bytes_of({0x2d}) + cfa::advance(1) +
                cfa::define(31, 32) + cfa::offset(29, 4) + cfa::offset(30, 3));
  const Rows rows = rows_of(image);
  const unwind_rule first = rule_at(rows, code);
  EXPECT_EQ(first.ra, UNWIND_IN_REGISTER);
  EXPECT_EQ(first.ra_register, 30);
  EXPECT_EQ(first.flags, 0);
  EXPECT_EQ(rule_at(rows, code + 4).flags, UNWIND_RULE_SIGNED_RA);
  const unwind_rule saved = rule_at(rows, code + 8);
  EXPECT_EQ(saved.base, 31);
  EXPECT_EQ(saved.ra, UNWIND_AT_CFA);
  EXPECT_EQ(saved.ra_offset, -24);
  EXPECT_EQ(saved.fp_offset, -32);
  EXPECT_EQ(saved.flags, UNWIND_RULE_SIGNED_RA);
}

TEST(Rows, ABrokenProgramKeepsWhatCameBefore) {
  CfiImage image;
  image.fde(image.cie(), code, 64,
            cfa::advance(16) + cfa::define(7, 16) + cfa::advance(16) +
                bytes_of({0x3f}));
  const Rows rows = rows_of(image);
  EXPECT_EQ(rows.malformed, 1U);
  EXPECT_EQ(rule_at(rows, code + 15).cfa_offset, 8);
  EXPECT_EQ(rule_at(rows, code + 31).cfa_offset, 16);
  EXPECT_EQ(rule_at(rows, code + 32).kind, UNWIND_UNSUPPORTED);
}

TEST(Rows, StatesAreRememberedToALimit) {
  std::string program;
  for (int i = 0; i < 1000; ++i) program += cfa::remember;
  EXPECT_EQ(rule_for(program).kind, UNWIND_UNSUPPORTED);
  EXPECT_EQ(rule_for(cfa::bring_back).kind, UNWIND_UNSUPPORTED);
  const unwind_rule back =
      rule_for(cfa::remember + cfa::define(6, 99) + cfa::bring_back);
  EXPECT_EQ(back.base, 7);
}

TEST(Rows, AdvancingEndsWithTheFunction) {
  std::string program;
  for (int i = 0; i < 1000; ++i) {
    program += bytes_of({0x04}) + word(0xffffffff) + cfa::define(7, 8 * i);
  }
  CfiImage image;
  image.fde(image.cie(), code, 16, program);
  EXPECT_LE(rows_of(image).rows.size(), 3U);
}

TEST(Rows, EntriesThatLie) {
  // The first is longer than the section; the CIE of the second is itself, that
  // of the third lies before the section.
  for (const std::string& lie :
       {word(0x7fffffff), word(20) + word(4) + std::string(16, '\0'),
        word(20) + word(0xfffffff0) + std::string(16, '\0'),
        word(0xffffffff) + quad(~0ULL), word(2) + "xx"}) {
    CfiImage image;
    image.fde(image.cie(), code, 16, "");
    image.raw(lie);
    const Rows rows = rows_of(image);
    EXPECT_EQ(rows.functions, 1U);
    EXPECT_TRUE(rows.reason == symbol::Reason::corrupt || rows.malformed == 1);
  }
}

TEST(Rows, CommonEntriesThatNobodyWrites) {
  const std::string good = bytes_of({1, 0x78, 16});
  const std::vector<std::pair<std::string, std::string>> lies = {
      {"eh", good},                               // of an old compiler
      {std::string(300, 'z'), good},              // a name without end
      {"zR", good + bytes_of({1, 0xff})},         // no such encoding
      {"zR", good + bytes_of({1, 0x9b})},         // an address of an address
      {"z", good + bytes_of({0xff, 0xff, 0x7f})}  // longer than the entry
  };
  for (const auto& [augmentation, fields] : lies) {
    CfiImage image;
    image.fde(image.raw_cie(augmentation, fields, cfa::define(7, 8)), code, 16,
              "");
    const Rows rows = rows_of(image);
    EXPECT_EQ(rows.functions, 0U) << augmentation;
    EXPECT_EQ(rows.reason, symbol::Reason::corrupt) << augmentation;
  }
}

TEST(Rows, ACommonEntryAdvancesNowhere) {
  CfiImage image;
  image.fde(image.cie("", cfa::advance(1)), code, 16, "");
  EXPECT_EQ(rows_of(image).functions, 0U);
}

// Nobody has called it, whoever has written no information for it.
TEST(Rows, WhereTheKernelBeginsAThreadBegins) {
  for (const std::uint64_t padding : {0U, 8U, 15U}) {
    CfiImage image;
    const auto cie = image.cie();
    image.fde(cie, code + 64, 16, "").fde(cie, code + 144, 16, "");
    image.begins_at(code + 80 + padding);
    const Rows rows = rows_of(image);
    EXPECT_EQ(rows.functions, 2U);
    for (const std::uint64_t at : {80 + padding, 112UL, 143UL}) {
      EXPECT_EQ(rule_at(rows, code + at).kind, UNWIND_END) << padding;
    }
    EXPECT_EQ(rule_at(rows, code + 79).kind, UNWIND_FRAME) << padding;
    EXPECT_EQ(rule_at(rows, code + 144).kind, UNWIND_FRAME) << padding;
    EXPECT_EQ(rule_at(rows, code + 160).kind, UNWIND_NO_ROWS) << padding;
  }
  CfiImage first;
  first.fde(first.cie(), code + 64, 16, "").begins_at(code);
  EXPECT_EQ(rule_at(rows_of(first), code).kind, UNWIND_END);
}

// Of a program without information for most of its code nobody knows where its
// first function ends.
TEST(Rows, OtherFunctionsAreNoBeginning) {
  const auto rule = [](std::uint64_t begin, std::uint64_t next) {
    CfiImage image;
    const auto cie = image.cie();
    image.fde(cie, code + 64, 16, "").fde(cie, code + next, 16, "");
    return rule_at(rows_of(image.begins_at(code + begin)), code + begin).kind;
  };
  EXPECT_EQ(rule(80, 80 + 128), UNWIND_END);
  EXPECT_EQ(rule(80, 80 + 129), UNWIND_NO_ROWS) << "too long";
  EXPECT_EQ(rule(96, 96 + 64), UNWIND_NO_ROWS) << "something lies before it";
  EXPECT_EQ(rule(208, 96), UNWIND_NO_ROWS) << "nothing behind it";
}

TEST(Rows, WhatIsSaidOfTheBeginningCounts) {
  CfiImage image;
  image.fde(image.cie(), code + 64, 16, "").begins_at(code + 72);
  EXPECT_EQ(rule_at(rows_of(image), code + 72).kind, UNWIND_FRAME);
  image.begins_at(0x100000);  // no code of its
  EXPECT_EQ(rows_of(image).pages.size(), 1U);
}

TEST(Rows, MoreThanMayBe) {
  CfiImage image;
  const auto cie = image.cie();
  for (unsigned i = 0; i < 100; ++i) {
    image.fde(cie, code + 32 * i, 16, cfa::define(7, 8 + 8 * i));
  }
  const Rows few = rows_of(image, {.most_rows = 50});
  EXPECT_EQ(few.reason, symbol::Reason::unwind_info_large);
  EXPECT_EQ(few.rows.size(), 50U);
  EXPECT_EQ(unwind_row_rule(few.rows.back()),
            unsigned{UNWIND_RULE_UNSUPPORTED});
  const Rows none = rows_of(image, {.most_section_bytes = 1000});
  EXPECT_EQ(none.reason, symbol::Reason::unwind_info_large);
  EXPECT_TRUE(none.rows.empty());
}

TEST(Rows, OtherMachinesHaveNone) {
  CfiImage image(EM_RISCV);
  image.fde(image.cie(), code, 16, "");
  const Rows rows = rows_of(image);
  EXPECT_EQ(rows.reason, symbol::Reason::not_elf);
  EXPECT_EQ(rows.rules.size(), std::size_t{UNWIND_FIRST_RULE});
}

}  // namespace
}  // namespace sightline::unwind
