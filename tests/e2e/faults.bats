#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # bats: variables of the helpers
# Targets that go, outputs that fail, signals, and the status of a command.

bats_require_minimum_version 1.5.0
load helpers
setup() { e2e_setup; }
teardown() { e2e_teardown; }

# A process that has ended, and that nobody has taken the place of.
ended_pid() {
  true &
  local pid=$!
  wait "$pid"
  echo "$pid"
}

@test "a process that was gone before the start" {
  pid=$(ended_pid)
  for option in -p -L; do
    run cpuprof -d 1 $option "$pid"
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output =~ "no such "(process|thread)": $pid" ]]
  done
}

@test "targets that end during the run end it" {
  background "$workloads/spin" -r 150
  first=$last
  background "$workloads/spin" -r 300
  profile -F 499 -p "$first,$last" -o out.json
  finish
  [ "$status" -eq 0 ]
  grep -q 'all targets have ended' err
  check_ledger out.json
  [ "$(samples ".pid == $last" out.json)" -gt 0 ]
  background "$workloads/spin" -r 100
  profile -F 499 -L "$last" -o thread.json
  finish
  [ "$status" -eq 0 ]
  check_ledger thread.json
}

@test "a zombie has nothing to profile" {
  # The child ends only when a program that never waits has become its parent.
  mkfifo go
  background bash -c 'read -r <go & echo $! >child; exec tail -f /dev/null'
  parent_is_tail() { [ "$(<"/proc/$last/comm")" = tail ] && [ -s child ]; }
  until_true parent_is_tail
  echo >go
  until_true has_state "$(<child)" Z
  run cpuprof -d 1 -p "$(<child)"
  [ "$status" -eq 1 ]
  [ "$output" = "cpuprof: process $(<child) has ended already (zombie)" ]
}

@test "a kernel thread can be a target" {
  cpuprof -q -F 999 -d 500ms -p 2 -o out.json
  check_ledger out.json
  # One that works: whatever the machine's own threads did meanwhile.
  cpuprof -q -e context-switches --period 1 -d 1s --by pid -o all.json
  check_ledger all.json
  thread=$(records 'select(.type == "stack" and (.frames | any(.name == "kthread"))).pid' all.json | head -n 1)
  [ -n "$thread" ]
  cpuprof -q -e context-switches --period 1 -d 3s -p "$thread" -o one.json
  check_ledger one.json
  [ "$(samples '.frames | any(.kernel | not)' one.json)" -eq 0 ]
}

@test "a reader that goes away ends the tool quietly" {
  background "$workloads/spin" 100
  run bash -o pipefail -c 'cpuprof -q -j -i 100ms 3>&- | head -n 1; exit ${PIPESTATUS[0]}'
  [ "$status" -eq 0 ]
  [ "${#lines[@]}" -eq 1 ]
  [ "$(jq -r .type <<<"$output")" = begin ]
}

@test "a reader that goes away while nothing is written" {
  mkfifo pipe
  cpuprof -q --ready-fd 9 >pipe 9>&1 2>err 3>&- 4>&- &
  tool=$!
  started+=("$tool")
  # The byte of --ready-fd comes through the same pipe: it measures now.
  { IFS= read -r -t 60 byte; } <pipe
  finish
  [ "$status" -eq 0 ]
  [ ! -s err ]
}

@test "a full device is one message and status 1" {
  # Folded writes nothing at all where nothing ran.
  background "$workloads/spin" 100
  for way in '-o /dev/full' '-f -o /dev/full' '-j -o /dev/full' '>/dev/full' '-j >/dev/full'; do
    run bash -c "cpuprof -q -d 200ms $way"
    echo "$way: $status $output"
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "cpuprof: cannot write to "*": No space left on device" ]]
  done
}

@test "closed standard output is one message and status 1" {
  run bash -c 'cpuprof -q -d 200ms >&-'
  [ "$status" -eq 1 ]
  [ "${#lines[@]}" -eq 1 ]
  [[ $output == "cpuprof: cannot write to "* ]]
}

@test "an output that cannot be written is found before anything starts" {
  mkdir read-only
  mount -t tmpfs -o ro none read-only
  run cpuprof -d 100 -o read-only/out.json
  umount read-only
  [ "$status" -eq 1 ]
  [[ $output == "cpuprof: cannot write to 'read-only/out.json': Read-only file system"* ]]
  run cpuprof -d 100 -o out.json -- touch ran -o /no/such/place/x
  [ "$status" -eq 0 ] || true
  run cpuprof -o /no/such/place/x -- touch started
  [ "$status" -eq 125 ]
  [ ! -e started ]
}

@test "an output that is a link: what it names is replaced, the link stays" {
  mkdir there
  echo old >there/real.json
  chmod 640 there/real.json
  ln -s there/real.json out.json
  ln -s there/new.json dangling.json
  cpuprof -q -d 200ms -o out.json -o dangling.json
  [ -L out.json ] && [ -L dangling.json ]
  [ "$(stat -c %a there/real.json)" = 640 ]
  check_ledger there/real.json
  check_ledger there/new.json
}

@test "several outputs, each in the format of its name" {
  background "$workloads/spin" 100
  cpuprof -q -F 499 -d 1 -p "$last" -o - -o a.folded -o b.json -o c.txt -o plain >stdout
  check_ledger b.json
  grep -qE '^spin;.*hot_sixty [0-9]+$' a.folded
  [ "$(awk '{ sum += $NF } END { print sum }' a.folded)" -eq \
    "$(records 'select(.type == "end").samples' b.json)" ]
  for table in stdout c.txt plain; do
    grep -q hot_sixty $table
    grep -q '^lost: ' $table
  done
  cmp stdout c.txt
}

@test "SIGINT, SIGTERM and SIGHUP end the measurement with a report" {
  background "$workloads/spin" 100
  for signal in INT TERM HUP; do
    profile -q -F 999 -p "$last" -o "$signal.json"
    # Something to report: a first snapshot shows that samples came.
    snapshot_has_samples() {
      kill -USR1 "$tool"
      [ -s "$signal.json" ] && [ "$(samples true "$signal.json")" -gt 0 ]
    }
    until_true snapshot_has_samples
    finish "$signal"
    [ "$status" -eq 0 ]
    [ ! -s err ]
    check_ledger "$signal.json"
    [ "$(samples '.process == "spin"' "$signal.json")" -gt 0 ]
  done
}

@test "a second SIGINT leaves at once with 130" {
  mkfifo pipe
  exec 8<>pipe
  # The report does not fit into a pipe that is full, and nobody reads it.
  timeout 1 dd if=/dev/zero of=pipe bs=4096 count=64 oflag=nonblock 2>/dev/null || true
  cpuprof -q --ready-fd 9 >pipe 2>err 3>&- 4>&- 8>&- 9>ready &
  tool=$!
  started+=("$tool")
  until_true test -s ready
  kill -INT "$tool"
  # Bit 2 of the caught signals: the first one has been taken in.
  catches() { (($((16#$(awk '/^SigCgt/ { print $2 }' "/proc/$tool/status"))) & 2)); }
  until_true catches
  finish INT
  exec 8>&-
  [ "$status" -eq 130 ]
}

@test "SIGHUP that was ignored at the start stays ignored" {
  mkfifo ready
  (trap '' HUP; exec cpuprof -q --ready-fd 9 -o out.json 9>ready 2>err 3>&- 4>&-) &
  tool=$!
  started+=("$tool")
  await_ready
  kill -HUP "$tool"
  kill -USR1 "$tool"
  until_true test -s out.json
  [ "$(tail -n 1 out.json | jq -r .snapshot)" = true ]
  finish INT
  [ "$status" -eq 0 ]
  check_ledger out.json
}

@test "SIGUSR1 reports and goes on" {
  background "$workloads/spin" 100
  profile -F 999 -p "$last" -o out.json -o -
  snapshots() {
    kill -USR1 "$tool"
    [ "$(grep -c '^PROCESSES' out)" -ge "$1" ]
  }
  until_true snapshots 1
  [ "$(tail -n 1 out.json | jq -r .type)" = interval ]
  first=$(samples true out.json)
  until_true snapshots 3
  more_samples() { [ "$(samples true out.json)" -gt "$first" ]; }
  until_true more_samples
  finish INT
  [ "$status" -eq 0 ]
  check_ledger out.json
  [ "$(records .type out.json | sort | uniq -c | awk '$2 == "begin" { print $1 }')" -eq 1 ]
}

@test "SIGKILL leaves nothing behind" {
  background "$workloads/spin" 100
  profile -q -F 999 -o out.json -- "$workloads/spin" 0.5
  programs=$(grep -h '^prog_id' /proc/"$tool"/fdinfo/* | awk '{ print $2 }' | sort -u)
  [ -n "$programs" ]
  for id in $programs; do bpftool prog show id "$id" >/dev/null; done
  kill -USR1 "$tool"
  finish KILL || true
  [ "$status" -eq 137 ]
  gone() {
    local id
    for id in $programs; do ! bpftool prog show id "$id" >/dev/null 2>&1 || return 1; done
  }
  until_true gone
  [ -z "$(find . -name '.sightline*')" ]
}

@test "a command's own status is passed on" {
  for wanted in 0 1 42 255; do
    run cpuprof -q -o out.json -- sh -c "exit $wanted"
    [ "$status" -eq "$wanted" ]
    check_ledger out.json
  done
  for signal in TERM KILL PIPE SEGV; do
    run cpuprof -q -o out.json -- sh -c "kill -$signal \$\$"
    [ "$status" -eq $((128 + $(kill -l $signal))) ]
  done
  run -127 cpuprof -q -- /no/such/command
  [[ $output == "cpuprof: cannot run '/no/such/command': No such file or directory" ]]
  touch plain
  run cpuprof -q -- ./plain
  [ "$status" -eq 126 ]
  [[ $output == "cpuprof: cannot run './plain': Permission denied" ]]
  run cpuprof -q -c no-such-cgroup -- touch ran
  [ "$status" -eq 125 ]
  [ ! -e ran ]
}

@test "a command that ignores the signal is waited for, which is said" {
  mkfifo go
  profile -o out.json -- sh -c 'trap "" INT; : >armed; read -r _ <go; exit 7'
  until_true test -e armed
  kill -INT "$tool"
  until_true grep -qx 'cpuprof: waiting for the command to end' err
  echo >go
  finish
  [ "$status" -eq 7 ]
  rm armed out.json
  profile -q -o out.json -- sh -c 'trap "" INT; : >armed; read -r _ <go; exit 7'
  until_true test -e armed
  kill -INT "$tool"
  until_true grep -qs '"type":"end"' out.json
  echo >go
  finish
  [ "$status" -eq 7 ]
  [ ! -s err ]
}

@test "a signal for the tool alone reaches the command" {
  profile -q -o out.json -- tail -f /dev/null
  finish TERM
  [ "$status" -eq 143 ]
  check_ledger out.json
}

@test "a command has its input, output and default signals" {
  run bash -c 'echo text | cpuprof -q -o out.json -- cat'
  [ "$output" = text ]
  (trap '' PIPE QUIT TSTP XFSZ RTMIN; cpuprof -q -o out.json -- grep -E '^Sig(Blk|Ign)' /proc/self/status >signals)
  [ "$(awk '{ print $2 }' signals | sort -u)" = 0000000000000000 ]
}

@test "--max-loss is 5 only when it is exceeded" {
  run cpuprof -q -d 300ms -e page-faults --period 1 --max-loss 0
  echo "$output"
  [ "$status" -eq 0 ]
  # A recording in which as much is lost as was delivered.
  cpuprof -q -F 999 -o whole.json -- "$workloads/spin" -r 20
  jq -c 'if .type == "end" then .ledger.entered += .samples | .ledger.table_full = .samples else . end' \
    whole.json >half.json
  run cpuprof -q --from half.json -o out.json --max-loss 49.9
  [ "$status" -eq 5 ]
  [ "$output" = "cpuprof: 50.0 % lost, more than --max-loss 49.9" ]
  run cpuprof -q --from half.json -o out.json --max-loss 50
  [ "$status" -eq 0 ]
  [ -z "$output" ]
}
