// SPDX-License-Identifier: Apache-2.0
#include "symbol/code_ranges.h"

#include <algorithm>
#include <queue>

namespace sightline::symbol {
namespace {

using Range = CodeRanges::Range;

// Below this many it does not pay to settle while adding.
constexpr std::size_t min_batch = 1U << 16;
constexpr std::size_t max_recent = 1U << 12;

std::uint64_t end_of(const Range& range) { return range.start + range.size; }

// Goes over ranges that are sorted by start and may overlap; at each address
// the highest number is seen. Every step takes in a range or leaves one, so
// there are at most two a range.
class Sweep {
 public:
  explicit Sweep(const std::vector<Range>& sorted) : sorted_(sorted) {
    pieces_.reserve(sorted.size());
  }

  std::vector<Range> run() && {
    while (next_ < sorted_.size() || !open_.empty()) {
      if (open_.empty()) at_ = sorted_[next_].start;
      enter();
      while (!open_.empty() && open_.top().end <= at_) open_.pop();
      if (!open_.empty()) step();
    }
    return std::move(pieces_);
  }

 private:
  struct Open {
    std::uint32_t number;
    std::uint64_t end;
    bool operator<(const Open& other) const { return number < other.number; }
  };

  void enter() {
    for (; next_ < sorted_.size() && sorted_[next_].start <= at_; ++next_) {
      open_.push({sorted_[next_].number, end_of(sorted_[next_])});
    }
  }

  void step() {
    const Open& top = open_.top();
    std::uint64_t end = top.end;
    if (next_ < sorted_.size()) end = std::min(end, sorted_[next_].start);
    const auto size = static_cast<std::uint32_t>(end - at_);
    if (!pieces_.empty() && pieces_.back().number == top.number &&
        end_of(pieces_.back()) == at_) {
      pieces_.back().size += size;
    } else {
      pieces_.push_back({at_, size, top.number});
    }
    at_ = end;
  }

  const std::vector<Range>& sorted_;
  std::size_t next_ = 0;
  std::uint64_t at_ = 0;
  std::priority_queue<Open> open_;
  std::vector<Range> pieces_;
};

// Both are sorted by start.
void merge(std::vector<Range>& into, const std::vector<Range>& from) {
  if (from.empty()) return;
  const auto middle = static_cast<std::ptrdiff_t>(into.size());
  into.insert(into.end(), from.begin(), from.end());
  std::ranges::inplace_merge(into, into.begin() + middle, {}, &Range::start);
  into = Sweep(into).run();
}

std::optional<std::uint32_t> find_in(const std::vector<Range>& pieces,
                                     std::uint64_t address) {
  const auto next =
      std::ranges::upper_bound(pieces, address, {}, &Range::start);
  if (next == pieces.begin()) return std::nullopt;
  const Range& range = *(next - 1);
  if (address - range.start >= range.size) return std::nullopt;
  return range.number;
}

}  // namespace

void CodeRanges::add(Range range) {
  added_.push_back(range);
  if (added_.size() >= std::max(min_batch, pieces_.size())) unite();
}

void CodeRanges::settle() {
  if (added_.empty()) return;
  std::ranges::sort(added_, {}, &Range::start);
  merge(recent_, added_);
  added_ = {};
  if (recent_.size() >= std::max(max_recent, pieces_.size() / 8)) unite();
}

void CodeRanges::unite() {
  std::ranges::sort(added_, {}, &Range::start);
  merge(recent_, added_);
  added_ = {};
  merge(pieces_, recent_);
  recent_ = {};
}

std::optional<std::uint32_t> CodeRanges::find(std::uint64_t address) const {
  const auto recent = find_in(recent_, address);
  return recent ? recent : find_in(pieces_, address);
}

void CodeRanges::renumber(const std::vector<std::uint32_t>& kept) {
  unite();
  std::erase_if(pieces_, [&kept](const Range& range) {
    return kept.empty() || range.number < kept.front();
  });
  for (Range& range : pieces_) {
    const auto at = std::ranges::lower_bound(kept, range.number);
    range.number = static_cast<std::uint32_t>(at - kept.begin());
  }
}

void CodeRanges::clear() {
  pieces_ = {};
  recent_ = {};
  added_ = {};
}

std::size_t CodeRanges::memory() const {
  return (pieces_.capacity() + recent_.capacity() + added_.capacity()) *
         sizeof(Range);
}

}  // namespace sightline::symbol
