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

# Debian's libraries for arm64, unpacked and never run.
@test "arm64: each row of the C and C++ libraries leads where libdw says" {
  # shellcheck source=scripts/suite-apt.sh
  . "$BATS_TEST_DIRNAME/../../scripts/suite-apt.sh"
  cd "$BATS_TEST_TMPDIR"
  suite_open "$PWD/apt" bookworm arm64 || skip "no archive for arm64"
  suite_apt get download -qq libc6 libstdc++6 libssl3 ||
    skip "libraries for arm64 not downloaded"
  for package in *.deb; do dpkg -x "$package" root; done
  mapfile -t files < <(find root -type f -name '*.so*' ! -name '*.py' \
    -size +32k | grep -E '/(libc|libm|ld-linux|libstdc|libcrypto)[^/]*$')
  [ "${#files[@]}" -ge 4 ]
  for file in "${files[@]}"; do compare "$PWD/$file"; done
}
