// SPDX-License-Identifier: Apache-2.0
#include "unwind/rows.h"

#include <algorithm>
#include <utility>

#include "unwind/frame_index.h"
#include "unwind/rules.h"

namespace sightline::unwind {
namespace {

using symbol::ElfFile;
using symbol::Reason;

constexpr std::uint64_t page_size = 1ULL << UNWIND_PAGE_BITS;
constexpr std::uint64_t offset_mask = page_size - 1;

// What lies further behind an object's first function than this has no rows.
constexpr std::uint64_t most_code = 1ULL << 30;

// Functions begin at multiples of 16. What lies between two of them is never
// run, and counting it to the second saves two rows where a function ends as
// the next begins.
constexpr std::uint64_t most_padding = 15;

// Appends rows in order of address, and keeps what pages promise.
class RowWriter {
 public:
  RowWriter(Rows& into, std::uint64_t first_place, std::uint64_t most_rows)
      : into_(into), most_rows_(most_rows) {
    into_.first_page =
        static_cast<std::uint32_t>(first_place >> UNWIND_PAGE_BITS);
  }

  // The rule holds from `place` in the file on.
  void add(std::uint64_t place, std::uint32_t rule) {
    if (rule == rule_) return;
    const std::uint64_t index = (place >> UNWIND_PAGE_BITS) - into_.first_page;
    const auto offset = static_cast<std::uint32_t>(place & offset_mask);
    // A page that would say nothing but this needs no rows.
    const bool ends_before = rule == UNWIND_RULE_NO_ROWS && offset == 0;
    open_pages(ends_before ? index : index + 1);
    rule_ = rule;
    if (!ends_before) put(offset, rule);
  }

  [[nodiscard]] bool full() const { return full_; }

 private:
  // Until there are `count`; each begins with the rule that held before it.
  void open_pages(std::uint64_t count) {
    while (into_.pages.size() < count) {
      into_.pages.push_back(
          {.first = static_cast<std::uint32_t>(into_.rows.size())});
      if (rule_ != UNWIND_RULE_NO_ROWS) put(0, rule_);
    }
  }

  void put(std::uint32_t offset, std::uint32_t rule) {
    if (full_) return;
    Page& page = into_.pages.back();
    if (page.count == 0 && offset != 0) append(page, 0, UNWIND_RULE_NO_ROWS);
    if (page.count != 0 && unwind_row_offset(into_.rows.back()) == offset) {
      into_.rows.pop_back();
      --page.count;
      // Which may have been all that told two rows apart.
      if (page.count != 0 && unwind_row_rule(into_.rows.back()) == rule) return;
    }
    append(page, offset, rule);
  }

  void append(Page& page, std::uint32_t offset, std::uint32_t rule) {
    full_ = full_ || into_.rows.size() >= most_rows_;
    if (full_ || page.count == UNWIND_BLOCK_WORDS) {
      into_.reason = Reason::unwind_info_large;
      // What the last row began with is not known to go on.
      if (page.count == 0) return;
      into_.rows.back() = unwind_make_row(unwind_row_offset(into_.rows.back()),
                                          UNWIND_RULE_UNSUPPORTED);
      return;
    }
    into_.rows.push_back(unwind_make_row(offset, rule));
    ++page.count;
  }

  Rows& into_;
  std::uint64_t most_rows_;
  std::uint32_t rule_ = UNWIND_RULE_NO_ROWS;
  bool full_ = false;
};

// Runs one function after the other into rows.
class RowBuilder {
 public:
  RowBuilder(const ElfFile& object, const FrameIndex& index, Rows& into,
             const RowLimits& limits)
      : index_(index),
        into_(into),
        object_(object),
        limits_(limits),
        difference_(difference_at(index.functions.front().start)),
        writer_(into, index.functions.front().start - difference_,
                limits.most_rows),
        cies_(index.section),
        program_(index.section) {
    // More than there will be: what is not touched is no memory, and to grow is
    // to have it twice.
    into_.rows.reserve(std::min<std::uint64_t>(index.section.bytes.size() / 4,
                                               limits.most_rows));
  }

  void build() {
    const std::uint64_t start = std::uint64_t{into_.first_page}
                                << UNWIND_PAGE_BITS;
    for (const Function& function : index_.functions) {
      if (writer_.full() || is_abandoned()) break;
      if (!enter_segment(function)) continue;
      if (function.end() - difference_ - start > most_code) {
        into_.reason = Reason::unwind_info_large;
        break;
      }
      if (function.entry == Function::begins_thread) {
        add_start(function);
        continue;
      }
      add(function);
      ++into_.functions;
    }
    put(covered_, UNWIND_RULE_NO_ROWS);
    into_.rules = rules_.release();
  }

 private:
  [[nodiscard]] bool is_abandoned() const {
    return limits_.abandoned != nullptr && limits_.abandoned->load();
  }

  // Address less place in the file. The index has no functions but those in
  // executable segments.
  [[nodiscard]] std::uint64_t difference_at(std::uint64_t address) const {
    return address - object_.offset_of(address).value_or(address);
  }

  // Of two segments the one with higher addresses lies further behind in the
  // file too. False where that is not so: what lies there has no rows.
  bool enter_segment(const Function& function) {
    const auto difference = difference_at(function.start);
    if (difference == difference_) return true;
    if (function.start - difference < covered_ - difference_) return false;
    put(covered_, UNWIND_RULE_NO_ROWS);
    difference_ = difference;
    covered_ = 0;
    return true;
  }

  void put(std::uint64_t address, std::uint32_t rule) {
    writer_.add(address - difference_, rule);
  }

  // Where the first row of a function is put.
  std::uint64_t begin(const Function& function) {
    if (function.start - covered_ <= most_padding) return covered_;
    if (covered_ != 0) put(covered_, UNWIND_RULE_NO_ROWS);
    return function.start;
  }

  void add_start(const Function& function) {
    if (covered_ != 0) put(covered_, UNWIND_RULE_NO_ROWS);
    put(function.start, UNWIND_RULE_END);
    covered_ = function.end();
  }

  void add(const Function& function) {
    std::uint64_t at = begin(function);
    covered_ = function.end();
    const auto header = read_header(index_.section, function.entry);
    const CieCache::Entry* const common =
        header ? cies_.find(header->cie) : nullptr;
    const auto fde = common != nullptr
                         ? read_fde(index_.section, *header, common->cie)
                         : std::nullopt;
    if (!fde) return put(at, UNWIND_RULE_UNSUPPORTED);
    program_.start(common->cie, common->initial, *fde, function.end());
    while (program_.next()) {
      if (program_.changed()) {
        put(at, rules_.number_of(
                    rule_of(index_.section, common->cie, program_.state())));
      }
      at = program_.row_end();
    }
    if (!program_.failed()) return;
    put(at, UNWIND_RULE_UNSUPPORTED);
    ++into_.malformed;
  }

  const FrameIndex& index_;
  Rows& into_;
  const ElfFile& object_;
  const RowLimits& limits_;
  std::uint64_t difference_;  // of addresses and places in this segment
  RowWriter writer_;
  CieCache cies_;
  Program program_;
  RuleTable rules_;
  std::uint64_t covered_ = 0;  // to where there are rows
};

}  // namespace

Rows build_rows(const ElfFile& object, const ElfFile* debug,
                const RowLimits& limits) {
  Rows rows;
  rows.is_go = is_go(object);
  const auto index = read_frame_index(object, debug, limits.most_section_bytes,
                                      limits.abandoned);
  if (!index) {
    rows.rules = RuleTable().release();
    rows.reason = index.error();
    return rows;
  }
  rows.malformed = index->malformed;
  rows.reason = index->reason;
  RowBuilder(object, *index, rows, limits).build();
  rows.unsupported = static_cast<std::uint64_t>(
      std::ranges::count(rows.rows, UNWIND_RULE_UNSUPPORTED, unwind_row_rule));
  return rows;
}

}  // namespace sightline::unwind
