// SPDX-License-Identifier: Apache-2.0
#include "symbol/kernel_symbols.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "symbol/symbolizer.h"

namespace sightline::symbol {
namespace {

// A list in a file of its own, which the test may change.
class KernelSymbolsTest : public ::testing::Test {
 protected:
  ~KernelSymbolsTest() override { std::filesystem::remove(path_); }

  KernelSymbols list(std::string_view text) {
    write(text);
    return KernelSymbols::open(path_);
  }
  void write(std::string_view text) {
    std::ofstream(path_, std::ios::trunc) << text;
  }
  static std::string found(KernelSymbols& symbols, std::uint64_t address) {
    const KernelSymbol symbol = symbols.find(address);
    if (symbol.reason != Reason::none) return std::string(text(symbol.reason));
    std::string shown =
        std::string(symbol.name) + "+" + std::to_string(symbol.offset);
    if (!symbol.module.empty()) shown += "[" + std::string(symbol.module) + "]";
    return shown;
  }

 private:
  std::string path_ = std::filesystem::temp_directory_path() /
                      ("sightline-kallsyms-" + std::to_string(getpid()));
};

constexpr std::string_view small_kernel =
    "0000000000000000 A fixed_percpu_data\n"
    "ffffffff81000000 T _stext\n"
    "ffffffff81000000 T startup_64\n"
    "ffffffff81000100 t local_function\n"
    "ffffffff81000200 W __weak_alias\n"
    "ffffffff81000200 T strong\n"
    "ffffffff81000300 T _etext\n"
    "ffffffff82000000 D some_data\n"
    "ffffffff83000000 T _sinittext\n"
    "ffffffff83000010 t init_function\n"
    "ffffffff83000100 D more_data\n"
    "ffffffff83000200 D even_more_data\n"
    "ffffffffc0002000 t xfs_last\t[xfs]\n"
    "ffffffffc0001000 t xfs_first\t[xfs]\n"
    "ffffffffc0100000 t bpf_prog_6deef7357e7b4530_trace\t[bpf]\n"
    "ffffffffc0100040 t bpf_prog_0123456789abcdef_other\t[bpf]\n";

TEST_F(KernelSymbolsTest, NamesWhatASymbolCovers) {
  KernelSymbols symbols = list(small_kernel);
  EXPECT_EQ(found(symbols, 0xffffffff810000ff), "startup_64+255");
  EXPECT_EQ(found(symbols, 0xffffffff81000100), "local_function+0");
  EXPECT_EQ(found(symbols, 0xffffffff81000201), "strong+1");
  EXPECT_EQ(found(symbols, 0xffffffffc0001fff), "xfs_first+4095[xfs]");
  EXPECT_EQ(found(symbols, 0xffffffffc0100008),
            "bpf_prog_6deef7357e7b4530_trace+8[bpf]");
}

TEST_F(KernelSymbolsTest, DoesNotNameWhatLiesBehindTheLastSymbol) {
  KernelSymbols symbols = list(small_kernel);
  for (const std::uint64_t address :
       {0x0ULL, 0xffffffff80ffffffULL, 0xffffffff81000300ULL,
        0xffffffff82000010ULL, 0xffffffff83000100ULL, 0xffffffff83000300ULL,
        0xffffffffc0012000ULL, 0xffffffffc0110040ULL, ~0ULL}) {
    EXPECT_EQ(found(symbols, address), "no covering symbol")
        << std::hex << address;
  }
  EXPECT_EQ(found(symbols, 0xffffffffc0011fff), "xfs_last+65535[xfs]");
}

TEST_F(KernelSymbolsTest, HiddenAddressesSaySo) {
  KernelSymbols symbols =
      list("0000000000000000 T _stext\n0000000000000000 t x\t[xfs]\n");
  EXPECT_EQ(symbols.find(0xffffffff81000000).reason, Reason::kernel_hidden);
  EXPECT_EQ(symbols.size(), 0U);
}

TEST_F(KernelSymbolsTest, AMissingListIsAReason) {
  KernelSymbols symbols = KernelSymbols::open("/nonexistent/kallsyms");
  EXPECT_EQ(symbols.find(0xffffffff81000000).reason, Reason::no_symbols);
}

TEST_F(KernelSymbolsTest, ReadsAgainWhenAnAddressIsUnknownButNotTooOften) {
  KernelSymbols symbols = list(small_kernel);
  const std::uint64_t address = 0xffffffffc0200000;
  EXPECT_EQ(found(symbols, address), "no covering symbol");
  write(std::string(small_kernel) + "ffffffffc0200000 t new_function\t[new]\n");
  symbols.set_reload_after(~0ULL);
  EXPECT_EQ(found(symbols, address), "no covering symbol");
  symbols.set_reload_after(0);
  EXPECT_EQ(found(symbols, address), "new_function+0[new]");
}

TEST_F(KernelSymbolsTest, PassesOverLinesThatAreNoSymbols) {
  KernelSymbols symbols = list(
      "\n \nffffffff81000000\nffffffff81000000 T\nffffffff81000000 T \n"
      "xyz T name\nffffffff81000000T name\n"
      "ffffffff81000000 t no_end\t[xfs\nffffffff81000000 t empty\t[]\n" +
      std::string(300000, 'f') + " T long\n" + "ffffffff81000010 T " +
      std::string(200000, 'n') + "\n" +
      "ffffffff81000020 T good\nffffffff81000040 T unfinished");
  EXPECT_EQ(found(symbols, 0xffffffff81000008), "no covering symbol");
  EXPECT_EQ(found(symbols, 0xffffffff81000048), "good+40");
  EXPECT_LE(symbols.size(), 2U);
}

TEST_F(KernelSymbolsTest, HoldsAsMuchAsABigKernelOverManyReads) {
  std::string text;
  for (unsigned i = 0; i < 300000; ++i) {
    char line[64];
    const int size = std::snprintf(line, sizeof line, "%016llx t function_%u\n",
                                   0xffffffff81000000ULL + i * 16ULL, i);
    text.append(line, static_cast<std::size_t>(size));
  }
  KernelSymbols symbols = list(text);
  EXPECT_EQ(found(symbols, 0xffffffff81000000), "function_0+0");
  EXPECT_EQ(found(symbols, 0xffffffff81000000 + 123456 * 16 + 3),
            "function_123456+3");
  EXPECT_EQ(symbols.size(), 300000U);
}

// The kernel that runs here, against its own list read the simple way.
TEST(KernelSymbolsHere, NamesTheStartOfEachFunction) {
  std::ifstream list("/proc/kallsyms");
  std::string address_text;
  std::string type;
  std::string rest;
  std::vector<std::uint64_t> addresses;
  std::vector<std::string> names;
  while (list >> address_text >> type && std::getline(list, rest)) {
    const std::uint64_t address = std::stoull(address_text, nullptr, 16);
    if (address == 0) GTEST_SKIP() << "kernel addresses are hidden";
    if (type != "T" || rest.find('[') != std::string::npos) continue;
    if (!addresses.empty() && addresses.back() >= address) continue;
    addresses.push_back(address);
    names.push_back(rest.substr(1));
  }
  if (addresses.empty()) GTEST_SKIP() << "no /proc/kallsyms";
  Symbolizer symbolizer(KernelSymbols::open());
  symbolizer.set_demangle(false);
  std::vector<Named> out(addresses.size());
  symbolizer.name_kernel(addresses, out);
  std::size_t aliases = 0;
  std::size_t unnamed = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    EXPECT_EQ(out[i].symbol_offset, 0U);
    unnamed += out[i].name.empty();
    aliases += out[i].name != names[i];
  }
  // Marks of the linker, and the second of two names.
  EXPECT_LE(unnamed, 4U);
  EXPECT_LT(aliases, addresses.size() / 20);
}

}  // namespace
}  // namespace sightline::symbol
