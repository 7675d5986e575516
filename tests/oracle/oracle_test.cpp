// SPDX-License-Identifier: Apache-2.0
// Each unwinder at every instruction of tests/workloads/unwind/stepped.cpp,
// against the calls that were watched: in prologues and epilogues, stubs,
// handlers of signals that come anywhere, realigned and growing frames.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <map>
#include <optional>
#include <string_view>

#include "full_unwinder.h"
#include "libdw_unwinder.h"
#include "rows_unwinder.h"
#include "stepper.h"

namespace sightline::oracle {
namespace {

using Chain = std::vector<std::uint64_t>;
using Names = std::vector<std::string>;
using Walk = std::function<Chain(const Place&, const LibdwUnwinder&)>;

// Places where an unwinder may differ, and why.
struct Exception {
  const char* what;
  bool (*covers)(const Names& innermost_first, std::size_t parts_at);
  bool is_rare = true;
};

bool has(const Names& chain, std::string_view part) {
  return std::ranges::any_of(chain, [&](const std::string& name) {
    return name.find(part) != std::string::npos;
  });
}

// The outermost frame of the dynamic linker, called from elsewhere.
bool ends_at_resolver(const Names& chain, std::size_t parts_at) {
  return parts_at >= 2 && parts_at < chain.size() &&
         chain[parts_at - 1].starts_with("ld-linux") &&
         !chain[parts_at].starts_with("ld-linux");
}

// The C library has no name for it. Once it has changed the stack pointer, who
// called it is gone.
bool ends_at_longjmp(const Names& chain, std::size_t parts_at) {
  return parts_at >= 1 && parts_at < chain.size() &&
         chain[parts_at - 1].starts_with("libc.so") &&
         (has(chain, "never_returns") ||
          chain[parts_at].find("everything") != std::string::npos);
}

constexpr Exception of_everyone[] = {
    {"a handler of an exception is being installed: the frames of the unwinder "
     "are written over with what the handler's is to find",
     [](const Names& chain, std::size_t) {
       return has(chain, "_Unwind_RaiseException") ||
              has(chain, "_Unwind_Resume");
     }},
    {"longjmp: its call frame information is about where it leads to",
     ends_at_longjmp}};

// Of libdw alone (elfutils 0.188).
constexpr Exception of_libdw = {
    "a stub's resolver keeps its CFA in rbx, which libdw has lost when the "
    "function that it calls begins",
    ends_at_resolver};

// Of rows, which follow no register but the stack and the frame pointer.
constexpr Exception of_rows = {
    "a stub's resolver keeps its CFA in rbx while it looks the symbol up: told "
    "as unsupported",
    ends_at_resolver, false};

struct Differences {
  std::uint64_t places = 0;
  std::uint64_t rare = 0;  // of those that are explained
  std::map<std::string, std::uint64_t> explained = {};
  std::map<std::string, std::uint64_t> unexplained = {};
};

using Exceptions = std::vector<Exception>;

// What a person needs to look into it.
std::string describe(const Names& chain, std::size_t parts_at, bool stopped) {
  std::size_t last = parts_at == 0 ? 0 : parts_at - 1;
  return fmt::format("{} {}{}", stopped ? "stopped at" : "wrong caller of",
                     chain[last],
                     last == 0 ? "" : ", which was calling " + chain[0]);
}

void compare(const Chain& truth, const Chain& found, const LibdwUnwinder& libdw,
             const Exceptions& exceptions, Differences& result) {
  ++result.places;
  if (found == truth) return;
  auto [here, there] = std::ranges::mismatch(truth, found);
  auto parts_at = static_cast<std::size_t>(here - truth.begin());
  Names chain;
  // Behind a call that does not return may lie another function.
  for (std::uint64_t address : truth) {
    chain.push_back(libdw.name(address - (chain.empty() ? 0 : 1)));
  }
  auto why = std::ranges::find_if(exceptions, [&](const Exception& exception) {
    return exception.covers(chain, parts_at);
  });
  if (why != exceptions.end()) {
    ++result.explained[why->what];
    result.rare += why->is_rare ? 1 : 0;
    return;
  }
  ++result.unexplained[describe(chain, parts_at, there == found.end())];
}

void print(const char* title, const Differences& found) {
  fmt::print("{}: {} places\n", title, found.places);
  for (const auto& [why, count] : found.explained)
    fmt::print("  {} differ: {}\n", count, why);
  for (const auto& [what, count] : found.unexplained)
    fmt::print("  {} unexplained: {}\n", count, what);
}

// Steps the program and compares one unwinder with the truth at each place.
// `interrupted` as in Place::truth().
Differences step(const Stepping& options, const Walk& walk,
                 std::uint64_t interrupted, const Exceptions& exceptions) {
  Differences result;
  std::optional<LibdwUnwinder> libdw;
  int status = step_program(STEPPED, options, [&](const Place& place) {
    if (!libdw) libdw.emplace(place.pid);
    compare(place.truth(interrupted), walk(place, *libdw), *libdw, exceptions,
            result);
  });
  EXPECT_EQ(status, 0);
  return result;
}

void expect_agreement(const char* title, const Differences& found) {
  print(title, found);
  EXPECT_GT(found.places, 5000U);
  EXPECT_TRUE(found.unexplained.empty());
  EXPECT_LT(found.rare, found.places / 100);
}

constexpr Stepping without_signals = {};
constexpr Stepping with_signals = {.signal = SIGUSR2, .signal_each = 97};

Chain walk_by_libdw(const Place& place, const LibdwUnwinder& libdw) {
  return libdw.walk(place.pid);
}

class Oracle : public ::testing::TestWithParam<Stepping> {};
INSTANTIATE_TEST_SUITE_P(AtEachInstruction, Oracle,
                         ::testing::Values(without_signals, with_signals),
                         [](const auto& test) {
                           return test.param.signal == 0
                                      ? "Alone"
                                      : "WithSignalsAnywhere";
                         });

TEST_P(Oracle, Libdw) {
  Exceptions exceptions(std::begin(of_everyone), std::end(of_everyone));
  exceptions.push_back(of_libdw);
  expect_agreement("libdw", step(GetParam(), walk_by_libdw, 0, exceptions));
}

TEST_P(Oracle, FullWalk) {
  std::optional<FullUnwinder> ours;
  auto walk = [&](const Place& place, const LibdwUnwinder&) {
    if (!ours) ours.emplace(place.pid);
    return ours->walk(place.registers);
  };
  expect_agreement("full walk", step(GetParam(), walk, 1,
                                     Exceptions(std::begin(of_everyone),
                                                std::end(of_everyone))));
}

TEST_P(Oracle, Rows) {
  auto ours = RowsUnwinder::open();
  if (!ours && errno == EPERM) GTEST_SKIP() << "bpf() is not permitted";
  ASSERT_TRUE(ours);
  auto walk = [&](const Place& place, const LibdwUnwinder&) {
    return ours->walk(place.pid);
  };
  // First, for the resolver also runs while a handler is installed.
  Exceptions exceptions = {of_rows};
  exceptions.insert(exceptions.end(), std::begin(of_everyone),
                    std::end(of_everyone));
  expect_agreement("rows", step(GetParam(), walk, 1, exceptions));
}

// That the oracle sees what is wrong: frame pointers, which the program has
// not.
TEST(OracleItself, SeesThatFramePointersAreWrong) {
  auto walk = [](const Place& place, const LibdwUnwinder&) {
    Chain chain = {place.registers.rip};
    std::uint64_t frame = place.registers.rbp, caller = 0;
    while (chain.size() < 100 && read_word(place.pid, frame + 8, caller) &&
           caller != 0 && read_word(place.pid, frame, frame))
      chain.push_back(caller);
    return chain;
  };
  Differences found = step(without_signals, walk, 0, {});
  std::uint64_t wrong = 0;
  for (const auto& [what, count] : found.unexplained) wrong += count;
  EXPECT_GT(wrong, found.places / 2);
}

}  // namespace
}  // namespace sightline::oracle
