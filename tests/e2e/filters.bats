#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # bats: variables of the helpers
# Every filter lets through what it names and counts what it leaves out.

load helpers
setup() { e2e_setup; }
teardown() {
  e2e_teardown
  [ -z "${cgroup:-}" ] || rmdir "$cgroup/child" "$cgroup"
}

# two_spins: two loads; their pids are in $one and $two.
two_spins() {
  background "$workloads/spin" 100 >/dev/null
  one=$last
  background "$workloads/syscalls" 100 >/dev/null
  two=$last
}

two_callers() {
  background "$workloads/syscalls" 100
  one=$last
  background "$workloads/syscalls" 100
  two=$last
}

pids_in() { records 'select(.type == "stack").pid' "$1" | sort -un | xargs; }

@test "-p: several processes, and nothing else" {
  two_spins
  cpuprof -q -F 499 -d 1 -p "$one,$two" -p "$one" -o out.json
  check_ledger out.json
  [ "$(pids_in out.json)" = "$(printf '%s\n' "$one" "$two" | sort -n | xargs)" ]
  cpuprof -q -F 499 -d 1 -p "$one" -o out.json
  check_ledger out.json
  [ "$(pids_in out.json)" = "$one" ]
  [ "$(records 'select(.type == "end").ledger.not_target' out.json)" -gt 0 ]
}

@test "-L: one thread of many" {
  background "$workloads/threads" 3 100000
  threads() { find "/proc/$last/task" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -n; }
  has_four() { [ "$(threads | wc -l)" -eq 4 ]; }
  until_true has_four
  tid=$(threads | tail -n 1)
  cpuprof -q -F 999 -d 1 -L "$tid" --by tid -o out.json
  check_ledger out.json
  [ "$(records 'select(.type == "stack").tid' out.json | sort -u)" = "$tid" ]
}

@test "-n: by name of the thread, and what is left out is counted" {
  two_spins
  cpuprof -q -F 499 -d 1 -n '^sp.n$' -o out.json
  check_ledger out.json
  [ "$(records 'select(.type == "stack").comm' out.json | sort -u)" = spin ]
  [ "$(records 'select(.type == "end").ledger.not_matching' out.json)" -gt 0 ]
}

@test "-u: by user, by number and by name" {
  install -m 755 "$workloads/spin" /tmp/sightline-spin
  background setpriv --reuid=65534 --clear-groups /tmp/sightline-spin 100
  theirs=$last
  background "$workloads/syscalls" 100
  for user in 65534 nobody; do
    cpuprof -q -F 499 -d 1 -u $user -o out.json
    check_ledger out.json
    [ "$(records 'select(.type == "stack").uid' out.json | sort -u)" = 65534 ]
    [[ " $(pids_in out.json) " == *" $theirs "* ]]
  done
  rm /tmp/sightline-spin
}

@test "-c: a cgroup and all below it, by absolute and relative path" {
  mount=$(findmnt -nt cgroup2 -o TARGET | head -n 1)
  [ -n "$mount" ] || skip "no cgroup 2 hierarchy"
  cgroup=$mount/sightline-test-$$
  mkdir -p "$cgroup/child"
  two_spins
  inside() { echo "$BASHPID" >"$cgroup/child/cgroup.procs"; exec "$workloads/spin" 100; }
  background inside
  theirs=$last
  for path in "$cgroup" "${cgroup##*/}" "$cgroup/child"; do
    cpuprof -q -F 499 -d 1 -c "$path" --by cgroup -o out.json
    check_ledger out.json
    [ "$(pids_in out.json)" = "$theirs" ]
    [[ "$(records 'select(.type == "stack").cgroup' out.json | sort -u)" == *"${cgroup##*/}/child" ]]
  done
  kill -KILL "$theirs"
  wait "$theirs" || true
  empty() { ! grep -q . "$cgroup/child/cgroup.procs"; }
  until_true empty
}

@test "-C: one CPU" {
  two_spins
  cpuprof -q -F 499 -d 1 -C 0 --by cpu -o out.json
  check_ledger out.json
  [ "$(records 'select(.type == "stack").cpu' out.json | sort -u)" = 0 ]
  [ "$(records 'select(.type == "begin").cpus' out.json)" -eq 1 ]
}

@test "-U and -K keep one side" {
  background "$workloads/syscalls" 100
  cpuprof -q -F 999 -d 1 -p "$last" -U -o out.json
  check_ledger out.json
  [ "$(samples '.frames | any(.kernel)' out.json)" -eq 0 ]
  [ "$(samples '.frames | any(.name == "calling")' out.json)" -gt 0 ]
  cpuprof -q -F 999 -d 1 -p "$last" -K -o out.json
  check_ledger out.json
  [ "$(samples '.frames | any(.kernel | not)' out.json)" -eq 0 ]
  [ "$(samples '.frames | any(.kernel)' out.json)" -gt 0 ]
}

@test "--idle adds idle time; without it there is none" {
  cpuprof -q -d 1 -o out.json
  check_ledger out.json
  [ "$(samples '.pid == 0' out.json)" -eq 0 ]
  cpuprof -q -d 1 --idle -o out.json
  # Whole ticks of idle time, as far as the machine was idle at all.
  jq -es 'last as $l | ($l.idle_ns / 10101010 | floor) as $idle
    | (map(select(.type == "stack" and .pid == 0).count) | add // 0) as $found
    | if $found < $idle - 1 then error("\($found) of \($idle)") else true end' out.json
}

@test "the tool itself is left out unless asked for" {
  # Under a name of its own: another cpuprof may run.
  cp "$(command -v cpuprof)" myself
  ./myself -q -F 4999 -d 1 -o out.json
  check_ledger out.json
  [ "$(samples '.process == "myself"' out.json)" -eq 0 ]
  ./myself -q -F 4999 -d 1 -i 100ms --include-self -j >out.json
  [ "$(samples '.process == "myself"' out.json)" -gt 0 ]
  [ "$(records 'select(.type == "end").ledger.self' out.json)" -eq 0 ]
}

@test "in a PID namespace of its own, PIDs are as seen there" {
  unshare -pf --mount-proc bash -c '
    "$0" 100 >/dev/null 3>&- 4>&- & spin=$!
    cpuprof -q -F 499 -d 1 -p $spin -o out.json
    echo $spin >pid
    kill -KILL $spin' "$workloads/spin"
  check_ledger out.json
  [ "$(<pid)" -lt 20 ]
  [ "$(pids_in out.json)" = "$(<pid)" ]
  [ "$(samples '.frames | any(.name == "main")' out.json)" -gt 50 ]
  # A command is followed there too, and its children.
  unshare -pf --mount-proc cpuprof -q -F 999 -o out.json -- \
    sh -c "$workloads/spin -r 30; true" >/dev/null
  check_ledger out.json
  [ "$(samples '.process == "spin" and .frames[-1].name == "hot_sixty"' out.json)" -gt 10 ]
}

# CPU time of processes in ticks of 10 ms.
ticks_of() {
  local pid
  for pid; do sed 's/.*) //' "/proc/$pid/stat"; done |
    awk '{ sum += $12 + $13 } END { print sum }'
}

@test "what a hot classic tracepoint makes the kernel skip is reported" {
  command -v bpftrace >/dev/null || skip "no bpftrace"
  two_callers
  cpuprof -q -F 999 -d 2 -o alone.json
  check_ledger alone.json skipped
  # bpftrace is at work when it has counted something.
  heavy='@[kstack, ustack] = count(); @[kstack, ustack] = count();'
  background bpftrace -e "
    tracepoint:raw_syscalls:sys_enter { $heavy $heavy $heavy @up = 1; }
    interval:ms:50 /@up/ { printf(\"up\n\"); }" >bpftrace.out 2>&1
  until_true grep -q up bpftrace.out
  profile -q -F 999 -d 3 -o beside.json --max-loss 1
  before=$(ticks_of "$one" "$two")
  finish
  ran=$(($(ticks_of "$one" "$two") - before))
  [ "$status" -eq 5 ]
  check_ledger beside.json
  # What the callers' own CPU time says is missing, the ledger says too.
  seen=$(samples ".pid == $one or .pid == $two" beside.json)
  skipped=$(records 'select(.type == "end").ledger.skipped' beside.json)
  echo "$ran ticks, $seen samples seen, $skipped reported as skipped"
  holds "seen < ran * 9.99 / 2" seen="$seen" ran="$ran"
  holds "skipped > 0.7 * missing && skipped < 1.3 * missing" \
    skipped="$skipped" missing="$(awk "BEGIN { print $ran * 9.99 - $seen }")"
  [ "$(records 'select(.type == "lost" and .reason == "skipped").count' beside.json)" -eq "$skipped" ]
}
