#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Every format of profiles that no run has: empty, of one frame, of a thousand, of
# weights beyond 63 bits, of names that were made to do harm. Others read them.

setup() {
  exporters=$(realpath "$BATS_TEST_DIRNAME/../exporters.py")
  cd "$BATS_TEST_TMPDIR" || return
}

@test "exporters: an empty profile" { "$exporters" empty; }
@test "exporters: one sample of one frame" { "$exporters" one-sample; }
@test "exporters: samples without a frame" { "$exporters" no-frames; }
@test "exporters: a thousand frames" { "$exporters" deep; }
@test "exporters: a function that calls itself a thousand times" { "$exporters" recursion; }
@test "exporters: five thousand stacks" { "$exporters" wide; }
@test "exporters: a weight of 2^63" { "$exporters" heavy; }
@test "exporters: names that were made to do harm" { "$exporters" hostile; }
