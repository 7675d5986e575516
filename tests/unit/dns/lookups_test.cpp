// SPDX-License-Identifier: Apache-2.0
#include "dns/lookups.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>

#include "dns/uretprobe.h"
#include "getaddrinfo.h"

namespace sightline::dns {
namespace {

lookup_record record_of(const std::string& name) {
  lookup_record record{};
  record.header = {
      .time_ns = 5, .tid = 8, .type = LOOKUP_DONE, .more = 0, .rest = 0};
  record.pid = 7;
  record.uid = 1000;
  record.cgroup = 99;
  record.count = 2;
  std::memcpy(record.name, name.data(),
              std::min(name.size(), sizeof(record.name)));
  std::array addresses{*parse_address("10.1.2.3"), *parse_address("2001::1")};
  std::memcpy(record.addresses, addresses.data(), sizeof(addresses));
  return record;
}

constexpr std::size_t fixed_part = offsetof(lookup_record, addresses);

std::span<const std::byte> sent(const lookup_record& record,
                                std::size_t addresses = 2) {
  return std::as_bytes(std::span(&record, 1))
      .first(fixed_part + addresses * sizeof(lookup_address));
}

TEST(DecodeLookup, TellsWhoAskedForWhatAndGotWhat) {
  auto lookup = decode_lookup(sent(record_of("db.example")));
  ASSERT_TRUE(lookup);
  EXPECT_EQ(lookup->time_ns, 5U);
  EXPECT_EQ(lookup->who.pid, 7U);
  EXPECT_EQ(lookup->who.uid, 1000U);
  EXPECT_EQ(lookup->who.cgroup, 99U);
  EXPECT_EQ(lookup->name, "db.example");
  EXPECT_EQ(lookup->addresses, (std::vector{*parse_address("10.1.2.3"),
                                            *parse_address("2001::1")}));
}

TEST(DecodeLookup, WhatIsNoNameIsLeftOut) {
  for (const auto* name :
       {"", "10.1.2.3", "::1", "127.1", "0x7f000001", "fe80::1%lo",
        "db [refused]", "db\n", "a\x1b[31m", "a:80"}) {
    EXPECT_FALSE(decode_lookup(sent(record_of(name)))) << name;
  }
}

TEST(DecodeLookup, ANameIsAsLongAsItMayBe) {
  auto size = [](std::size_t length) {
    auto lookup = decode_lookup(sent(record_of(std::string(length, 'a'))));
    return lookup ? lookup->name.size() : 0;
  };
  EXPECT_EQ(size(253), 253U);
  EXPECT_EQ(size(254), 0U);
  EXPECT_EQ(size(4096), 0U);  // one without an end
}

TEST(DecodeLookup, RecordsThatAreCutOrLieAreNone) {
  auto record = record_of("db");
  auto whole = sent(record);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_lookup(whole.first(size))) << size;
  }
  record.count = LOOKUP_MOST_ADDRESSES + 1;
  EXPECT_FALSE(decode_lookup(std::as_bytes(std::span(&record, 1))));
  record.count = 2;
  record.header.type = 9;
  EXPECT_FALSE(decode_lookup(sent(record)));
}

TEST(MayBeCLibrary, GoesByTheName) {
  for (const auto* path :
       {"/lib/x86_64-linux-gnu/libc.so.6", "/lib/libc-2.31.so",
        "/lib/ld-musl-x86_64.so.1", "libc.so", "/lib/libc.musl-x86_64.so.1",
        "/usr/lib/libc.so.6 (deleted)"}) {
    EXPECT_TRUE(may_be_c_library(path)) << path;
  }
  for (const auto* path : {"", "/", "/lib/libcrypto.so.3", "/lib/libc++.so.1",
                           "/libc.so.6/x", "/usr/bin/libc", "[vdso]"}) {
    EXPECT_FALSE(may_be_c_library(path)) << path;
  }
}

struct Place {
  std::uint64_t inode = 0;
  std::uint64_t offset = 0;

  bool operator==(const Place&) const = default;
};

// Where the C library that we run with has it, as the linker says.
Place own_getaddrinfo() {
  auto* library = ::dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
  auto address =
      reinterpret_cast<std::uint64_t>(::dlsym(library, "getaddrinfo"));
  auto lines = process::read_maps(static_cast<std::uint32_t>(::getpid()));
  for (const auto& line : lines.value()) {
    if (line.start <= address && address < line.end) {
      return {line.file.inode, address - line.start + line.file_offset};
    }
  }
  return {};
}

Place place_of(const Library& library) {
  struct stat info{};
  ::fstat(library.fd.get(), &info);
  return {info.st_ino, library.getaddrinfo};
}

TEST(Libraries, FindsOursOnceAndWhereItsFunctionIs) {
  Libraries libraries;
  auto own = own_getaddrinfo();
  ASSERT_NE(own, Place());
  EXPECT_EQ(std::ranges::count(libraries.find_new().value(), own, place_of), 1);
  EXPECT_EQ(std::ranges::count(libraries.find_new().value(), own, place_of), 0);
}

int returns() { return 0; }
int crashes() { return ::raise(SIGSEGV); }
int returns_nonsense() { return 7; }

TEST(SurvivesRefusal, TellsACrashFromAReturn) {
  EXPECT_TRUE(survives_refusal(returns).value());
  EXPECT_FALSE(survives_refusal(crashes).value());
  EXPECT_FALSE(survives_refusal(returns_nonsense).value());
}

}  // namespace
}  // namespace sightline::dns
