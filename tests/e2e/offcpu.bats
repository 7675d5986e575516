#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# offcpu against programs that know how long they waited.
# shellcheck disable=SC2154,SC2016

load helpers

setup() { e2e_setup; }
teardown() {
  e2e_teardown
  [ -z "${quota:-}" ] || rmdir "$quota"
}

# waits_of COMMAND...: runs it under offcpu; its rows are in `rows`, its own
# lines in `own`.
waits_of() {
  offcpu -q --by tid -j -o rows -- "$@" >own 3>&-
}

# sum_of TID FILTER: nanoseconds of that thread's rows.
sum_of() {
  jq -s --argjson tid "$1" \
    "[.[] | select(.type == \"wait\" and .tid == \$tid and ($2)) | .total_ns]
     | add // 0" rows
}

count_of() {
  jq -s --argjson tid "$1" \
    "[.[] | select(.type == \"wait\" and .tid == \$tid and ($2)) | .count]
     | add // 0" rows
}

# within_percent GOT WANTED: one hundredth, and half a millisecond for what
# system calls take.
within_percent() {
  local off=$(($1 > $2 ? $1 - $2 : $2 - $1))
  ((off <= $2 / 100 + 500000)) || { echo "got $1, not $2"; return 1; }
}

nothing_lost() {
  jq -se 'last | .ledger
    | .table_full + .waits_full + .thread_unknown + .unaccounted == 0' rows
}

@test "each thread's sleeps have the length that its own clock gives" {
  waits_of "$workloads/waits" sleeps 4 100 3000
  while read -r tid waited wall cpu voluntary _; do
    slept=$(sum_of "$tid" '.kind == "blocked"')
    queued=$(sum_of "$tid" '.kind == "run queue" and .reason == "woken"')
    within_percent $((slept + queued)) "$waited"
    # Every sleep is there, whether its end was seen or not.
    [ "$(count_of "$tid" '.kind == "blocked"')" -eq "$voluntary" ]
    all=$(sum_of "$tid" '.reason != "new thread"')
    within_percent $((all + cpu)) "$wall"
  done <own
  [ "$(wc -l <own)" -eq 4 ]
  nothing_lost
}

@test "a convoy's threads wait in futex for as long as they say" {
  waits_of "$workloads/waits" convoy 3 30 3000
  while read -r tid waited _; do
    slept=$(sum_of "$tid" '.kind == "blocked" and .reason == "futex"')
    # A wait whose end was not seen has lost its reason.
    unseen=$(sum_of "$tid" '.reason == "end not seen"')
    off=$((waited > slept ? waited - slept : slept - waited))
    ((off <= waited / 20 + 1000000 + unseen))
  done <own
  nothing_lost
}

@test "what a quota takes is told apart, as the cgroup's own count has it" {
  quota=/sys/fs/cgroup/cpu/offcpu-$$
  mkdir "$quota" 2>/dev/null || skip "no cpu controller of cgroup 1"
  echo 100000 >"$quota/cpu.cfs_period_us"
  echo 20000 >"$quota/cpu.cfs_quota_us"
  waits_of sh -c "echo \$\$ >$quota/cgroup.procs
    exec $workloads/waits burn 1500"
  read -r tid _ wall cpu _ <own
  throttled=$(sum_of "$tid" '.kind == "throttled"')
  within_percent "$throttled" \
    "$(awk '$1 == "throttled_time" { print $2 }' "$quota/cpu.stat")"
  all=$(sum_of "$tid" '.reason != "new thread"')
  within_percent $((all + cpu)) "$wall"
}

@test "threads that sleep through the whole run are there, and open" {
  background sleep 1000
  sleeper=$last
  until_true grep -q nanosleep "/proc/$sleeper/syscall" || true
  offcpu -q -p "$sleeper" -d 1s -j -o rows 3>&-
  jq -se --argjson pid "$sleeper" '
    [.[] | select(.type == "wait")] as [$one]
    | $one.pid == $pid and $one.reason == "sleep" and $one.open == 1
      and $one.total_ns > 900000000' rows
}

@test "lengths that are not wanted are counted and not shown" {
  offcpu -q -m 100ms -j -o rows -- "$workloads/waits" sleeps 1 50 3000 \
    >own 3>&-
  read -r tid _ <own
  [ "$(count_of "$tid" true)" -eq 0 ]
  jq -se 'last | .ledger.other_latency >= 50 and .ledger.unaccounted == 0' rows
}

@test "folded stacks weigh microseconds and begin with the kind" {
  offcpu -q -f -o rows.folded -- "$workloads/waits" sleeps 1 50 4000 >own 3>&-
  read -r _ waited _ <own
  got=$(awk '/;sleep_once;/ && /^waits;blocked;/ { sum += $NF }
    END { print sum * 1000 }' rows.folded)
  # What woke it late, and ends that were not seen, have stacks elsewhere.
  ((got > waited * 8 / 10 && got < waited * 102 / 100))
}
