#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # bats: variables of the helpers
# What is written, in each format: names that strangers choose, intervals, and
# the ledger at the end.

load helpers
setup() { e2e_setup; }
teardown() { e2e_teardown; }

hex() { od -An -v -tx1 | tr -d ' \n'; }

# with_name BYTES FORMAT: the profile of a thread of that name.
with_name() {
  cpuprof -q -F 999 --format "$2" -- "$workloads/hostile_name" \
    "$(printf %b "$1" | hex)" 200
}

# No control character but the line's end, and valid UTF-8.
is_harmless() {
  iconv -f UTF-8 -t UTF-8 "$1" >/dev/null
  ! LC_ALL=C grep -q '[[:cntrl:]]' "$1"
}

@test "a name with an escape sequence" {
  with_name '\e[31mred\e[0m' table >out.txt
  is_harmless out.txt
  with_name '\e[31mred\e[0m' folded >out.folded
  is_harmless out.folded
  grep -qF '\x1b[31mred\x1b[0m;' out.folded
  with_name '\e[31mred\e[0m' json >out.json
  is_harmless out.json
  check_ledger out.json
  [ "$(samples '.comm == "\u001b[31mred\u001b[0m"' out.json)" -gt 50 ]
}

@test "a name with a line's end" {
  with_name 'two\nlines 7' table >out.txt
  is_harmless out.txt
  with_name 'two\nlines 7' folded >out.folded
  is_harmless out.folded
  # Every line is a stack and a count.
  [ "$(grep -cvE '^.+ [0-9]+$' out.folded)" -eq 0 ]
  [ "$(grep -c '^lines' out.folded)" -eq 0 ]
  with_name 'two\nlines 7' json >out.json
  check_ledger out.json
  [ "$(samples '.comm == "two\nlines 7"' out.json)" -gt 50 ]
}

@test "a name with a semicolon cannot pretend to be a frame" {
  with_name 'a;b;c' folded >out.folded
  [ "$(grep -c '^a;b;c' out.folded)" -eq 0 ]
  [ "$(awk '/^a:b:c;/ { sum += $NF } END { print sum + 0 }' out.folded)" -gt 50 ]
}

@test "a name that is not UTF-8" {
  for format in table folded; do
    with_name 'bad\xff\xc3(' $format >out
    is_harmless out
    grep -qF 'bad\xff\xc3(' out
  done
  with_name 'bad\xff\xc3(' json >out.json
  is_harmless out.json
  check_ledger out.json
  [ "$(records 'select(.type == "stack" and .comm_hex != null) | [.comm, .comm_hex] | join(" ")' out.json | sort -u)" = \
    $'bad\uFFFD\uFFFD( 626164ffc328' ]
}

@test "an executable whose name is hostile" {
  name=$'ev\e]0;il\xff\n;1'
  cp "$workloads/spin" "$name"
  for format in table folded json; do
    cpuprof -q -F 999 --format $format -o out.$format -- "./$name" -r 40 >/dev/null
    is_harmless out.$format
  done
  check_ledger out.json
  [ "$(samples '.frames[-1].name == "hot_sixty"' out.json)" -gt 30 ]
  [ "$(records 'select(.type == "stack") | .frames[] | select(.name == "hot_sixty").object_hex' out.json | sort -u)" = \
    "$(printf %s "$name" | hex)" ]
}

@test "-i with -d: exactly so many whole reports, in each format" {
  background "$workloads/spin" 100
  for format in table folded json; do
    cpuprof -q -F 999 -p "$last" -i 500ms -d 2s --format $format >out.$format
  done
  [ "$(grep -c '^PROCESSES' out.table)" -eq 4 ]
  [ "$(grep -c '^lost: ' out.table)" -eq 4 ]
  # An empty line between intervals, none before the first or after the last.
  [ "$(grep -c '^$' out.folded)" -eq 3 ]
  [ -n "$(head -n 1 out.folded)" ] && [ -n "$(tail -n 1 out.folded)" ]
  [ "$(awk 'BEGIN { RS = "" } /hot_sixty/ { n++ } END { print n }' out.folded)" -eq 4 ]
  [ "$(records 'select(.type == "interval").index' out.json | xargs)" = "0 1 2 3" ]
  # Each interval begins where the one before it ended, and counts afresh.
  jq -es '
    (map(select(.type == "interval"))) as $i
    | (map(select(.type == "stack").count) | add) as $stacks
    | [range(1; $i | length) | $i[.].from_ns - $i[. - 1].to_ns
       | . >= 0 and . < 100000000] + [$stacks == ($i | map(.samples) | add)]
    | all' out.json
  jq -es '
    (map(select(.type == "interval").ledger)) as $l
    | ($l | map(.entered) | add) as $entered
    | (map(select(.type == "stack").count) | add) as $delivered
    | ($l | map(.idle + .self + .not_target + .not_matching + .table_full) | add)
      as $left
    | if $entered != $delivered + $left
      then error("\($entered) entered, \($delivered) + \($left) known") else true end
  ' out.json
  [ "$(records 'select(.type == "end").ledger.unaccounted' out.json)" -eq 0 ]
}

@test "-i appends to files as the reports come" {
  background "$workloads/spin" 100
  profile -q -F 999 -p "$last" -i 100ms -o out.json
  two_intervals() { [ "$(records 'select(.type == "interval").index' out.json 2>/dev/null | wc -l)" -ge 2 ]; }
  until_true two_intervals
  finish INT
  [ "$status" -eq 0 ]
  [ "$(tail -n 1 out.json | jq -r .type)" = end ]
}

@test "what is lost closes each format" {
  set_sysctl kernel.perf_event_max_stack 127 || skip "the limit is in use"
  deep=("$workloads/recursion" 400 200)
  cpuprof -q --unwind fp -F 999 -- "${deep[@]}" >out.txt
  grep -q '^lost: none$' out.txt
  grep -qE '^partial: .*user stack deeper than the limit' out.txt
  cpuprof -q --unwind fp -F 999 -f -- "${deep[@]}" >out.folded 2>err
  grep -q 'user stack deeper than the limit' err
  grep -q 'cut' out.folded
  cpuprof -q --unwind fp -F 999 -f -- "$workloads/spin" -r 20 >out.folded 2>err
  [ ! -s err ]
}

@test "a table fits 80 columns, and nothing is cut in a pipe" {
  background "$workloads/spin" 100
  cpuprof -q -F 999 -d 500ms --width 80 >narrow
  [ "$(wc -L <narrow)" -le 80 ]
  cpuprof -q -F 999 -d 500ms --color always >colored
  grep -q $'\e\[' colored
  cpuprof -q -F 999 -d 500ms >plain
  is_harmless plain
}

@test "inlined calls and lines, in each format" {
  cpuprof -q -F 999 --inline --line -o out.txt -o out.folded -o out.json \
    -- "$workloads/recursion" 2 500
  # work_a_little of work.h is inlined into bottom of recursion.c.
  frame='bottom:recursion\.c:[0-9]+;work_a_little:work\.h:[0-9]+_\[i\] '
  [ "$(awk -v frame="$frame" '$0 ~ frame { sum += $NF } END { print sum + 0 }' \
    out.folded)" -gt 250 ]
  grep -qE '^ +work_a_little \(inlined\) work\.h:[0-9]+$' out.txt
  grep -qE '^ +bottom recursion\.c:[0-9]+$' out.txt
  [ "$(samples '.frames[-1].name == "work_a_little" and
                .frames[-1].inlined and
                (.frames[-1].file | endswith("work.h")) and
                .frames[-1].line > 0 and
                .frames[-2].name == "bottom" and (.frames[-2].inlined | not) and
                .frames[-2].address == .frames[-1].address' out.json)" -gt 250 ]
  # Every frame has the keys.
  jq -es '[.[] | select(.type == "stack") | .frames[]
           | has("inlined") and has("file") and has("line") and
             ((.file == null) == has("file_reason")) and
             ((.line == null) == has("line_reason"))] | all' out.json >/dev/null
  # The innermost has the time, the function that it is in only the total.
  cpuprof -q -F 999 --inline -s self -r 1 -o out.txt \
    -- "$workloads/recursion" 2 500
  grep -qE '^ *[5-9][0-9]\.[0-9] +[5-9][0-9]\.[0-9] +recursion +work_a_little$' \
    out.txt
}

@test "without --inline the caller has the time, and nothing has a line" {
  cpuprof -q -F 999 -o out.folded -o out.json \
    -- "$workloads/recursion" 2 500
  [ "$(awk '/;bottom [0-9]+$/ { sum += $NF } END { print sum + 0 }' \
    out.folded)" -gt 250 ]
  [ "$(grep -c '"inlined"\|"file"\|"line"' out.json)" -eq 0 ]
}
