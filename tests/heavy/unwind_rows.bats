#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # bats sets what run leaves
# Every row of the largest programs that are installed, against libdw.

libraries=/usr/lib/x86_64-linux-gnu

# compare FILE: says what share of its rows rules express.
compare() {
  [[ -r $1 ]] || skip "no $1"
  UNWIND_TRUTH=$1 run "$BATS_TEST_DIRNAME/../../build/tests/unit_unwind" \
    --gtest_filter=Truth.FilesThatAreInstalled
  echo "$output"
  sed -n "s|^$1:|# &|p" <<<"$output" >&3
  [ "$status" -eq 0 ]
  grep -q "^$1: [0-9]* rows of libdw, .* by rules, .* 0 different$" <<<"$output"
}

@test "libLLVM: each row leads where libdw says" {
  compare $libraries/libLLVM-14.so.1
}

@test "libpython: each row leads where libdw says" {
  compare $libraries/libpython3.11.so.1.0
}

@test "node: each row leads where libdw says" {
  compare /usr/bin/node
}

@test "postgres: each row leads where libdw says" {
  compare "$(command -v postgres || echo postgres)"
}
