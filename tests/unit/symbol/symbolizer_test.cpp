// SPDX-License-Identifier: Apache-2.0
#include "symbol/symbolizer.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <link.h>
#include <sys/auxv.h>

#include <cinttypes>
#include <cstdio>
#include <set>

#include "symbol/elf_image.h"

namespace known {

template <typename T>
[[gnu::noinline]] T twice(T value) {
  asm volatile("" : "+r"(value));
  return value + value;
}

}  // namespace known

namespace sightline::symbol {
namespace {

// Where the kernel says that an address of ours lies in its file.
std::uint64_t file_offset_of(const void* pointer) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  std::FILE* const maps = std::fopen("/proc/self/maps", "re");
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  std::uint64_t offset = 0;
  char line[4096];
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    if (std::sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64, &low, &high,
                    &offset) == 3 &&
        address >= low && address < high) {
      break;
    }
  }
  std::fclose(maps);
  return address - low + offset;
}

Symbolizer without_kernel() {
  return Symbolizer(KernelSymbols::open("/nonexistent"));
}

TEST(Symbolizer, NamesAFunctionOfThisProgram) {
  Symbolizer symbolizer = without_kernel();
  const UniqueFd self(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const std::vector<std::uint64_t> offsets = {
      file_offset_of(reinterpret_cast<void*>(&known::twice<long>)) + 1};
  std::vector<Named> out(1);
  symbolizer.name_object(self.get(), offsets, out);
  EXPECT_EQ(out[0].name, "known::twice<long>");
  EXPECT_EQ(out[0].symbol_offset, 1U);
  EXPECT_EQ(out[0].reason, Reason::none);
  symbolizer.set_demangle(false);
  symbolizer.name_object(self.get(), offsets, out);
  EXPECT_EQ(out[0].name, "_ZN5known5twiceIlEET_S1_");
}

TEST(Symbolizer, GivesEachAddressItsReason) {
  const Symbolizer symbolizer = without_kernel();
  const std::vector<std::uint64_t> offsets = {0x3ff, 0x400, 0x410, 0x1400};
  std::vector<Named> out(offsets.size());
  testing::ElfImage<> image;
  const UniqueFd good = image.add("alpha", 0x1000, 16).fd();
  symbolizer.name_object(good.get(), offsets, out);
  EXPECT_EQ(out[1].name, "alpha");
  EXPECT_EQ(out[1].reason, Reason::none);
  for (const std::size_t i : {0, 2, 3}) {
    EXPECT_EQ(out[i].name, "");
    EXPECT_EQ(out[i].reason, Reason::no_covering_symbol);
  }
  symbolizer.name_object(-1, offsets, out);
  EXPECT_EQ(out[1].name, "");
  EXPECT_EQ(out[1].reason, Reason::file_gone);
  symbolizer.name_object(testing::memory_file("text").get(), offsets, out);
  EXPECT_EQ(out[3].reason, Reason::not_elf);
  symbolizer.name_object(good.get(), {}, {});
}

TEST(Symbolizer, NamesTheVdso) {
  void* const vdso = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
  if (vdso == nullptr || getauxval(AT_SYSINFO_EHDR) == 0) {
    GTEST_SKIP() << "this process has no vDSO";
  }
  void* const function = dlsym(vdso, "__vdso_clock_gettime");
  ASSERT_NE(function, nullptr);
  const std::vector<std::uint64_t> offsets = {
      reinterpret_cast<std::uintptr_t>(function) - getauxval(AT_SYSINFO_EHDR)};
  std::vector<Named> out(1);
  without_kernel().name_vdso(offsets, out);
  EXPECT_EQ(out[0].name, "clock_gettime");
  EXPECT_EQ(out[0].symbol_offset, 0U);
  dlclose(vdso);
}

TEST(Reason, EachHasItsOwnPhrase) {
  std::set<std::string_view> phrases;
  const auto last = static_cast<int>(Reason::guest);
  for (int i = 0; i <= last; ++i) {
    phrases.insert(text(static_cast<Reason>(i)));
  }
  EXPECT_EQ(phrases.size(), static_cast<std::size_t>(last) + 1);
  EXPECT_EQ(text(Reason::none), "");
  EXPECT_EQ(phrases.count("unknown"), 0U);
}

TEST(ReasonText, LeadsBackToItsReason) {
  for (unsigned i = 0; i <= static_cast<unsigned>(Reason::unwind_info_large);
       ++i) {
    auto reason = static_cast<Reason>(i);
    EXPECT_EQ(reason_of(text(reason)), reason) << text(reason);
  }
  EXPECT_EQ(reason_of("no such reason"), std::nullopt);
}

}  // namespace
}  // namespace sightline::symbol
