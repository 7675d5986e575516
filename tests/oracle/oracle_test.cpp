// SPDX-License-Identifier: Apache-2.0
// Each unwinder at every instruction of tests/workloads/unwind/stepped.cpp,
// against the calls that were watched: in prologues and epilogues, stubs,
// handlers of signals that come anywhere, realigned and growing frames.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <iostream>
#include <map>
#include <optional>

#include "libdw_unwinder.h"
#include "stepper.h"

namespace sightline::oracle {
namespace {

using Chain = std::vector<std::uint64_t>;
using Walk = std::function<Chain(const Place&)>;

// Where two unwinders part: the frame whose caller the one did not find.
struct Differences {
  std::uint64_t places = 0;
  std::uint64_t wrong = 0;
  std::map<std::string, std::uint64_t> at = {};
};

void compare(const Place& place, const Chain& found, const LibdwUnwinder& names,
             Differences& result) {
  Chain truth = place.truth();
  ++result.places;
  if (found == truth) return;
  ++result.wrong;
  auto [first, other] = std::ranges::mismatch(truth, found);
  auto same = static_cast<std::size_t>(first - truth.begin());
  std::uint64_t last = same == 0 ? place.registers.rip : truth[same - 1];
  std::string what = names.name(last);
  if (found.size() > truth.size() && first == truth.end())
    what += ", too long";
  else
    what += other == found.end() ? ", stopped" : ", wrong";
  ++result.at[what + (same > 1 ? ", a caller" : "")];
}

void print(const char* title, const Differences& found) {
  std::cout << title << ": " << found.places << " places, " << found.wrong
            << " differ\n";
  for (const auto& [what, count] : found.at)
    std::cout << "  " << count << " in " << what << "\n";
}

// Steps the program and compares one unwinder with the truth at each place.
Differences step(const Stepping& options, const Walk& walk = {}) {
  Differences result;
  std::optional<LibdwUnwinder> libdw;
  int status = step_program(STEPPED, options, [&](const Place& place) {
    if (!libdw) libdw.emplace(place.pid);
    compare(place, walk ? walk(place) : libdw->walk(place.pid), *libdw, result);
  });
  EXPECT_EQ(status, 0);
  return result;
}

TEST(Oracle, LibdwAtEachInstruction) {
  Differences found = step({});
  print("libdw", found);
  EXPECT_GT(found.places, 5000U);
  EXPECT_EQ(found.wrong, 0U);
}

TEST(Oracle, LibdwWithSignalsAnywhere) {
  Differences found = step({.signal = SIGUSR2, .signal_each = 97});
  print("libdw, with signals", found);
  EXPECT_GT(found.places, 5000U);
  EXPECT_EQ(found.wrong, 0U);
}

// That the oracle sees what is wrong: frame pointers, which the program has
// not.
TEST(Oracle, FramePointersAreWrong) {
  Differences found = step({}, [](const Place& place) {
    Chain chain = {place.registers.rip};
    std::uint64_t frame = place.registers.rbp;
    for (int i = 0; i < 100 && frame != 0; ++i) {
      std::uint64_t caller = read_word(place.pid, frame + 8);
      if (caller == 0) break;
      chain.push_back(caller);
      frame = read_word(place.pid, frame);
    }
    return chain;
  });
  EXPECT_GT(found.wrong, found.places / 2);
}

}  // namespace
}  // namespace sightline::oracle
