#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # bats: variables of the helpers
# tcpconnect: targets that go, outputs that fail, signals, losses, and the status
# of a command.

bats_require_minimum_version 1.5.0
load helpers
load connect_helpers
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
  run tcpconnect -d 1 -p "$gone"
  [ "$status" -eq 1 ]
  [ "$output" = "tcpconnect: no such process: $gone" ]
  run tcpconnect -d 1 -p "$(<child)"
  [ "$status" -eq 1 ]
  [ "$output" = "tcpconnect: process $(<child) has ended already (zombie)" ]
}

@test "without the right to it: one message, one hint, status 3" {
  install -m 755 "$(command -v tcpconnect)" /tmp/tcpconnect-$$
  run setpriv --reuid=nobody --clear-groups --inh-caps=-all --bounding-set=-all \
    /tmp/tcpconnect-$$ -o /dev/null -d 1
  rm /tmp/tcpconnect-$$
  echo "$status $output"
  [ "$status" -eq 3 ]
  [ "${#lines[@]}" -eq 2 ]
  [[ ${lines[1]} == hint:* ]]
}

@test "rows leave as they come, also into a pipe" {
  mkfifo pipe
  exec 7<>pipe
  snoop -q -o pipe
  IFS= read -r -t 60 title <&7
  "$workloads/connects" to 127.0.0.1 9 1 >said
  until [[ ${row-} == *'  127.0.0.1:9' ]]; do IFS= read -r -t 60 row <&7; done
  # Nothing else happens, and it is there all the same.
  finish INT
  exec 7>&-
  [ "$status" -eq 0 ]
}

@test "a reader that goes away ends the tool quietly" {
  run bash -o pipefail -c 'tcpconnect -q -j 3>&- | head -n 1; exit ${PIPESTATUS[0]}'
  [ "$status" -eq 0 ]
  [ "${#lines[@]}" -eq 1 ]
  [ "$(jq -r .type <<<"$output")" = begin ]
}

@test "a reader that goes away while nothing is written" {
  mkfifo pipe
  tcpconnect -q -p $$ --ready-fd 9 >pipe 9>&1 2>err 3>&- 4>&- &
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
    run bash -c "tcpconnect -q -d 200ms $way"
    echo "$way: $status $output"
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "tcpconnect: cannot write to "*": No space left on device" ]]
  done
}

@test "closed standard output is one message and status 1" {
  run bash -c 'tcpconnect -q -d 200ms >&-'
  [ "$status" -eq 1 ]
  [ "${#lines[@]}" -eq 1 ]
  [[ $output == "tcpconnect: cannot write to "* ]]
}

@test "an output that cannot be written is found before anything starts" {
  run tcpconnect -o /no/such/place/x -- touch started
  [ "$status" -eq 125 ]
  [ ! -e started ]
}

@test "several outputs, each in the format of its name" {
  tcpconnect -q -o - -o a.folded -o b.json -o c.txt -- "$workloads/connects" to 127.0.0.1 9 11 >stdout
  check_connects b.json
  [ "$(events '.remote_port == 9' b.json)" -eq 11 ]
  grep -qE ';connects;127.0.0.1:9 \[refused\] 11$' a.folded
  [ "$(grep -c '127.0.0.1:9$' c.txt)" -eq 11 ]
  cmp <(grep -vE '^9 111 0$' stdout) c.txt
  grep -q 'lost: none; partial: none$' c.txt
}

@test "SIGINT, SIGTERM and SIGHUP end it with all that happened" {
  for signal in INT TERM HUP; do
    snoop -q -j -o "$signal.json"
    "$workloads/connects" refused 50 >/dev/null
    finish "$signal"
    [ "$status" -eq 0 ]
    [ ! -s err ]
    check_connects "$signal.json"
    [ "$(events '.comm == "connects"' "$signal.json")" -ge 50 ]
  done
}

@test "a second SIGINT leaves at once with 130" {
  mkfifo pipe
  exec 8<>pipe
  # Its rows do not fit into a pipe that is full, and nobody reads them.
  timeout 1 dd if=/dev/zero of=pipe bs=4096 count=64 oflag=nonblock 2>/dev/null || true
  tcpconnect -q --summary --ready-fd 9 >pipe 2>err 3>&- 4>&- 8>&- 9>ready &
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
  (trap '' HUP; exec tcpconnect -q --ready-fd 9 -o out.json 9>ready 2>err 3>&- 4>&-) &
  tool=$!
  started+=("$tool")
  await_ready
  kill -HUP "$tool"
  kill -USR1 "$tool"
  until_true grep -q '"snapshot":true' out.json
  finish INT
  [ "$status" -eq 0 ]
  check_connects out.json
}

@test "SIGUSR1 reports and goes on" {
  snoop -f -o out.folded
  "$workloads/connects" to 127.0.0.1 9 5 >/dev/null
  counted() { kill -USR1 "$tool"; [ -s out.folded ] && grep -qE ';127.0.0.1:9 .refused. 5$' out.folded; }
  until_true counted
  "$workloads/connects" to 127.0.0.1 9 6 >/dev/null
  finish INT
  [ "$status" -eq 0 ]
  [ "$(sed -nE 's/.*;127.0.0.1:9 .refused. ([0-9]+)$/\1/p' out.folded)" -eq 11 ]
  grep -q '^tcpconnect: lost: none; partial: none$' err
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
  # All of it: the thread that reads the ring too.
  kill -STOP "$tool"
  # 160 bytes each, in a ring of 2 MiB that nobody reads.
  "$workloads/connects" storm 10000 2 >/dev/null
  kill -CONT "$tool"
  finish INT
  [ "$status" -eq 5 ]
  # With -q too, and once.
  [[ $(grep -v '^hint: ' err) =~ ^'tcpconnect: '[0-9]+\.[0-9]+' % lost, more than --max-loss 0'$ ]]
  check_connects out.json
  lost=$(records 'select(.type == "end").ledger.event_ring_full' out.json)
  [ "$lost" -gt 0 ]
  [ "$(records 'select(.type == "lost" and .reason == "event_ring_full").count' out.json)" -eq "$lost" ]
  run tcpconnect -q --max-loss 0 -- true
  [ "$status" -eq 0 ]
}

# fill_ring ODD: with attempts and their parents, while nobody reads, behind so
# many attempts whose parents are not known, as they began before.
fill_ring() {
  local i
  rm -f hold.*
  : >said
  for ((i = 0; i < $1; ++i)); do
    mkfifo hold.$i
    "$workloads/connects" unanswered <>hold.$i >>said 3>&- 4>&- &
    started+=($!)
  done
  local wanted=$((2 * $1))
  all_said() { [ "$(wc -l <said)" -eq "$wanted" ]; }
  until_true all_said
  snoop -j --ancestry -o out.json
  kill -STOP "$tool"
  for ((i = 0; i < $1; ++i)); do echo >hold.$i; done
  "$workloads/connects" storm 4000 2 >/dev/null
  kill -CONT "$tool"
  finish INT
}

@test "attempts that lack their parents are counted, each once" {
  # What is left of the ring has room for an attempt, and not for its parents,
  # with one of these numbers or another.
  for odd in 0 1 2 3 4; do
    fill_ring $odd
    [ "$status" -eq 0 ]
    check_connects out.json
    lost=$(of_ledger parents_lost)
    [ "$(events '.comm == "connects" and .ancestors == null
      and .ancestors_reason == "their record was lost"' \
      out.json)" -eq "$lost" ]
    [ "$lost" -eq 0 ] || break
  done
  [ "$lost" -gt 0 ]
}

# begin_too_many PORT: in the left network, as many attempts as the table has
# room for and 116 more, until there is input in the file `hold`.
begin_too_many() {
  at "$left" sysctl -q -w net.ipv4.ip_local_port_range='1024 65000'
  ulimit -n 20000
  mkfifo hold
  nsenter -t "$left" -n "$workloads/connects" begun 10.9.0.2 "$1" 16500 \
    <>hold >said 3>&- 4>&- &
  last=$!
  started+=("$last")
  said_all() { [ "$(wc -l <said)" -eq 16500 ]; }
  until_true said_all
}

@test "attempts without a place in the table that do not end are lost by name" {
  new_network
  on_input "$right" tcp dport 7001 drop
  snoop -q -j -o out.json -P 7001 --max-loss 0
  begin_too_many 7001
  finish INT
  kill "$last"
  [ "$status" -eq 5 ]
  check_connects out.json event_ring_full attempts_full start_unseen
  [ "$(records 'select(.type == "end") | .pending' out.json)" -eq 16384 ]
  [ "$(of_ledger attempts_unfollowed)" -eq 116 ]
}

@test "attempts without a place in the table show when they end" {
  new_network
  on_input "$right" tcp dport 7001 drop
  snoop -q -j -o out.json -P 7001 --max-loss 0
  begin_too_many 7001
  echo >hold
  wait "$last"
  finish INT
  [ "$status" -eq 0 ]
  check_connects out.json event_ring_full attempts_full attempts_unfollowed
  [ "$(records 'select(.outcome == "aborted") | .outcome' out.json | wc -l)" -eq 16500 ]
  [ "$(of_ledger start_unseen)" -eq 116 ]
}

@test "attempts of a command that find no place in the table are lost by name" {
  new_network
  on_input "$right" tcp dport 7001 drop
  at "$left" sysctl -q -w net.ipv4.ip_local_port_range='1024 65000'
  ulimit -n 20000
  nsenter -t "$left" -n tcpconnect -q -j -o out.json -- \
    "$workloads/connects" begun 10.9.0.2 7001 16500 </dev/null >said
  check_connects out.json event_ring_full attempts_unfollowed start_unseen
  [ "$(records 'select(.outcome == "aborted") | .outcome' out.json | wc -l)" -eq 16384 ]
  [ "$(of_ledger attempts_full)" -eq 116 ]
}

@test "failed sockets that are kept open take no place from others" {
  new_network
  snoop -q -j -o out.json -P 7002 --max-loss 0
  begin_too_many 7002
  finish INT
  kill "$last"
  [ "$status" -eq 0 ]
  check_connects out.json event_ring_full attempts_full attempts_unfollowed \
    start_unseen
  [ "$(records 'select(.outcome == "refused") | .outcome' out.json | wc -l)" -eq 16500 ]
}

@test "a command's own status is passed on" {
  for wanted in 0 1 42 255; do
    run tcpconnect -q -o out.json -- sh -c "exit $wanted"
    [ "$status" -eq "$wanted" ]
    check_connects out.json
  done
  for signal in TERM KILL SEGV; do
    run tcpconnect -q -o out.json -- sh -c "kill -$signal \$\$"
    [ "$status" -eq $((128 + $(kill -l $signal))) ]
  done
  run -127 tcpconnect -q -- /no/such/command
  [[ $output == "tcpconnect: cannot run '/no/such/command': No such file or directory" ]]
  touch plain
  run tcpconnect -q -- ./plain
  [ "$status" -eq 126 ]
  run tcpconnect -q -c no-such-cgroup -- touch ran
  [ "$status" -eq 125 ]
  [ ! -e ran ]
}

@test "a command that ignores the signal is waited for, which is said" {
  mkfifo go
  snoop -o out.json -- sh -c 'trap "" INT; : >armed; read -r _ <go; exit 7'
  until_true test -e armed
  kill -INT "$tool"
  until_true grep -qx 'tcpconnect: waiting for the command to end' err
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
  check_connects out.json
}
