// SPDX-License-Identifier: Apache-2.0
#include "symbol/go_symbols.h"

#include <gtest/gtest.h>

#include <functional>

#include "symbol/elf_image.h"
#include "symbol/programs.h"

namespace sightline::symbol {
namespace {

using testing::Elf32;
using testing::Elf64;
using testing::ElfImage;
using testing::memory_file;
using testing::raw_bytes;
using Names = std::vector<std::string>;

struct Function {
  std::uint64_t start;
  std::string name;
};

// Builds the table of a version, for code from 0x1000 to 0x2000.
class Table {
 public:
  Table(std::uint32_t magic, unsigned pointer)
      : magic_(magic), pointer_(pointer) {}

  std::uint64_t text = 0x1000;
  std::uint64_t end = 0x2000;
  std::vector<Function> functions = {{0x1000, "runtime.text0"},
                                     {0x1100, "main.main"},
                                     {0x1180, "main.(*T).Method"}};

  [[nodiscard]] std::string bytes() const {
    std::string records;
    std::string names;
    std::string pairs;
    const std::uint64_t base = is_relative() ? text : 0;
    const std::uint64_t pairs_size =
        functions.size() * 2 * field() + 2 * field();
    const std::uint64_t names_size = 64 * functions.size();
    // The oldest version counts all from the start of the table.
    const std::uint64_t records_base = is_oldest() ? start_of_pairs() : 0;
    const std::uint64_t names_base =
        is_oldest() ? start_of_pairs() + pairs_size + 64 : 0;
    for (const Function& function : functions) {
      number(pairs, function.start - base, field());
      number(pairs, records_base + pairs_size + records.size(), field());
      number(records, function.start - base, field());
      number(records, names_base + names.size(), 4);
      names += function.name;
      names.resize((names.size() + 16) & ~std::size_t{15});
    }
    number(pairs, end - base, field());
    pairs.resize(pairs_size);
    records.resize(64);
    names.resize(names_size);
    std::string out = header(start_of_pairs() + pairs_size + 64);
    out.resize(start_of_pairs());
    return out + pairs + records + names;
  }

 private:
  [[nodiscard]] bool is_oldest() const { return magic_ == 0xfffffffb; }
  [[nodiscard]] bool is_relative() const {
    return magic_ == 0xfffffff0 || magic_ == 0xfffffff1;
  }
  [[nodiscard]] unsigned field() const { return is_relative() ? 4 : pointer_; }
  [[nodiscard]] std::uint64_t start_of_pairs() const {
    return is_oldest() ? 8 + pointer_ : 80;
  }

  static void number(std::string& into, std::uint64_t value, unsigned size) {
    into.append(raw_bytes(value).substr(0, size));
  }

  [[nodiscard]] std::string header(std::uint64_t names) const {
    std::string out(raw_bytes(magic_));
    out += std::string("\0\0\x01", 3) + static_cast<char>(pointer_);
    number(out, functions.size(), pointer_);
    if (is_oldest()) return out;
    number(out, 1, pointer_);  // files
    if (is_relative()) number(out, text, pointer_);
    number(out, names, pointer_);
    for (unsigned i = 0; i < 3; ++i) number(out, 0, pointer_);
    number(out, start_of_pairs(), pointer_);
    return out;
  }

  std::uint32_t magic_;
  unsigned pointer_;
};

struct Answer {
  Names names;
  Reason reason = Reason::none;
};

template <typename Class = Elf64>
Answer ask(const std::string& table,
           const std::vector<std::uint64_t>& addresses,
           const char* section = ".gopclntab") {
  ElfImage<Class> image(SHT_PROGBITS);
  image.add_section(section, SHT_PROGBITS, table);
  const auto file = ElfFile::open(image.fd());
  std::vector<ElfSymbol> out(addresses.size());
  Answer answer;
  answer.reason = name_go_functions(*file, addresses, out);
  for (const ElfSymbol& symbol : out) answer.names.push_back(symbol.name);
  return answer;
}

const std::vector<std::uint64_t> addresses = {0xfff,  0x1000, 0x10ff, 0x1100,
                                              0x1180, 0x1fff, 0x2000};
const Names expected = {"",          "runtime.text0",    "runtime.text0",
                        "main.main", "main.(*T).Method", "main.(*T).Method",
                        ""};

class GoVersions : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(GoVersions, AreRead) {
  const Answer wide = ask(Table(GetParam(), 8).bytes(), addresses);
  EXPECT_EQ(wide.names, expected);
  EXPECT_EQ(wide.reason, Reason::no_covering_symbol);
  EXPECT_EQ(ask<Elf32>(Table(GetParam(), 4).bytes(), addresses).names,
            expected);
  EXPECT_EQ(
      ask(Table(GetParam(), 8).bytes(), addresses, ".data.rel.ro.gopclntab")
          .names,
      expected);
  EXPECT_EQ(ask(Table(GetParam(), 8).bytes(), {0x1000}).reason, Reason::none);
}

// Whatever the length and whatever one byte says, the reader ends, and gives a
// name of the table, or of its bytes, or none (the sanitizer build watches).
TEST_P(GoVersions, SurviveEveryTruncationAndEveryBentByte) {
  const std::string good = Table(GetParam(), 8).bytes();
  const std::size_t needed = good.find_last_not_of('\0') + 1;
  for (std::size_t size = 0; size < needed; ++size) {
    const Answer answer = ask(good.substr(0, size), addresses);
    EXPECT_EQ(answer.reason, Reason::corrupt) << size;
    EXPECT_NE(answer.names, expected) << size;
  }
  unsigned unharmed = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const char bent : {'\x00', '\x7f', '\xff'}) {
      std::string bad = good;
      bad[at] = bent;
      unharmed += ask(bad, addresses).names == expected;
    }
  }
  EXPECT_GT(unharmed, 0U);
}

INSTANTIATE_TEST_SUITE_P(All, GoVersions,
                         ::testing::Values(0xfffffffb, 0xfffffffa, 0xfffffff0,
                                           0xfffffff1));

TEST(GoSymbols, WithoutATableThereAreNone) {
  EXPECT_EQ(ask(Table(0xfffffff1, 8).bytes(), {0x1000}, ".rodata").reason,
            Reason::no_symbols);
}

TEST(GoSymbols, NamedEntriesAreLeftAlone) {
  ElfImage<> image;
  image.add("c_function", 0x1110, 16);
  image.add_section(".gopclntab", SHT_PROGBITS, Table(0xfffffff1, 8).bytes());
  const auto file = ElfFile::open(image.fd());
  const std::vector<std::uint64_t> some = {0x1000, 0x1110};
  std::vector<ElfSymbol> out(2);
  (void)name_symbols(*file, some, out);
  EXPECT_EQ(name_go_functions(*file, some, out), Reason::none);
  EXPECT_EQ(out[0].name, "runtime.text0");
  EXPECT_EQ(out[1].name, "c_function");
  EXPECT_EQ(out[1].start, 0x1110U);
}

TEST(GoSymbols, ContradictionsAreCorrupt) {
  const auto reason = [](const std::function<void(Table&)>& bend) {
    Table table(0xfffffff1, 8);
    bend(table);
    return ask(table.bytes(), {0x1180, 0x1fff}).reason;
  };
  EXPECT_EQ(reason([](Table&) {}), Reason::none);
  EXPECT_EQ(reason([](Table& table) { table.functions[1].start = 0x1190; }),
            Reason::corrupt);
  EXPECT_EQ(reason([](Table& table) { table.end = 0x1100; }), Reason::corrupt);
  EXPECT_EQ(ask(Table(0xfffffff2, 8).bytes(), {0x1000}).reason,
            Reason::corrupt);
  EXPECT_EQ(ask(Table(0xfffffff1, 7).bytes(), {0x1000}).reason,
            Reason::corrupt);
  std::string many = Table(0xfffffff1, 8).bytes();
  many.replace(8, 8, raw_bytes(std::uint64_t{1} << 40));
  EXPECT_EQ(ask(many, {0x1000}).reason, Reason::corrupt);
  // A record that is another function's.
  std::string swapped = Table(0xfffffff1, 8).bytes();
  std::swap(swapped[84], swapped[92]);
  EXPECT_EQ(ask(swapped, {0x1000}).reason, Reason::corrupt);
}

// Not told where the code begins, it takes .text only if it is all Go's.
TEST(GoSymbols, AnUnknownStartOfTheCodeIsNotGuessed) {
  std::string table = Table(0xfffffff1, 8).bytes();
  table.replace(24, 8, std::string(8, '\0'));
  EXPECT_EQ(ask(table, addresses).names, expected);
  Table shorter(0xfffffff1, 8);
  shorter.end = 0x1f00;
  table = shorter.bytes();
  table.replace(24, 8, std::string(8, '\0'));
  EXPECT_EQ(ask(table, addresses).reason, Reason::corrupt);
}

TEST(GoSymbols, AMergedTableIsFoundInWhatIsGo) {
  const std::string decoy = "\xf1\xff\xff\xff" + std::string("\0\0\1\x8", 4);
  std::string data(70016, 'x');  // two chunks
  data.replace(64, decoy.size(), decoy);
  data += Table(0xfffffff1, 8).bytes();
  ElfImage<> image(SHT_PROGBITS);
  image.add_section(".data.rel.ro", SHT_PROGBITS, data);
  const std::vector<std::uint64_t> one = {0x1100};
  std::vector<ElfSymbol> out(1);
  EXPECT_EQ(name_go_functions(*ElfFile::open(image.fd()), one, out),
            Reason::no_symbols);
  image.add_section(".go.buildinfo", SHT_PROGBITS, "\xff Go buildinf:");
  EXPECT_EQ(name_go_functions(*ElfFile::open(image.fd()), one, out),
            Reason::none);
  EXPECT_EQ(out[0].name, "main.main");
}

TEST(GoSymbols, NamesHaveABound) {
  Table table(0xfffffff0, 8);
  std::string bytes = table.bytes();
  // The last name has no end.
  while (bytes.back() == '\0') bytes.pop_back();
  EXPECT_EQ(ask(bytes, {0x1180}).reason, Reason::corrupt);
  bytes.append(1U << 20, 'a').push_back('\0');
  const Answer answer = ask(bytes, {0x1180});
  EXPECT_EQ(answer.names[0].size(), std::size_t{1} << 14);
  EXPECT_EQ(answer.names[0].substr(0, 18), "main.(*T).Methodaa");
}

}  // namespace
}  // namespace sightline::symbol
