#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # bats: variables of the helpers
# execsnoop: targets that go, outputs that fail, signals, losses, and the status
# of a command.

bats_require_minimum_version 1.5.0
load helpers
load exec_helpers
setup() { e2e_setup; }
teardown() { e2e_teardown; }

@test "a process that is gone, or a zombie, is no target" {
  true &
  gone=$!
  wait "$gone"
  mkfifo go
  background bash -c 'read -r <go & echo $! >child; exec tail -f /dev/null'
  parent_is_tail() { [ "$(<"/proc/$last/comm")" = tail ] && [ -s child ]; }
  until_true parent_is_tail
  echo >go
  until_true has_state "$(<child)" Z
  for option in -p --parent --tree-of; do
    run execsnoop -d 1 $option "$gone"
    [ "$status" -eq 1 ]
    [ "$output" = "execsnoop: no such process: $gone" ]
    run execsnoop -d 1 $option "$(<child)"
    [ "$status" -eq 1 ]
    [ "$output" = "execsnoop: process $(<child) has ended already (zombie)" ]
  done
}

@test "rows leave as they come, also into a pipe" {
  mkfifo pipe
  exec 7<>pipe
  snoop -q -o pipe
  IFS= read -r -t 60 title <&7
  /bin/true first
  until [[ ${row-} == *'/bin/true first' ]]; do IFS= read -r -t 60 row <&7; done
  # Nothing else happens, and it is there all the same.
  finish INT
  exec 7>&-
  [ "$status" -eq 0 ]
}

@test "a reader that goes away ends the tool quietly" {
  run bash -o pipefail -c 'execsnoop -q -j 3>&- | head -n 1; exit ${PIPESTATUS[0]}'
  [ "$status" -eq 0 ]
  [ "${#lines[@]}" -eq 1 ]
  [ "$(jq -r .type <<<"$output")" = begin ]
}

@test "a reader that goes away while nothing is written" {
  mkfifo pipe
  execsnoop -q -p $$ --ready-fd 9 >pipe 9>&1 2>err 3>&- 4>&- &
  tool=$!
  started+=("$tool")
  # The byte of --ready-fd comes through the same pipe, behind the title.
  { IFS= read -r -t 60 title && IFS= read -r -t 60 byte; } <pipe
  finish
  [ "$status" -eq 0 ]
  [ ! -s err ]
}

@test "a full device is one message and status 1" {
  for way in '-o /dev/full' '-j -o /dev/full' '--summary -o /dev/full' '>/dev/full' '-j >/dev/full'; do
    run bash -c "execsnoop -q -d 200ms $way"
    echo "$way: $status $output"
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "execsnoop: cannot write to "*": No space left on device" ]]
  done
}

@test "a disk that fills up does not cost the command, nor its status" {
  mkdir small
  for code in 7 0; do
    run unshare --mount bash -c "mount -t tmpfs -o size=64k tmpfs small
      execsnoop -q -j -o small/out.json -- sh -c '\"$workloads/execs\" storm 500 1 >/dev/null; touch ended; exit $code'"
    echo "$code: $status $output"
    [ "$status" -eq $((code != 0 ? code : 125)) ]
    [[ $output == "execsnoop: cannot write to "*": No space left on device" ]]
    rm ended
  done
}

@test "closed standard output is one message and status 1" {
  run bash -c 'execsnoop -q -d 200ms >&-'
  [ "$status" -eq 1 ]
  [ "${#lines[@]}" -eq 1 ]
  [[ $output == "execsnoop: cannot write to "* ]]
}

@test "an output that cannot be written is found before anything starts" {
  run execsnoop -o /no/such/place/x -- touch started
  [ "$status" -eq 125 ]
  [ ! -e started ]
}

@test "several outputs, each in the format of its name" {
  execsnoop -q -o - -o a.folded -o b.json -o c.txt -- "$workloads/execs" storm 11 1 >stdout
  check_events b.json
  [ "$(events '.args[1] == "done"' b.json)" -eq 11 ]
  grep -qE ';execs;execs;execs 11$' a.folded
  [ "$(grep -c 'execs done 0 ' c.txt)" -eq 11 ]
  cmp <(grep -vE '^[0-9]+$' stdout) c.txt
  grep -q 'lost: none; partial: none$' c.txt
}

@test "SIGINT, SIGTERM and SIGHUP end it with all that happened" {
  for signal in INT TERM HUP; do
    snoop -q -j -o "$signal.json"
    "$workloads/execs" storm 50 1 >/dev/null
    finish "$signal"
    [ "$status" -eq 0 ]
    [ ! -s err ]
    check_events "$signal.json"
    [ "$(events '.args[1] == "done"' "$signal.json")" -ge 50 ]
  done
}

@test "a second SIGINT leaves at once with 130" {
  mkfifo pipe
  exec 8<>pipe
  # Its rows do not fit into a pipe that is full, and nobody reads them.
  timeout 1 dd if=/dev/zero of=pipe bs=4096 count=64 oflag=nonblock 2>/dev/null || true
  execsnoop -q --summary --ready-fd 9 >pipe 2>err 3>&- 4>&- 8>&- 9>ready &
  tool=$!
  started+=("$tool")
  until_true test -s ready
  kill -INT "$tool"
  catches() { (($((16#$(awk '/^SigCgt/ { print $2 }' "/proc/$tool/status"))) & 2)); }
  until_true catches
  finish INT
  exec 8>&-
  [ "$status" -eq 130 ]
}

@test "SIGHUP that was ignored at the start stays ignored" {
  mkfifo ready
  (trap '' HUP; exec execsnoop -q --ready-fd 9 -o out.json 9>ready 2>err 3>&- 4>&-) &
  tool=$!
  started+=("$tool")
  await_ready
  kill -HUP "$tool"
  kill -USR1 "$tool"
  until_true grep -q '"snapshot":true' out.json
  finish INT
  [ "$status" -eq 0 ]
  check_events out.json
}

@test "SIGUSR1 reports and goes on" {
  snoop -f -o out.folded
  "$workloads/execs" storm 5 1 >/dev/null
  counted() { kill -USR1 "$tool"; [ -s out.folded ] && grep -qE ';execs;execs 5$' out.folded; }
  until_true counted
  "$workloads/execs" storm 6 1 >/dev/null
  finish INT
  [ "$status" -eq 0 ]
  [ "$(sed -nE 's/.*;execs;execs ([0-9]+)$/\1/p' out.folded)" -eq 11 ]
  grep -q '^execsnoop: lost: none; partial: none$' err
}

@test "SIGKILL leaves nothing behind" {
  snoop -q -o out.json
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

@test "what is lost is counted, said, and judged by --max-loss" {
  snoop -q -j -o out.json --max-loss 0
  kill -STOP "$tool"
  # Some 300 bytes each, in a ring of 2 MiB that nobody reads.
  "$workloads/execs" storm 8000 2 >/dev/null
  kill -CONT "$tool"
  finish INT
  [ "$status" -eq 5 ]
  # With -q too, and once.
  [[ $(grep -v '^hint: ' err) =~ ^'execsnoop: '[0-9]+\.[0-9]+' % lost, more than --max-loss 0'$ ]]
  check_events out.json
  lost=$(records 'select(.type == "end").ledger.event_ring_full' out.json)
  [ "$lost" -gt 0 ]
  [ "$(records 'select(.type == "lost" and .reason == "event_ring_full").count' out.json)" -eq "$lost" ]
  run execsnoop -q --max-loss 0 -- true
  [ "$status" -eq 0 ]
}

@test "programs that lack a piece of their arguments are counted, each once" {
  snoop -j -o out.json
  kill -STOP "$tool"
  # The ring holds some 17 of them, and the first record of a few more.
  "$workloads/execs" flood 60 120000 0
  kill -CONT "$tool"
  finish INT
  [ "$status" -eq 0 ]
  check_events out.json
  lost=$(records 'select(.type == "end").ledger.text_lost' out.json)
  [ "$lost" -gt 0 ]
  [ "$(events '.args[1] == "done" and .args_cut')" -eq "$lost" ]
}

@test "a command's own status is passed on" {
  for wanted in 0 1 42 255; do
    run execsnoop -q -o out.json -- sh -c "exit $wanted"
    [ "$status" -eq "$wanted" ]
    check_events out.json
  done
  for signal in TERM KILL SEGV; do
    run execsnoop -q -o out.json -- sh -c "kill -$signal \$\$"
    [ "$status" -eq $((128 + $(kill -l $signal))) ]
  done
  run -127 execsnoop -q -- /no/such/command
  [[ $output == "execsnoop: cannot run '/no/such/command': No such file or directory" ]]
  touch plain
  run execsnoop -q -- ./plain
  [ "$status" -eq 126 ]
  run execsnoop -q -c no-such-cgroup -- touch ran
  [ "$status" -eq 125 ]
  [ ! -e ran ]
}

@test "a command that ignores the signal is waited for, which is said" {
  mkfifo go
  snoop -o out.json -- sh -c 'trap "" INT; : >armed; read -r _ <go; exit 7'
  until_true test -e armed
  kill -INT "$tool"
  until_true grep -qx 'execsnoop: waiting for the command to end' err
  echo >go
  finish
  [ "$status" -eq 7 ]
  rm armed out.json
  snoop -q -o out.json -- sh -c 'trap "" INT; : >armed; read -r _ <go; exit 7'
  until_true test -e armed
  kill -INT "$tool"
  until_true grep -qs '"type":"end"' out.json
  echo >go
  finish
  [ "$status" -eq 7 ]
  [ ! -s err ]
}

@test "a signal for the tool alone reaches the command" {
  snoop -q -o out.json -- tail -f /dev/null
  finish TERM
  [ "$status" -eq 143 ]
  check_events out.json
}
