#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # bats: variables of the helpers
# Flame graphs of real runs: the same samples as the folded stacks, and where
# the files go.

load helpers
setup() {
  e2e_setup
  check=$(realpath "$BATS_TEST_DIRNAME/../pictures/svg.py")
}
teardown() { e2e_teardown; }

# found EXPRESSION FILE [ARGUMENT...]: of jq, true of what is in the picture.
found() {
  "$check" "${@:2}" >found
  jq -e "$1" found >/dev/null || { cat found; return 1; }
}

# hot FILE: the samples of hot_sixty, from the tables that the script reads.
hot() {
  python3 - "$1" <<'PY'
import re, sys
text = open(sys.argv[1]).read()
frames = re.search(r'id="frames">\n(.*?)</metadata>', text, re.S)[1].split("\n")
boxes = re.search(r'id="boxes">\n(.*?)</metadata>', text, re.S)[1].split("\n")
print(sum(int(box.split()[2]) for box in boxes
          if box and frames[int(box.split()[1])].startswith("uhot_sixty\t")))
PY
}

@test "a flame graph shows what the folded stacks say" {
  cpuprof -q -F 999 -o out.svg -o out.folded -o out.json \
    -- "$workloads/spin" -r 300
  found '.total > 200 and .same > 5' out.svg --folded out.folded
  [ "$(jq .total found)" -eq "$(records 'select(.type == "end").samples' out.json)" ]
  [ "$(hot out.svg)" -eq \
    "$(awk '/;hot_sixty/ { sum += $NF } END { print sum }' out.folded)" ]
  # Who, when, how much, and what is missing.
  jq -e --arg host "$(uname -n)" '.lines | (.[0] == "cpuprof: \($host)") and
    (.[1] | test("^20[0-9-]+ [0-9:]+ UTC, .*: [0-9,]+ samples of cpu-clock at 999 Hz, ")) and
    (.[2] | startswith("lost: none; partial: ")) and
    (.[3] | contains("--") and contains("(by comm; kernel "))' found
}

@test "a flame graph of inlined calls and lines, by process and CPU" {
  cpuprof -q -F 999 --inline --line --by pid,cpu -o out.svg -o out.folded \
    -- "$workloads/recursion" 2 500
  found '.kinds | contains("i")' out.svg --folded out.folded
  grep -qE '^iwork_a_little:work\.h:[0-9]+	recursion	$' out.svg
  grep -qE '^grecursion-[0-9]+		$' out.svg
  grep -qE '^gcpu[0-9]+		$' out.svg
}

@test "a flame graph in a pipe, and none on a terminal" {
  background "$workloads/spin" 100
  cpuprof -q -F 999 -p "$last" -d 500ms --format svg | cat >out.svg
  found '.total > 20' out.svg
  status=0
  script -qec 'cpuprof -d 100ms --format svg' /dev/null >terminal || status=$?
  [ "$status" -eq 2 ]
  grep -q 'format svg is not for a terminal' terminal
  grep -q 'hint: write it to a file, as with -o out.svg' terminal
}

@test "a flame graph of nothing says so" {
  background tail -f /dev/null
  cpuprof -q -p "$last" -d 50ms -o out.svg
  found '.total == 0 and (.lines | index("No samples: what was looked at took none."))' out.svg
}

@test "a flame graph of a process with a hostile name" {
  name=$'<script>]]>"&\e\xff;'
  cp "$workloads/spin" "$name" 2>/dev/null || cp "$workloads/spin" "${name//\//}"
  cpuprof -q -F 999 -o out.svg -o out.folded -- "./$name" -r 40 >/dev/null
  found '.total > 20' out.svg --folded out.folded
  [ "$(LC_ALL=C grep -c '[[:cntrl:]]' <(tr -d '\t' <out.svg))" -eq 0 ]
}

@test "--icicle has the root on top" {
  cpuprof -q -F 999 --icicle -o out.svg -- "$workloads/spin" -r 40
  found '.total > 20' out.svg
  [ "$(sed -n '/id="graph"/{n;p}' out.svg)" = '<g transform="translate(0,0)">' ]
}

@test "-i numbers the files, each of which is whole" {
  background "$workloads/spin" 100
  cpuprof -q -F 999 -p "$last" -i 500ms -d 2s -o 'out-%n.svg' \
    -o 'out-%n.folded' -o all.folded
  # As many as there are intervals in the file that has them all.
  count=$(awk 'BEGIN { RS = "" } END { print NR }' all.folded)
  [ "$count" -ge 2 ]
  [ "$(find . -name 'out-*.svg' | wc -l)" -eq "$count" ]
  [ "$(find . -name 'out-*.folded' | wc -l)" -eq "$count" ]
  for ((n = 1; n <= count; n++)); do
    found '.total > 0' out-$n.svg --folded out-$n.folded
    [ "$(grep -c '^$' out-$n.folded)" -eq 0 ]
  done
  [ "$(cat out-*.folded | sort)" = "$(grep . all.folded | sort)" ]
}

@test "%n is 1 without -i" {
  cpuprof -q -F 999 -d 50ms -o 'out-%n.svg'
  [ -e out-1.svg ]
  [ ! -e 'out-%n.svg' ]
}

@test "SIGUSR1 rewrites the file, and leaves a pipe alone" {
  background "$workloads/spin" 100
  profile -q -F 999 -p "$last" -o out.svg -o - --format svg
  has_samples() { [ -e out.svg ] && "$check" out.svg | jq -e '.total > 20'; }
  again() { kill -USR1 "$tool" && has_samples; }
  until_true again
  first=$("$check" out.svg | jq .total)
  [ ! -s out ]
  finish INT
  [ "$status" -eq 0 ]
  found ".total > $first" out.svg
  cmp out out.svg
}
