#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The checks are checked: what fails, dies, hangs or never ran must be counted
# as a failure by scripts/check.sh, or its other verdicts are worth nothing.

setup() {
  scripts=$BATS_TEST_DIRNAME/../../scripts
  # shellcheck source=scripts/check.sh
  . "$scripts/check.sh"
  # shellcheck disable=SC2034 # check.sh keeps a lane's output there
  logs=$BATS_TEST_TMPDIR
  cd "$BATS_TEST_TMPDIR" || return
}

# run_lane COMMAND...: what a run of this one lane prints, and its status.
run_lane() { run finish_after lane sample "$@"; }
finish_after() { "$@"; finish; }

closing() { [ "${lines[-1]}" = "$1" ]; }

@test "a lane that passes passes" {
  run_lane echo "PASS one"
  [ "$status" -eq 0 ]
  closing "1 passed, 0 failed, 0 skipped"
}

@test "one failed verdict fails the run, and its reason is shown" {
  run_lane printf 'PASS one\n  quiet\nFAIL two\n  | why\nSKIP three: gone\n'
  [ "$status" -eq 1 ]
  closing "1 passed, 1 failed, 1 skipped"
  [[ $output == *"  | why"* && $output == *"three: gone"* ]]
  [[ $output != *quiet* ]]
}

@test "a lane in which nothing passed fails, skipped or not" {
  run_lane true
  [ "$status" -eq 1 ]
  closing "0 passed, 1 failed, 0 skipped"
  run_lane echo "SKIP all of it: no kernel"
  [ "$status" -eq 1 ]
  closing "0 passed, 1 failed, 1 skipped"
}

@test "a kernel that dies before its last verdict fails" {
  run_lane expect 3 dying printf 'PASS a\r\nPASS b\r\nKernel panic\r\n'
  [ "$status" -eq 1 ]
  closing "2 passed, 1 failed, 0 skipped"
  run_lane expect 2 sound printf 'guest is up\r\nPASS a\r\nPASS b\r\n'
  [ "$status" -eq 0 ]
}

@test "a failing and an unreadable bats file fail" {
  printf '@test "good" { true; }\n@test "bad" { false; }\n' >bad.bats
  printf '@test "not here" { skip "no such thing"; }\n' >>bad.bats
  run_lane bats_verdicts bad.bats
  [ "$status" -eq 1 ]
  closing "1 passed, 1 failed, 1 skipped"
  printf '@test "broken" { if\n' >broken.bats
  run_lane bats_verdicts broken.bats
  [ "$status" -eq 1 ]
}

@test "a failing test and a crash of a unit test program fail" {
  cat >fake <<'END'
#!/bin/sh
for word; do case $word in --gtest_output=xml:*) file=${word#*xml:} ;; esac; done
cat >"$file" <<'XML'
<testsuites><testsuite>
<testcase classname="A" name="good" status="run"/>
<testcase classname="A" name="bad" status="run"><failure message="1 is not 2"/></testcase>
<testcase classname="A" name="gone" status="run"><skipped message="no PMU"/></testcase>
</testsuite></testsuites>
XML
exit 1
END
  printf '#!/bin/sh\nkill -SEGV $$\n' >crash
  chmod +x fake crash
  run_lane "$scripts/gtest-verdicts.py" ./fake
  [ "$status" -eq 1 ]
  closing "1 passed, 1 failed, 1 skipped"
  [[ $output == *"1 is not 2"* && $output == *"no PMU"* ]]
  run_lane "$scripts/gtest-verdicts.py" ./fake ./crash
  closing "1 passed, 2 failed, 1 skipped"
}

# fuzz_target STATUS RUNS COVERAGE: a program that ends like libFuzzer's.
fuzz_target() {
  export FUZZ_STORE=$BATS_TEST_TMPDIR/fuzz
  printf '#!/bin/sh\necho "#2 INITED cov: %s ft: 1"\n' "$3" >demangle_fuzz
  printf 'echo "stat::number_of_executed_units: %s"\nexit %s\n' "$2" "$1" \
    >>demangle_fuzz
  chmod +x demangle_fuzz
}

@test "a fuzz target that breaks, runs nothing or sees nothing fails" {
  fuzz_target 0 5000 12
  run_lane "$scripts/fuzz.sh" "$PWD/demangle_fuzz"
  closing "1 passed, 0 failed, 0 skipped"
  for ending in "77 5000 12" "0 0 12" "0 5000 0"; do
    # shellcheck disable=SC2086 # three words
    fuzz_target $ending
    run_lane "$scripts/fuzz.sh" "$PWD/demangle_fuzz"
    [ "$status" -eq 1 ]
    [[ $output == *"FAIL fuzz demangle: "*"  | #2 INITED"* ]]
  done
  mv demangle_fuzz seedless_fuzz
  run_lane "$scripts/fuzz.sh" "$PWD/seedless_fuzz"
  [[ $output == *"no seeds in tests/fuzz/corpus/seedless"* ]]
}

@test "an unknown lane is a usage error" {
  run main no-such-lane
  [ "$status" -eq 2 ]
}
