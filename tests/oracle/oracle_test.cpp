// SPDX-License-Identifier: Apache-2.0
// Each unwinder at every instruction of tests/workloads/unwind/stepped.cpp,
// against the calls that were watched: in prologues and epilogues, stubs,
// handlers of signals that come anywhere, realigned and growing frames.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <functional>
#include <map>
#include <optional>
#include <ranges>
#include <span>
#include <string_view>

#include "full_unwinder.h"
#include "libdw_unwinder.h"
#include "rows_unwinder.h"
#include "stepper.h"

namespace sightline::oracle {
namespace {

// Sanitizers make everything 30 times as slow: there every so many places have
// to do.
#if defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t each_place = 29;
#else
constexpr std::uint64_t each_place = 1;
#endif

using Chain = std::vector<std::uint64_t>;
using Names = std::vector<std::string>;
using Walk = std::function<Chain(const Place&, const LibdwUnwinder&)>;

// Places where an unwinder may differ, and why. The frame before `parts_at` is
// the last that it has right; both have the first one. `stopped`: it has none
// behind that, and no wrong one.
struct Exception {
  const char* what;
  bool (*covers)(const Names& innermost_first, std::size_t parts_at,
                 bool stopped);
  bool is_rare = true;
};

bool has(const Names& chain, std::string_view part) {
  return std::ranges::any_of(
      chain, [&](const std::string& name) { return name.contains(part); });
}

constexpr Exception of_everyone[] = {
    {"a handler of an exception is being installed: the frames of the unwinder "
     "are written over with what the handler's is to find",
     [](const Names& chain, std::size_t, bool) {
       return has(chain, "_Unwind_RaiseException") ||
              has(chain, "_Unwind_Resume");
     }},
    {"longjmp: its call frame information is about where it leads to",
     [](const Names& chain, std::size_t parts_at, bool) {
       return parts_at == 1 && has(chain, "never_returns");
     }},
    {"longjmp has the stack pointer of where it leads to, and has not jumped",
     [](const Names& chain, std::size_t parts_at, bool) {
       return parts_at < chain.size() &&
              chain[parts_at - 1].starts_with("libc.so") &&
              chain[parts_at].contains("everything");
     }}};

// Of libdw alone (elfutils 0.188).
constexpr Exception of_libdw = {
    "a stub's resolver keeps its CFA in rbx, which libdw has lost when the "
    "function that it calls begins",
    [](const Names& chain, std::size_t parts_at, bool) {
      return chain[parts_at - 1].starts_with("ld-linux");
    }};

// Of rows, which follow no register but the stack and the frame pointer.
constexpr Exception of_rows[] = {
    {"a stub's resolver keeps its CFA in rbx while it looks the symbol up: "
     "told as unsupported",
     [](const Names& chain, std::size_t parts_at, bool stopped) {
       return stopped && parts_at >= 2 && parts_at < chain.size() &&
              chain[parts_at - 1].starts_with("ld-linux") &&
              !chain[parts_at].starts_with("ld-linux");
     },
     false},
    {"longjmp, after it has changed the stack pointer: no rule says that that "
     "lies in a register",
     [](const Names& chain, std::size_t parts_at, bool) {
       return parts_at >= 1 && parts_at < chain.size() &&
              chain[parts_at - 1].starts_with("libc.so") &&
              chain[parts_at].find("jumps") != Names::value_type::npos;
     }}};

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

// One of those that are judged.
struct Unwinder {
  const char* title;
  Walk walk;
  std::uint64_t interrupted;  // as in Place::truth()
  Exceptions exceptions;
  Differences found = {};
};

void compare(const Place& place, const LibdwUnwinder& libdw,
             Unwinder& unwinder) {
  Chain truth = place.truth(unwinder.interrupted);
  Chain found = unwinder.walk(place, libdw);
  ++unwinder.found.places;
  if (found == truth) return;
  auto [here, there] = std::ranges::mismatch(truth, found);
  auto parts_at = static_cast<std::size_t>(here - truth.begin());
  Names chain;
  for (std::uint64_t address : truth)
    chain.push_back(libdw.name(chain.empty() ? address : address - 1));
  const bool stopped = there == found.end();
  auto covers = [&](const Exception& exception) {
    return exception.covers(chain, parts_at, stopped);
  };
  auto why = std::ranges::find_if(unwinder.exceptions, covers);
  if (why != unwinder.exceptions.end()) {
    ++unwinder.found.explained[why->what];
    unwinder.found.rare += why->is_rare ? 1 : 0;
    return;
  }
  ++unwinder.found.unexplained[describe(chain, parts_at, stopped)];
}

std::uint64_t sum(const std::map<std::string, std::uint64_t>& counts) {
  std::uint64_t sum = 0;
  for (const auto& [what, count] : counts) sum += count;
  return sum;
}

void print(const Unwinder& unwinder) {
  constexpr std::size_t most_lines = 20;
  const Differences& found = unwinder.found;
  fmt::print("{}: {} places, {} explained, {} not\n", unwinder.title,
             found.places, sum(found.explained), sum(found.unexplained));
  for (const auto& [why, count] : found.explained)
    fmt::print("  {} differ: {}\n", count, why);
  for (const auto& [what, count] :
       found.unexplained | std::views::take(most_lines))
    fmt::print("  {} unexplained: {}\n", count, what);
}

void expect_agreement(const Unwinder& unwinder) {
  const Differences& found = unwinder.found;
  EXPECT_GT(found.places, 5000U / each_place) << unwinder.title;
  EXPECT_EQ(sum(found.unexplained), 0U) << unwinder.title;
  EXPECT_LT(found.rare, found.places / 100) << unwinder.title;
}

Chain walk_by_libdw(const Place& place, const LibdwUnwinder& libdw) {
  return libdw.walk(place.pid);
}

// Frame pointers, which the program has not.
Chain walk_by_frame_pointers(const Place& place, const LibdwUnwinder&) {
  Chain chain = {place.registers.rip};
  std::uint64_t frame = place.registers.rbp, caller = 0;
  while (chain.size() < 100 && read_word(place.pid, frame + 8, caller) &&
         caller != 0 && read_word(place.pid, frame, frame))
    chain.push_back(caller);
  return chain;
}

class Oracle : public ::testing::TestWithParam<Stepping> {
 protected:
  // Steps the program once, and asks each unwinder at each place.
  void step(std::span<Unwinder> unwinders) {
    std::optional<LibdwUnwinder> libdw;
    std::uint64_t places = 0;
    int status = step_program(STEPPED, GetParam(), [&](const Place& place) {
      if (!libdw) libdw.emplace(place.pid);
      if (places++ % each_place != 0) return;
      for (Unwinder& unwinder : unwinders) compare(place, *libdw, unwinder);
    });
    EXPECT_EQ(status, 0);
    for (const Unwinder& unwinder : unwinders) print(unwinder);
  }
};

INSTANTIATE_TEST_SUITE_P(
    AtEachInstruction, Oracle,
    ::testing::Values(Stepping{},
                      Stepping{.signal = SIGUSR2, .signal_each = 97}),
    [](const auto& test) {
      return test.param.signal == 0 ? "Alone" : "WithSignalsAnywhere";
    });

TEST_P(Oracle, WalksAreWhatWasCalled) {
  Exceptions ours(std::begin(of_everyone), std::end(of_everyone));
  Exceptions theirs = ours;
  theirs.push_back(of_libdw);
  // First, for the resolver also runs while a handler is installed.
  Exceptions of_rows_too(std::begin(of_rows), std::end(of_rows));
  of_rows_too.insert(of_rows_too.end(), ours.begin(), ours.end());
  std::optional<FullUnwinder> full;
  auto rows = RowsUnwinder::open();
  if (!rows && errno == EPERM) GTEST_SKIP() << "bpf() is not permitted";
  ASSERT_TRUE(rows);
  Unwinder unwinders[] = {{"libdw", walk_by_libdw, 0, theirs},
                          {"full walk",
                           [&](const Place& place, const LibdwUnwinder&) {
                             if (!full) full.emplace(place.pid);
                             return full->walk(place.registers);
                           },
                           1, ours},
                          {"rows",
                           [&](const Place& place, const LibdwUnwinder&) {
                             return rows->walk(place.pid);
                           },
                           1, of_rows_too},
                          {"frame pointers", walk_by_frame_pointers, 0, {}}};
  step(unwinders);
  expect_agreement(unwinders[0]);
  expect_agreement(unwinders[1]);
  expect_agreement(unwinders[2]);
  // That the oracle sees what is wrong.
  EXPECT_GT(sum(unwinders[3].found.unexplained), unwinders[3].found.places / 2);
}

}  // namespace
}  // namespace sightline::oracle
