# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# What the end-to-end tests of execsnoop share.

# snoop ARGUMENT...: starts execsnoop with its output in `out` and `err`, and
# returns once it watches. Its pid is in $tool.
snoop() {
  rm -f ready
  mkfifo ready
  # SIGHUP would stay ignored where nohup started the tests.
  env --default-signal=HUP execsnoop --ready-fd 9 "$@" \
    >out 2>err </dev/null 3>&- 4>&- 9>ready &
  tool=$!
  started+=("$tool")
  await_ready
}

# watch OPTION... -- CMD...: what a command starts, in out.json; what the command
# says itself in `said`. Everything adds up and nothing is missing.
watch() {
  execsnoop -q -j -o out.json "$@" >said 2>err 3>&- || true
  check_events out.json event_ring_full scratch_full recursion text_lost \
    text_unreadable path_cut exit_missing target_table_full
}

# check_events FILE [KEY...]: execs that entered = delivered + left out + lost,
# and these keys are 0.
check_events() {
  local file=$1
  shift
  jq -es '
    .[-1] as $closing | $closing.ledger as $l
    | if .[0].type != "begin" or $closing.type != "end"
      then error("not a whole document") else . end
    | ($closing.delivered + $l.not_target + $l.not_matching + $l.not_failed
       + $l.event_ring_full + $l.scratch_full + $l.recursion) as $known
    | if $l.entered + $l.recursion != $known or $l.unaccounted != 0
      then error("entered \($l.entered), known \($known): \($l)") else . end
    | $ARGS.positional | map(select($l[.] != 0))
    | if . != [] then error("not 0: \(.) in \($l)") else true end
  ' "$file" --args "$@" >/dev/null
}

# events FILTER [FILE]: how many rows match.
events() {
  jq -s "map(select(.type == \"event\") | select($1)) | length" "${2:-out.json}"
}

# holds_of_events FILTER [FILE]: of the array of all rows.
holds_of_events() {
  jq -es "map(select(.type == \"event\")) | $1" "${2:-out.json}" >/dev/null || {
    echo "does not hold: $1"
    jq -c 'select(.type == "event")' "${2:-out.json}" | cut -c 1-600 | head -n 20
    return 1
  }
}

# strace_execs COMMAND...: what it executes, in `expected`. A file for each process,
# so that no line is torn by that of another.
strace_execs() {
  strace -ff -o trace -e trace=execve,execveat -e abbrev=none \
    -s 1000000 -xx "$@" >/dev/null 2>strace.err || { cat strace.err; return 1; }
  "$BATS_TEST_DIRNAME/../e2e/execs_of.py" trace.* >expected
  rm trace.*
  [ -s expected ]
}

same_execs() {
  "$BATS_TEST_DIRNAME/../e2e/execs_of.py" out.json >seen
  diff expected seen
}
