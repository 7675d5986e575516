#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # bats: variables of setup_file
# Another program, built with nothing but what `make install-dev` has installed.

setup_file() {
  local top=$BATS_TEST_DIRNAME/../..
  export prefix=$BATS_FILE_TMPDIR/prefix built=$BATS_FILE_TMPDIR/build
  cmake --install "$top/build" --component dev --prefix "$prefix" >/dev/null
  # Somewhere else, so that no path leads back to the sources by chance.
  cp -r "$BATS_TEST_DIRNAME/../install" "$BATS_FILE_TMPDIR/project"
  cmake -G Ninja -S "$BATS_FILE_TMPDIR/project" -B "$built" \
    -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_FLAGS="-Wall -Wextra -Werror"
  ninja -C "$built"
}

setup() { cd "$BATS_TEST_TMPDIR" || return; }

# same_names FILE: each function that nm knows in it has, at its first byte, a
# name that nm has for the same address.
same_names() {
  nm -D --defined-only "$1" | awk '$2 ~ /^[TWi]$/ {
    sub(/@.*/, "", $3); sub(/^0+/, "", $1); print $1, $3 }' | sort -u >known
  cut -d' ' -f1 known | "$built/names" "$1" | sort -u >ours
  echo "$(wc -l <ours) addresses in $1"
  [ "$(wc -l <ours)" -eq "$(cut -d' ' -f1 known | sort -u | wc -l)" ]
  [ "$(wc -l <ours)" -gt 1000 ]
  [ -z "$(comm -23 ours known | head)" ] || { comm -23 ours known; return 1; }
}

@test "a program that is linked with the library names what nm names" {
  # An exported name is preferred to a local one of debug files.
  same_names "$(gcc -print-file-name=libstdc++.so.6)"
}

@test "another lists the code of a process as the kernel does" {
  "$built/mapped" $$ >ours
  awk '$2 ~ /x/ { print $1 }' /proc/$$/maps >known
  diff known ours
}

@test "the package and the headers name no folder of the build" {
  [ "$(grep -rlI "$(realpath "$BATS_TEST_DIRNAME/../..")" "$prefix" | wc -l)" -eq 0 ]
}

@test "make install has nothing of it" {
  cmake --install "$BATS_TEST_DIRNAME/../../build" --prefix "$BATS_TEST_TMPDIR/tools" >/dev/null
  [ -x "$BATS_TEST_TMPDIR/tools/bin/cpuprof" ]
  [ -z "$(find "$BATS_TEST_TMPDIR/tools" -name '*.a' -o -name '*.h' -o -name '*.cmake')" ]
}
