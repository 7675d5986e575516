// SPDX-License-Identifier: Apache-2.0
// Frames that are several functions: this program's own inlined calls, through
// naming, ranking and folding.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "output/pprof_reader.h"
#include "process/proc.h"
#include "stack/fold.h"
#include "stack/names.h"
#include "stack/pprof_frames.h"
#include "stack/profile.h"
#include "stack/rank.h"

// NOLINTBEGIN: their lines are counted below.
constexpr int inner_line = __LINE__ + 2;
extern "C" [[gnu::always_inline]] inline int stack_test_inner(int x) {
  for (int i = 0; i < 9; ++i) x = x * x + (x >> i);
  for (int i = 0; i < 7; ++i) x = (x ^ i) * x;
  return x;
}
constexpr int outer_line = __LINE__ + 2;
extern "C" [[gnu::noinline]] int stack_test_outer(int x) {
  return stack_test_inner(x) + 1;
}
// NOLINTEND

namespace sightline::stack {
namespace {

class Inline : public testing::Test {
 protected:
  explicit Inline(const symbol::SourceWanted& wanted = {.inlines = true,
                                                        .lines = true})
      : names_(symbol::Symbolizer(
                   symbol::KernelSymbols::open("/nonexistent/kallsyms")),
               objects_) {
    names_.use_source({.wanted = wanted,
                       .progress = [this](std::string_view object, auto, auto) {
                         read_.emplace_back(object);
                       }});
    for (unsigned i = 0; i < 400; ++i) frames_.push_back(frame_at(i));
    names_.resolve(profile_.frames());
  }

  FrameId frame_at(unsigned offset) {
    auto address = reinterpret_cast<std::uint64_t>(&stack_test_outer) + offset;
    auto lines = process::read_maps(static_cast<std::uint32_t>(::getpid()));
    auto line = std::ranges::find_if(*lines, [&](const auto& one) {
      return address >= one.start && address < one.end;
    });
    return profile_.frames().intern(
        {objects_.intern(line->file), symbol::Reason::none,
         address - line->start + line->file_offset});
  }
  // Frames that are so many functions, in this one and what is inlined there.
  std::vector<FrameId> with_functions(std::size_t count) {
    std::vector<FrameId> found;
    for (auto id : frames_) {
      auto functions = names_.functions_of(id);
      if (functions.size() == count &&
          names_.function(functions[0]).name == "stack_test_outer") {
        found.push_back(id);
      }
    }
    return found;
  }
  const Function& innermost(FrameId id) {
    return names_.function(names_.functions_of(id).back());
  }
  void add(FrameId id, const Counts& counts) {
    profile_.add({.stack = profile_.stacks().child(CallTree::root, id)},
                 counts);
  }
  std::vector<std::string> folded() {
    std::vector<std::string> lines;
    auto status = fold(
        profile_, names_, [](const RowKey&) { return Labels{"x"}; },
        [&](std::string_view line) {
          lines.emplace_back(line);
          return Status();
        });
    EXPECT_TRUE(status);
    return lines;
  }

  process::Objects objects_;
  Names names_;
  Profile profile_;
  std::vector<FrameId> frames_;
  std::vector<std::string> read_;
};

class OnlyInlines : public Inline {
 protected:
  OnlyInlines() : Inline({.inlines = true}) {}
};

class WithoutSource : public Inline {
 protected:
  WithoutSource() : Inline(symbol::SourceWanted{}) {}
};

TEST_F(Inline, AFrameIsTheFunctionAndWhatIsInlinedThere) {
  auto inlined = with_functions(2);
  ASSERT_FALSE(inlined.empty());
  for (auto id : inlined) {
    EXPECT_FALSE(names_.at(id).inlined);
    EXPECT_EQ(names_.at(id).line, static_cast<std::uint32_t>(outer_line));
    EXPECT_TRUE(names_.at(id).file.ends_with("/inline_test.cpp"));
    EXPECT_EQ(innermost(id).name, "stack_test_inner");
    EXPECT_EQ(innermost(id).object, names_.at(id).object);
    EXPECT_TRUE(innermost(id).inlined);
    EXPECT_NEAR(innermost(id).line, inner_line + 1, 2);
    EXPECT_EQ(place_of(innermost(id)),
              "inline_test.cpp:" + std::to_string(innermost(id).line));
  }
  EXPECT_FALSE(with_functions(1).empty()) << "the return";
  EXPECT_FALSE(read_.empty()) << "progress";
  EXPECT_TRUE(names_.source_problems().empty() ||
              names_.source_problems().begin()->second ==
                  symbol::Reason::no_debug_info);
}

TEST_F(Inline, ForPprofTheInnermostComesFirst) {
  std::string bytes;
  auto writer =
      output::PprofWriter::open({}, [&](std::string_view piece) -> Status {
        bytes.append(piece);
        return {};
      });
  PprofFrames frames(profile_, names_, *writer);
  auto inlined = with_functions(2).front();
  frames.stack(profile_.stacks().child(CallTree::root, inlined));
  frames.finish();
  ASSERT_TRUE(writer->finish());
  auto profile = output::read_pprof(bytes);
  ASSERT_TRUE(profile) << profile.error().what;
  const auto& lines = profile->locations.at(0).lines;
  ASSERT_EQ(lines.size(), 2U);
  const auto& inner = profile->functions.at(lines[0].function);
  const auto& outer = profile->functions.at(lines[1].function);
  EXPECT_EQ(inner.name, "stack_test_inner");
  EXPECT_EQ(outer.name, "stack_test_outer");
  EXPECT_TRUE(inner.file.ends_with("/inline_test.cpp"));
  EXPECT_EQ(lines[0].line, innermost(inlined).line);
  EXPECT_EQ(lines[1].line, static_cast<std::uint64_t>(outer_line));
  const auto& mapping = profile->mappings.at(0);
  EXPECT_TRUE(mapping.has_filenames);
  EXPECT_TRUE(mapping.has_line_numbers);
  EXPECT_TRUE(mapping.has_inline_frames);
}

TEST_F(Inline, SelfTimeIsTheInnermostOnes) {
  auto inlined = with_functions(2).front();
  auto plain = with_functions(1).front();
  add(inlined, {3, 30});
  add(plain, {1, 10});
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> weights;
  for (const auto& entry : rank_functions(profile_, names_)) {
    const auto& function = names_.function(entry.function);
    EXPECT_TRUE(function.file.empty()) << "lines are not told apart";
    EXPECT_TRUE(
        weights
            .emplace(function.name, std::pair(entry.self.sum, entry.total.sum))
            .second);
  }
  EXPECT_EQ(weights["stack_test_inner"], std::pair(30UL, 30UL));
  EXPECT_EQ(weights["stack_test_outer"], std::pair(10UL, 40UL));
}

TEST_F(Inline, FoldedFramesHaveTheirEndingAndPlace) {
  auto id = with_functions(2).front();
  add(id, {3, 30});
  EXPECT_EQ(folded(), std::vector<std::string>{
                          "x;stack_test_outer:inline_test.cpp:" +
                          std::to_string(outer_line) +
                          ";stack_test_inner:inline_test.cpp:" +
                          std::to_string(innermost(id).line) + "_[i] 3\n"});
}

TEST_F(Inline, StacksThatDifferByLinesAreMergedUnderTheHeaviest) {
  auto inlined = with_functions(2);
  auto first = inlined.front();
  auto other = std::ranges::find_if(inlined, [&](FrameId id) {
    return innermost(id).line != innermost(first).line;
  });
  ASSERT_NE(other, inlined.end()) << "two loops, two lines";
  add(first, {1, 10});
  add(*other, {3, 30});
  add(with_functions(1).front(), {1, 35});
  auto ranked =
      rank_stacks(profile_, names_, [](const RowKey&) { return Labels{"x"}; });
  ASSERT_EQ(ranked.entries.size(), 3U);
  auto merged = merge_lines(std::move(ranked), names_);
  ASSERT_EQ(merged.entries.size(), 2U);
  EXPECT_EQ(merged.entries[0].counts.sum, 40U) << "now the heaviest";
  EXPECT_EQ(merged.entries[0].counts.count, 4U);
  EXPECT_EQ(merged.functions(merged.entries[0]).back(),
            names_.functions_of(*other).back());
  EXPECT_EQ(merged.entries[1].counts.sum, 35U);
}

TEST_F(OnlyInlines, HaveNoPlaces) {
  auto id = with_functions(2).front();
  EXPECT_EQ(place_of(innermost(id)), "");
  EXPECT_EQ(innermost(id).file_reason, symbol::Reason::none);
  add(id, {1, 1});
  EXPECT_EQ(folded(), std::vector<std::string>{
                          "x;stack_test_outer;stack_test_inner_[i] 1\n"});
}

TEST_F(WithoutSource, NothingIsRead) {
  EXPECT_TRUE(with_functions(2).empty());
  EXPECT_FALSE(with_functions(1).empty());
  EXPECT_TRUE(read_.empty());
}

TEST_F(Inline, UnnamedFramesSayWhyTheyHaveNoPlace) {
  auto& frames = profile_.frames();
  auto gone =
      frames.intern({process::no_object, symbol::Reason::process_gone, 1});
  auto kernel =
      frames.intern({process::kernel_object, symbol::Reason::none, 1});
  names_.resolve(frames);
  EXPECT_EQ(names_.at(gone).file_reason, symbol::Reason::process_gone);
  EXPECT_NE(names_.at(kernel).file_reason, symbol::Reason::none);
}

}  // namespace
}  // namespace sightline::stack
