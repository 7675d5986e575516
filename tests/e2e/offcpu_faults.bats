#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # bats: variables of the helpers
# offcpu: targets that go, outputs that fail, signals, and the status of a
# command.

bats_require_minimum_version 1.5.0
load helpers
setup() { e2e_setup; }
teardown() { e2e_teardown; }

# trace ARGUMENT...: starts offcpu with its output in `out` and `err`, and returns
# once it measures. Its pid is in $tool.
trace() {
  rm -f ready
  mkfifo ready
  env --default-signal=HUP offcpu --ready-fd 9 "$@" \
    >out 2>err </dev/null 3>&- 4>&- 9>ready &
  tool=$!
  started+=("$tool")
  await_ready
}

# whole FILE: a document whose counts add up.
whole() {
  jq -se '
    (map(select(.type == "wait").count) | add // 0) as $rows | last as $closing
    | $closing.ledger as $l | .[0].type == "begin" and $closing.type == "end"
      and $closing.waits == $rows and $l.unaccounted == 0
      and $l.entered == $rows + $l.self + $l.not_target + $l.not_matching
        + $l.other_latency + $l.waits_full + $l.thread_unknown' "$1"
}

@test "a process or thread that is gone, or a zombie, is no target" {
  true &
  gone=$!
  wait "$gone"
  mkfifo go
  background bash -c 'read -r <go & echo $! >child; exec tail -f /dev/null'
  parent_is_tail() { [ "$(<"/proc/$last/comm")" = tail ] && [ -s child ]; }
  until_true parent_is_tail
  echo >go
  until_true has_state "$(<child)" Z
  run offcpu -d 1 -p "$gone"
  [ "$status" -eq 1 ]
  [ "$output" = "offcpu: no such process: $gone" ]
  run offcpu -d 1 -L "$gone"
  [ "$status" -eq 1 ]
  [ "$output" = "offcpu: no such thread: $gone" ]
  run offcpu -d 1 -p "$(<child)"
  [ "$status" -eq 1 ]
  [ "$output" = "offcpu: process $(<child) has ended already (zombie)" ]
}

@test "targets that end during the run end it" {
  for option in -p -L; do
    background sleep 1000
    trace $option "$last" -j -o out.json
    kill "$last"
    finish
    [ "$status" -eq 0 ]
    grep -q 'all targets have ended' err
    whole out.json
  done
}

@test "without the right to it: one message, one hint, status 3" {
  install -m 755 "$(command -v offcpu)" /tmp/offcpu-$$
  run setpriv --reuid=nobody --clear-groups --inh-caps=-all --bounding-set=-all \
    /tmp/offcpu-$$ -o /dev/null -d 1
  rm /tmp/offcpu-$$
  echo "$status $output"
  [ "$status" -eq 3 ]
  [ "${#lines[@]}" -eq 2 ]
  [[ ${lines[1]} == hint:* ]]
}

@test "CAP_BPF and CAP_PERFMON are enough" {
  install -m 755 "$(command -v offcpu)" /tmp/offcpu-$$
  run setpriv --reuid=nobody --clear-groups --inh-caps=-all,+bpf,+perfmon \
    --ambient-caps=-all,+bpf,+perfmon --bounding-set=-all,+bpf,+perfmon \
    /tmp/offcpu-$$ -q -j -- sleep 0.1
  rm /tmp/offcpu-$$
  [ "$status" -eq 0 ]
  jq -se 'map(select(.comm == "sleep" and .reason == "sleep")) | length == 1' \
    <<<"$output"
}

@test "a reader that goes away while nothing is written" {
  mkfifo pipe
  offcpu -q -p $$ --ready-fd 9 >pipe 9>&1 2>err 3>&- 4>&- &
  tool=$!
  started+=("$tool")
  # The byte of --ready-fd comes through the same pipe: it measures now.
  { IFS= read -r -t 60 byte; } <pipe
  finish
  [ "$status" -eq 0 ]
  [ ! -s err ]
}

@test "a full device is one message and status 1" {
  for way in '-o /dev/full' '-f -o /dev/full' '-j -o /dev/full' '>/dev/full'; do
    run bash -c "offcpu -q $way -- sleep 0.1"
    echo "$way: $status $output"
    [ "$status" -eq 125 ] || [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "offcpu: cannot write to "*": No space left on device" ]]
  done
}

@test "an output that cannot be written is found before anything starts" {
  run offcpu -o /no/such/place/x -- touch started
  [ "$status" -eq 125 ]
  [ ! -e started ]
}

@test "several outputs, each in the format of its name" {
  offcpu -q -o - -o a.folded -o b.json -o c.txt -- sleep 0.1 >stdout
  whole b.json
  grep -qE '^sleep;blocked;.* [0-9]+$' a.folded
  grep -qE ' sleep +blocked +sleep ' c.txt
  grep -q '^lost: none' c.txt
  cmp stdout c.txt
}

@test "SIGINT, SIGTERM and SIGHUP end it with a report" {
  for signal in INT TERM HUP; do
    trace -q -j -o "$signal.json"
    "$workloads/waits" sleeps 1 20 1000 >own
    finish "$signal"
    [ "$status" -eq 0 ]
    [ ! -s err ]
    whole "$signal.json"
    jq -se 'map(select(.comm == "waits" and .reason == "sleep").count)
      | add > 0' "$signal.json"
  done
}

@test "SIGUSR1 reports and goes on" {
  background sleep 1000
  trace -q -p "$last" -j
  snapshots() {
    kill -USR1 "$tool"
    [ "$(grep -c '"type":"interval"' out)" -ge "$1" ]
  }
  until_true snapshots 2
  finish INT
  [ "$status" -eq 0 ]
  # The sleep goes on, and is longer each time; it is one wait all the same.
  jq -se 'map(select(.type == "wait")) as $rows | map(.total_ns? // empty) as $t
    | ($rows | length) >= 3 and ($rows | all(.count == 1 and .open == 1))
      and ([range(1; $t | length)] | all($t[.] > $t[. - 1]))
      and last.type == "end" and last.ledger.unaccounted == 0
      and last.waits == 1' out
}

@test "SIGUSR1 replaces a file, which is a whole document each time" {
  trace -q -j -o out.json
  snapshot() { kill -USR1 "$tool"; [ -s out.json ]; }
  until_true snapshot
  jq -se '.[0].type == "begin" and last.type == "interval" and last.snapshot' \
    out.json
  finish INT
  whole out.json
}

@test "SIGKILL leaves nothing behind" {
  trace -q -o out.json
  programs=$(grep -h '^prog_id' /proc/"$tool"/fdinfo/* | awk '{ print $2 }' | sort -u)
  [ -n "$programs" ]
  finish KILL || true
  [ "$status" -eq 137 ]
  gone() {
    local id
    for id in $programs; do ! bpftool prog show id "$id" >/dev/null 2>&1 || return 1; done
  }
  until_true gone
}

@test "a command's own status is passed on" {
  for wanted in 0 1 255; do
    run offcpu -q -o out.json --max-loss 0 -- sh -c "exit $wanted"
    [ "$status" -eq "$wanted" ]
    whole out.json
  done
  run offcpu -q -o out.json -- sh -c "kill -TERM \$\$"
  [ "$status" -eq 143 ]
  run -127 offcpu -q -- /no/such/command
  [[ $output == "offcpu: cannot run '/no/such/command': No such file or directory" ]]
  run offcpu -q -c no-such-cgroup -- touch ran
  [ "$status" -eq 125 ]
  [ ! -e ran ]
}
