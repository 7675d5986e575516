// SPDX-License-Identifier: Apache-2.0
#include "symbol/demangle.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <functional>
#include <string>
#include <vector>

#include "base/text.h"

namespace sightline::symbol {
namespace {

TEST(Demangle, LeavesOtherNamesAlone) {
  EXPECT_EQ(demangle(""), "");
  EXPECT_EQ(demangle("main"), "main");
  EXPECT_EQ(demangle("_Zebra"), "_Zebra");
  EXPECT_EQ(demangle("_R"), "_R");
  EXPECT_EQ(demangle("parse.isra.0"), "parse.isra.0");
  EXPECT_EQ(demangle("@"), "@");
  EXPECT_EQ(demangle("memcpy@@GLIBC_2.14"), "memcpy");
}

TEST(Demangle, ShowsCxxWithTemplateArgumentsAndWithoutParameters) {
  EXPECT_EQ(demangle("_ZN4llvm7APFloat3addERKS0_NS_12RoundingModeE"),
            "llvm::APFloat::add");
  EXPECT_EQ(demangle("_ZNSt6vectorIiSaIiEE9push_backERKi"),
            "std::vector<int, std::allocator<int> >::push_back");
  EXPECT_EQ(demangle("_ZZ4mainENKUlvE_clEv"), "main::{lambda()#1}::operator()");
  EXPECT_EQ(demangle("_ZN12_GLOBAL__N_13fooEv"), "(anonymous namespace)::foo");
}

TEST(Demangle, KeepsTheSuffixOfAClone) {
  EXPECT_EQ(demangle("_Z5parseIiEvT_.isra.0"), "parse<int>.isra.0");
  EXPECT_EQ(demangle("_Z5parseIiEvT_.constprop.0.isra.1"),
            "parse<int>.constprop.0.isra.1");
  EXPECT_EQ(demangle("_Z3foov.cold"), "foo.cold");
  EXPECT_EQ(demangle("_Z3foov.llvm.1234567890"), "foo");
}

TEST(Demangle, ShowsRustWithoutTheHash) {
  EXPECT_EQ(demangle("_ZN4core3fmt5write17h0123456789abcdefE"),
            "core::fmt::write");
  EXPECT_EQ(demangle("_ZN4core3fmt5write17h0123456789abcdefE.llvm.123"),
            "core::fmt::write");
  EXPECT_EQ(demangle("_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo.."
                     "Bar$LT$Test$GT$$GT$3bar17h930b740aa94f1d3aE.cold"),
            "<Test + 'static as foo::Bar<Test>>::bar.cold");
  EXPECT_EQ(demangle("_RNvC6_123foo3bar"), "123foo::bar");
  EXPECT_EQ(demangle("_RNvNtCs1234_7mycrate3foo3bar"), "mycrate::foo::bar");
}

TEST(Demangle, ShowsNamesLongerThanLibibertysOwnLimit) {
  std::string mangled = "_ZN";
  std::string expected;
  for (int i = 0; i < 150; ++i) {
    mangled += "10abcdefghij";
    expected += "abcdefghij::";
  }
  EXPECT_EQ(demangle(mangled + "1fEv"), expected + "f");
}

// Runs on a stack as small as the header promises to need.
void on_small_stack(std::function<void()> body) {
  pthread_attr_t attributes;
  pthread_t thread{};
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, 4U << 20), 0);
  const auto start = [](void* opaque) -> void* {
    (*static_cast<std::function<void()>*>(opaque))();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, start, &body), 0);
  EXPECT_EQ(pthread_join(thread, nullptr), 0);
  pthread_attr_destroy(&attributes);
}

std::string repeat(std::string_view text, std::size_t times) {
  std::string all;
  while (times-- > 0) all += text;
  return all;
}

TEST(Demangle, HostileNamesEndWithinTheirBounds) {
  std::vector<std::string> names = {
      std::string(1U << 20, '_'),
      "_Z" + std::string(1U << 20, 'N'),
      "_Z99999999999999999999f",
      "_RNvC99999999999999999999f",
  };
  for (const char* piece :
       {"P",      "N",   "I",    "J",   "X",     "F",    "St",   "Z",
        "L",      "1aI", "DpT_", "T_I", "cvT_I", "nx",   "1aIN", "Dt",
        "XadL_Z", "NK",  "ZN",   "M",   "A_",    "UlvE_"}) {
    for (const char* head : {"_Z1f", "_ZN", "_Z", "_ZTI", "_ZZ"}) {
      for (const std::size_t size : {1000U, 4000U, 8000U}) {
        const std::string_view part(piece);
        names.push_back(head + repeat(part, size / part.size()));
        names.push_back(names.back() + "iE");
      }
    }
  }
  for (const char* piece : {"I", "N", "NvB_", "TB_", "YB_", "RB_", "FK"}) {
    names.push_back("_R" + repeat(piece, 8000 / std::string(piece).size()));
  }
  on_small_stack([&names] {
    for (const std::string& name : names) {
      const std::string shown = demangle(name);
      EXPECT_TRUE(shown == name || shown.size() < 20000) << name.substr(0, 20);
    }
  });
}

TEST(Demangle, RustDoesNotCountLifetimesWithoutEnd) {
  for (const std::string name :
       {"_RYFFFFFFGooooooooo_", "_RYRFFFFFFFFFGFFFFFF_", "_RYDGzzzzzzzzz_"}) {
    EXPECT_EQ(demangle(name), name);
  }
  EXPECT_EQ(demangle("_RINvC1a1bFG_RL0_hEuE"), "a::b::<for<'a> fn(&'a u8)>");
}

TEST(Demangle, WhatExpandsWithoutEndIsCut) {
  // f<a<int, int>, a<X, X>, ...>, where each X is the whole type before it:
  // in full, the last one is half a million times as long as the first.
  std::string name = "_Z1fI1aIiiE";
  for (const char digit : std::string_view("123456789ABCDEFGHIJ")) {
    const std::string last = std::string("S") + digit + "_";
    name += "S0_I" + last + last + "E";
  }
  const std::string shown = demangle(name + "Evv");
  EXPECT_TRUE(shown.starts_with("f<a<int, int>, a<a<int, int>, a<int, int> >"));
  EXPECT_TRUE(shown.ends_with("…"));
  EXPECT_LE(shown.size(), 4200U);
  EXPECT_TRUE(is_utf8(shown));
}

}  // namespace
}  // namespace sightline::symbol
