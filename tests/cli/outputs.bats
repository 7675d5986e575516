#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Where a result goes, and in which format: with a recording, which needs no root.

bats_require_minimum_version 1.5.0

setup() {
  recording=$(realpath "$BATS_TEST_DIRNAME/../fuzz/corpus/recording/run.json")
  cd "$BATS_TEST_TMPDIR" || return
}

from() { run --separate-stderr cpuprof --from "$recording" "$@"; }

@test "an ending that names no format is said, and the table written" {
  from -o out.pb -o out.html
  [ "$status" -eq 0 ]
  [[ $stderr == *"'out.pb' names no format: it gets a table"* ]]
  [[ $stderr == *"'out.html' names no format"* ]]
  grep -q PROCESSES out.pb
  from -q -o quiet.pb
  [ -z "$stderr" ]
  from --format table -o out.log -o plain -o .hidden
  [ -z "$stderr" ]
}

@test "an ending in capital letters names its format" {
  from -o OUT.JSON -o Out.Svg
  [ "$status" -eq 0 ]
  [ -z "$stderr" ]
  head -n 1 OUT.JSON | jq -e '.type == "begin"' >/dev/null
  grep -q '</svg>' Out.Svg
}

@test "a format that no output has is a mistake" {
  from --format svg -o out.json
  [ "$status" -eq 2 ]
  [[ $stderr == *"no output has the format svg"* ]]
  [ ! -e out.json ]
  from --format svg -o out.json -o picture
  [ "$status" -eq 0 ]
  grep -q '</svg>' picture
}

@test "%n is 1 where there is only one" {
  from -o out-%n.svg
  [ "$status" -eq 0 ]
  [ -s out-1.svg ]
}

@test "each output that failed is named" {
  ln -s /dev/full one.json
  ln -s /dev/full two.folded
  from -o one.json -o two.folded -o three.txt
  [ "$status" -eq 1 ]
  [[ $stderr == *one.json*"No space left"* ]]
  [[ $stderr == *two.folded*"No space left"* ]]
  grep -q PROCESSES three.txt
}
