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

# between GOT LEAST MOST: nanoseconds; one hundredth, and a millisecond for what
# system calls take, to either side.
between() {
  (($1 >= $2 * 99 / 100 - 1000000 && $1 <= $3 * 101 / 100 + 1000000)) ||
    { echo "got $1, not from $2 to $3"; return 1; }
}

# A thread may be preempted between its clock and its sleep, and when it has told
# all: what the kernel saw of that is in no sleep of its own.
preempted_of() { sum_of "$1" '.reason == "preempted"'; }

# lived TID WALL CPU: what it waited and had of a CPU is how long it lived.
lived() {
  local all
  all=$(sum_of "$1" '.reason != "new thread"')
  between $((all + $3)) "$2" $(($2 + $(preempted_of "$1")))
}

nothing_lost() {
  jq -se 'last | .ledger
    | .table_full + .waits_full + .thread_unknown + .unaccounted == 0' rows
}

@test "each thread's sleeps have the length that its own clock gives" {
  waits_of "$workloads/waits" sleeps 4 100 3000
  while read -r tid waited wall cpu _; do
    slept=$(sum_of "$tid" '.kind == "blocked"')
    queued=$(sum_of "$tid" '.kind == "run queue" and .reason == "woken"')
    # Its calls take CPU time as well.
    between $((slept + queued)) $((waited - cpu - $(preempted_of "$tid"))) \
      "$waited"
    # Every sleep is there, whether its end was seen or not.
    seen=$(count_of "$tid" '.reason == "sleep"')
    unseen=$(count_of "$tid" '.kind == "blocked" and .reason == "end not seen"')
    ((seen <= 100 && seen + unseen >= 100))
    lived "$tid" "$wall" "$cpu"
  done <own
  [ "$(wc -l <own)" -eq 4 ]
  nothing_lost
}

@test "a convoy's threads wait in futex for as long as they say" {
  waits_of "$workloads/waits" convoy 3 30 3000
  while read -r tid waited _; do
    slept=$(sum_of "$tid" '.kind == "blocked" and .reason == "futex"')
    queued=$(sum_of "$tid" '.kind == "run queue" and .reason != "new thread"')
    # A wait whose end was not seen has lost its reason.
    unseen=$(sum_of "$tid" '.reason == "end not seen"')
    # One of them may have the mutex each time, and wait for nobody.
    all=$((${all:-0} + slept))
    between "$slept" $((waited - queued - unseen)) "$waited"
  done <own
  ((all > 0))
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
  # The first thread, too, may find the quota used up, in a queue where the other
  # one waits as well: then both wait while it is throttled once.
  throttled=$(jq -s 'map(select(.kind == "throttled").total_ns) | add' rows)
  took=$(awk '$1 == "throttled_time" { print $2 }' "$quota/cpu.stat")
  ((took > 0))
  between "$(sum_of "$tid" '.kind == "throttled"')" 0 "$took"
  # And a queue may be throttled in which nobody is left.
  between "$took" 0 $((throttled * 12 / 10))
  lived "$tid" "$wall" "$cpu"
}

@test "threads that sleep through the whole run are there, and open" {
  background sleep 1000
  sleeper=$last
  sleeps() { grep -q '^[0-9]* (sleep) S' "/proc/$sleeper/stat"; }
  until_true sleeps
  offcpu -q -p "$sleeper" -d 1s -j -o rows 3>&-
  jq -se --argjson pid "$sleeper" '
    last as $closing | [.[] | select(.type == "wait")] as [$one]
    | $one.pid == $pid and $one.reason == "sleep" and $one.open == 1
      and $one.total_ns <= $closing.duration_ns
      and $one.total_ns > $closing.duration_ns / 2' rows
}

@test "lengths that are not wanted are counted and not shown" {
  offcpu -q -m 1m -j -o rows -- "$workloads/waits" sleeps 1 50 3000 \
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
  # 50 sleeps of 4 ms; ends that were not seen have stacks elsewhere.
  ((got >= 160000000 && got < waited * 102 / 100))
}

@test "a command's waits begin with the command" {
  offcpu -q --by pid -j -o rows -- sh -c 'exec sleep 0.1' 3>&-
  jq -se 'map(select(.type == "wait")) | length > 0
    and all(.comm == "sh" or .comm == "sleep")' rows
  jq -se 'map(select(.type == "wait").count) as $counts
    | last | .waits == ($counts | add) and .ledger.unaccounted == 0' rows
}
