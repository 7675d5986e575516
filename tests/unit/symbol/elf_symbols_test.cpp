// SPDX-License-Identifier: Apache-2.0
#include "symbol/elf_symbols.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <tuple>
#include <vector>

#include "symbol/elf_image.h"

namespace sightline::symbol {
namespace {

using testing::Elf32;
using testing::ElfImage;
using testing::memory_file;

struct Answer {
  std::vector<std::string> names;
  Reason reason;
};

Answer ask(UniqueFd fd, const std::vector<std::uint64_t>& addresses) {
  const auto file = ElfFile::open(std::move(fd));
  if (!file) return {{}, file.error()};
  std::vector<ElfSymbol> out(addresses.size());
  Answer answer;
  answer.reason = name_symbols(*file, addresses, out);
  for (const ElfSymbol& symbol : out) answer.names.push_back(symbol.name);
  return answer;
}

using Names = std::vector<std::string>;

TEST(ElfSymbols, ASizedSymbolCoversItsBytesAndNoMore) {
  ElfImage<> image;
  image.add("alpha", 0x1010, 16).add("beta", 0x1040, 1);
  const Answer answer =
      ask(image.fd(), {0x100f, 0x1010, 0x101f, 0x1020, 0x1040, 0x1041});
  EXPECT_EQ(answer.names, (Names{"", "alpha", "alpha", "", "beta", ""}));
  EXPECT_EQ(answer.reason, Reason::no_covering_symbol);
}

TEST(ElfSymbols, ReadsThe32BitFormat) {
  ElfImage<Elf32> image;
  image.add("alpha", 0x1010, 16);
  EXPECT_EQ(ask(image.fd(), {0x1018}).names, Names{"alpha"});
}

TEST(ElfSymbols, ASizelessSymbolReachesToTheNextOrToTheEndOfItsSection) {
  ElfImage<> image;
  image.add("label", 0x1010, 0).add("alpha", 0x1020, 16).add("last", 0x1100, 0);
  const Answer answer =
      ask(image.fd(), {0x1010, 0x101f, 0x1020, 0x1030, 0x1fff, 0x2000});
  EXPECT_EQ(answer.names, (Names{"label", "label", "alpha", "", "last", ""}));
}

TEST(ElfSymbols, ASizelessAliasDoesNotStretchItsSizedTwin) {
  ElfImage<> image;
  image.add("alpha", 0x1010, 16).add("alias", 0x1010, 0);
  EXPECT_EQ(ask(image.fd(), {0x1010, 0x1020}).names, (Names{"alpha", ""}));
}

TEST(ElfSymbols, InDynsymASizelessSymbolIsOnlyItsFirstByte) {
  ElfImage<> image(SHT_DYNSYM);
  image.add("label", 0x1010, 0).add("alpha", 0x1100, 16);
  const Answer answer = ask(image.fd(), {0x1010, 0x1011, 0x1105});
  EXPECT_EQ(answer.names, (Names{"label", "", "alpha"}));
  EXPECT_EQ(answer.reason, Reason::no_symbols);
}

TEST(ElfSymbols, TheInnermostOfNestedSymbolsWins) {
  ElfImage<> image;
  image.add("outer", 0x1000, 0x100).add("inner", 0x1020, 0x10);
  image.add("entry", 0x1050, 0);
  const Answer answer =
      ask(image.fd(), {0x1000, 0x1020, 0x102f, 0x1030, 0x1050, 0x10ff});
  EXPECT_EQ(answer.names,
            (Names{"outer", "inner", "inner", "outer", "outer", "outer"}));
}

TEST(ElfSymbols, OfAliasesTheOneThatPeopleCallWins) {
  ElfImage<> image;
  image.add("__GI_read", 0x1000, 16, STB_LOCAL)
      .add("__read", 0x1000, 16, STB_GLOBAL)
      .add("read", 0x1000, 16, STB_WEAK);
  image.add("weak", 0x1100, 16, STB_WEAK).add("glob", 0x1100, 16);
  image.add("first", 0x1200, 16).add("second", 0x1200, 16);
  image.add("label", 0x1300, 16, STB_GLOBAL, STT_NOTYPE)
      .add("function", 0x1300, 16, STB_LOCAL);
  EXPECT_EQ(ask(image.fd(), {0x1001, 0x1101, 0x1201, 0x1301}).names,
            (Names{"read", "glob", "first", "function"}));
}

TEST(ElfSymbols, OnlyCodeOfThisFileCounts) {
  ElfImage<> image;
  image.add("object", 0x1000, 16, STB_GLOBAL, STT_OBJECT)
      .add("import", 0x1000, 16, STB_GLOBAL, STT_FUNC, SHN_UNDEF)
      .add("constant", 0x1000, 16, STB_GLOBAL, STT_NOTYPE, SHN_ABS)
      .add("$x", 0x1000, 0, STB_LOCAL, STT_NOTYPE)
      .add("data", 0x1000, 16, STB_GLOBAL, STT_NOTYPE, 3)
      .add("", 0x1000, 16);
  image.add("assembly", 0x1100, 0, STB_GLOBAL, STT_NOTYPE);
  image.add("resolver", 0x1200, 16, STB_GLOBAL, STT_GNU_IFUNC);
  EXPECT_EQ(ask(image.fd(), {0x1000, 0x1100, 0x1201}).names,
            (Names{"", "assembly", "resolver"}));
}

TEST(ElfSymbols, AStrippedFileSaysSo) {
  EXPECT_EQ(ask(ElfImage<>(SHT_PROGBITS).fd(), {0x1000}).reason,
            Reason::no_symbols);
  EXPECT_EQ(ask(ElfImage<>().fd(), {0x1000}).reason,
            Reason::no_covering_symbol);
}

TEST(ElfSymbols, ASecondFileCompletesTheFirst) {
  ElfImage<> dynamic(SHT_DYNSYM);
  dynamic.add("exported", 0x1000, 16);
  ElfImage<> debug;
  debug.add("other_alias", 0x1000, 16).add("local", 0x1010, 16, STB_LOCAL);
  const auto first = ElfFile::open(dynamic.fd());
  const auto second = ElfFile::open(debug.fd());
  ASSERT_TRUE(first && second);
  const std::vector<std::uint64_t> addresses = {0x1001, 0x1011};
  std::vector<ElfSymbol> out(2);
  EXPECT_EQ(name_symbols(*first, addresses, out), Reason::no_symbols);
  EXPECT_EQ(name_symbols(*second, addresses, out), Reason::none);
  EXPECT_EQ(out[0].name, "exported");
  EXPECT_EQ(out[1].name, "local");
  EXPECT_EQ(out[1].start, 0x1010U);
}

TEST(ElfSymbols, BentTablesAreCorruptOrEmpty) {
  const auto reason = [](auto bend) {
    ElfImage<> image;
    image.add("alpha", 0x1000, 16);
    bend(image.table);
    return ask(image.fd(), {0x1000}).reason;
  };
  EXPECT_EQ(reason([](auto& table) { table.sh_link = 99; }), Reason::corrupt);
  EXPECT_EQ(reason([](auto& table) { table.sh_entsize = 8; }), Reason::corrupt);
  // The table as its own string table: names are then bytes of symbols.
  EXPECT_EQ(reason([](auto& table) { table.sh_link = 2; }),
            Reason::no_covering_symbol);
  EXPECT_EQ(reason([](auto& table) { table.sh_offset = ~0ULL; }),
            Reason::no_covering_symbol);
}

TEST(ElfSymbols, ASparseGibibyteOfSymbolsIsReadInPieces) {
  ElfImage<> image;
  image.add("alpha", 0x1000, 16);
  image.table.sh_size = 1U << 30;
  const UniqueFd fd = image.fd();
  ASSERT_EQ(ftruncate(fd.get(), (1LL << 30) + (1 << 20)), 0);
  EXPECT_EQ(ask(UniqueFd(dup(fd.get())), {0x1001}).names, Names{"alpha"});
}

TEST(ElfSymbols, OverlappingNamesDoNotTakeUnboundedMemory) {
  ElfImage<> image;
  image.add(std::string(1U << 20, 'a'), 0x1000, 16);
  const Answer answer = ask(image.fd(), {0x1001});
  ASSERT_EQ(answer.names.size(), 1U);
  EXPECT_EQ(answer.names[0], std::string(1U << 14, 'a'));
}

// The rules again, written the slow and obvious way.
struct Plain {
  std::string name;
  std::uint64_t start;
  std::uint64_t size;
  bool global;
};

std::string slow_answer(const std::vector<Plain>& symbols,
                        std::uint64_t address) {
  const Plain* best = nullptr;
  const auto rank = [](const Plain& symbol) {
    return std::tuple(symbol.size != 0, symbol.start, symbol.global);
  };
  for (const Plain& symbol : symbols) {
    bool covers = address >= symbol.start;
    if (symbol.size != 0) {
      covers = covers && address < symbol.start + symbol.size;
    } else {
      for (const Plain& other : symbols) {
        const bool between = other.start <= address &&
                             (other.start > symbol.start ||
                              (other.start == symbol.start && other.size != 0));
        if (between) covers = false;
      }
    }
    if (covers && (best == nullptr || rank(symbol) > rank(*best))) {
      best = &symbol;
    }
  }
  return best == nullptr ? "" : best->name;
}

TEST(ElfSymbols, AgreesWithTheObviousSearch) {
  std::mt19937 random(7);
  const auto below = [&random](unsigned limit) { return random() % limit; };
  for (unsigned round = 0; round < 200; ++round) {
    ElfImage<> image;
    std::vector<Plain> symbols;
    for (unsigned i = 0; i < 1 + below(40); ++i) {
      const Plain symbol{"s" + std::to_string(i), 0x1000 + below(256),
                         below(4) == 0 ? 0 : below(64), below(2) == 0};
      symbols.push_back(symbol);
      image.add(symbol.name, symbol.start, symbol.size,
                symbol.global ? STB_GLOBAL : STB_LOCAL);
    }
    std::vector<std::uint64_t> addresses;
    Names expected;
    for (std::uint64_t at = 0x1000; at < 0x1140; at += 1 + below(3)) {
      addresses.push_back(at);
      expected.push_back(slow_answer(symbols, at));
    }
    ASSERT_EQ(ask(image.fd(), addresses).names, expected) << round;
  }
}

std::optional<std::uint64_t> where(UniqueFd fd, std::string_view name) {
  const auto file = ElfFile::open(std::move(fd));
  return file ? find_exported(*file, name) : std::nullopt;
}

TEST(FindExported, KnowsTheWholeNameOfAFunction) {
  ElfImage<> image(SHT_DYNSYM);
  image.add("getaddrinfo_a", 0x1010, 16).add("get", 0x1020, 16);
  image.add("getaddrinfo", 0x1040, 16).add("getaddrinfo", 0x1080, 16);
  EXPECT_EQ(where(image.fd(), "getaddrinfo"), 0x1040);
  EXPECT_EQ(where(image.fd(), "get"), 0x1020);
  EXPECT_EQ(where(image.fd(), "getaddr"), std::nullopt);
}

TEST(FindExported, ReadsThe32BitFormat) {
  ElfImage<Elf32> image(SHT_DYNSYM);
  image.add("alpha", 0x1010, 16);
  EXPECT_EQ(where(image.fd(), "alpha"), 0x1010);
}

TEST(FindExported, WhatIsNotExportedIsNotFound) {
  ElfImage<> image;
  image.add("alpha", 0x1010, 16);
  EXPECT_EQ(where(image.fd(), "alpha"), std::nullopt);
}

}  // namespace
}  // namespace sightline::symbol
