// SPDX-License-Identifier: Apache-2.0
#include "unwind/rows.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "symbol/vdso.h"

namespace sightline::unwind {
namespace {

// Every page keeps its promises: a row at 0 first, rows in order, each telling
// more than the one before.
void expect_well_formed(const Rows& rows) {
  std::size_t next = 0;
  for (const Page& page : rows.pages) {
    EXPECT_EQ(page.first, next);
    next += page.count;
    ASSERT_LE(page.count, UNWIND_BLOCK_WORDS);
    ASSERT_LE(next, rows.rows.size());
    for (std::size_t i = page.first; i < next; ++i) {
      const unwind_row row = rows.rows[i];
      EXPECT_LT(unwind_row_rule(row), rows.rules.size());
      if (i == page.first) {
        EXPECT_EQ(unwind_row_offset(row), 0U);
        continue;
      }
      EXPECT_GT(unwind_row_offset(row), unwind_row_offset(rows.rows[i - 1]));
      EXPECT_NE(unwind_row_rule(row), unwind_row_rule(rows.rows[i - 1]));
    }
  }
  EXPECT_EQ(next, rows.rows.size());
}

TEST(Rows, TheVdsoHasRows) {
  const auto vdso = symbol::open_vdso();
  if (!vdso) GTEST_SKIP() << symbol::text(vdso.error());
  const Rows rows = build_rows(*vdso);
  EXPECT_EQ(rows.reason, symbol::Reason::none);
  EXPECT_GT(rows.functions, 0U);
  EXPECT_EQ(rows.unsupported, 0U);
  EXPECT_EQ(rows.malformed, 0U);
  expect_well_formed(rows);
}

}  // namespace
}  // namespace sightline::unwind
