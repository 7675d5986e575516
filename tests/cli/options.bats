#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Bad command lines (options.tsv): what was typed and what it names are checked
# before any permission, so root and nobody are told the same.

# nobody cannot read every place where the tools may have been built.
setup_file() {
  local tool
  # shellcheck disable=SC2154 # set by bats
  export readable=$BATS_FILE_TMPDIR/bin
  mkdir "$readable"
  cut -f 1 "$BATS_TEST_DIRNAME/options.tsv" | grep -v '^#' | sort -u |
    while read -r tool; do
      install -m 755 "$(command -v "$tool")" "$readable/"
    done
  chmod a+x "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR/file"
}

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  unset DEBUGINFOD_URLS
}

# The whole of stderr: message, hint, and what a usage error ends with.
expected_stderr() {
  local tool=$1 status=$2 message=$3 hint=$4
  echo "$tool: $message"
  [ "$hint" = - ] || echo "hint: $hint"
  [ "$status" != 2 ] || echo "Try '$tool --help' for more information."
}

# check_row PREFIX... : runs one row of the table, says what is wrong with it.
check_row() {
  local got=0 want
  local -a words
  eval "words=($arguments)"
  timeout 10 "$@" "$readable/$tool" "${words[@]}" >out 2>err </dev/null 3>&- ||
    got=$?
  [ "$hint" != '*' ] || hint=$(sed -n '2s/^hint: //p' err)
  want=$(expected_stderr "$tool" "$status" "$message" "${hint:-none at all}")
  if [ "$got" != "$status" ] || [ "$(<err)" != "$want" ] || [ -s out ]; then
    echo "$tool $arguments: expected $status and"
    echo "$want"
    echo "got $got and"
    cat err out
    return 1
  fi
}

check_table() {
  local tool arguments status message hint cap rows=0 bad=0
  cap=$(</proc/sys/kernel/perf_event_max_sample_rate)
  while IFS=$'\t' read -r tool arguments status message hint; do
    [[ $tool != \#* ]] || continue
    message=${message/@CAP@/$cap}
    check_row "$@" || bad=$((bad + 1))
    rows=$((rows + 1))
  done <"$BATS_TEST_DIRNAME/options.tsv"
  echo "$rows rows, $bad bad"
  [ "$rows" -ge 150 ] && [ "$bad" -eq 0 ]
}

@test "bad command lines, with the privileges at hand" { check_table; }

@test "bad command lines, without any privilege" {
  ((EUID == 0)) || skip "needs root, to give it up"
  check_table setpriv --reuid=65534 --regid=65534 --clear-groups \
    --bounding-set=-all --inh-caps=-all
}

@test "a bad command line creates no file" {
  run "$readable/cpuprof" -o new.json -o new.folded --nosuch
  [ "$status" -eq 2 ]
  run "$readable/cpuprof" -o new.json -p 4194304
  [ "$status" -eq 1 ]
  [ -z "$(ls)" ]
}

@test "a digit string is decimal, whatever its first digit" {
  run "$readable/cpuprof" -F 0100001
  [[ ${lines[0]} == *"at most"*"got '0100001'" ]]
  run "$readable/cpuprof" -p 0000004194304
  [ "${lines[0]}" = "cpuprof: no such process: 4194304" ]
}
