// SPDX-License-Identifier: Apache-2.0
#include "unwind/arena.h"

#include <algorithm>
#include <iterator>

namespace sightline::unwind {
namespace {

std::uint32_t even(std::uint32_t words) { return (words + 1) & ~1U; }

// Where in a free run a smaller one begins so that it lies in one block: at the
// start, or where the next block does.
std::uint32_t place_in(std::uint32_t start, std::uint32_t words,
                       bool in_one_block) {
  const auto room = UNWIND_BLOCK_WORDS - start % UNWIND_BLOCK_WORDS;
  return !in_one_block || words <= room ? start : start + room;
}

}  // namespace

// Joined to what is free before them, so that a run can go over both.
void Arena::add_words(std::uint32_t words) {
  const auto start = static_cast<std::uint32_t>(end_);
  end_ += words;
  used_ += words;
  free({start, words});
}

std::optional<Extent> Arena::allocate(std::uint32_t words) {
  if (words == 0 || words > UNWIND_BLOCK_WORDS) return std::nullopt;
  return allocate(even(words), true);
}

std::optional<Extent> Arena::allocate_run(std::uint32_t words) {
  if (words == 0) return std::nullopt;
  return allocate(even(words), false);
}

// The smallest that fits: large ones stay large.
std::optional<Extent> Arena::allocate(std::uint32_t words, bool in_one_block) {
  for (auto at = by_size_.lower_bound({words, 0}); at != by_size_.end(); ++at) {
    const auto [size, start] = *at;
    const auto place = place_in(start, words, in_one_block);
    if (place - start + words <= size) return take(start, place, words);
  }
  return std::nullopt;
}

Extent Arena::take(std::uint32_t start, std::uint32_t at, std::uint32_t words) {
  const auto found = free_.find(start);
  const auto end = start + found->second;
  remove(found);
  if (at > start) add(start, at - start);
  if (at + words < end) add(at + words, end - at - words);
  used_ += words;
  return {at, words};
}

void Arena::free(const Extent& extent) {
  used_ -= extent.words;
  auto [start, words] = extent;
  auto next = free_.lower_bound(start);
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == start) {
      start = before->first;
      words += before->second;
      remove(before);
    }
  }
  if (next != free_.end() && next->first == extent.word + extent.words) {
    words += next->second;
    remove(next);
  }
  add(start, words);
}

void Arena::add(std::uint32_t word, std::uint32_t words) {
  free_[word] = words;
  by_size_.emplace(words, word);
}

void Arena::remove(Free::iterator at) {
  by_size_.erase({at->second, at->first});
  free_.erase(at);
}

}  // namespace sightline::unwind
