# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# What offcpu must do on every kernel. The workload `waits` says itself for how
# long each of its threads waited, by its own clock: `TID WAITED_NS WALL_NS
# CPU_NS VOLUNTARY INVOLUNTARY`. What the kernel saw of that lies within, and a
# busy machine lets some time pass on either side of it.

# watch OPTION... -- CMD...: what a command waited, in `waits`, one row a line:
# TID KIND REASON TOTAL_NS COUNT OPEN, parted by tabs. What the command says is in
# `said`. All that entered the program is in the result or left out, and nothing
# is lost.
watch() {
  offcpu -q -v --by tid -j -o out.json "$@" >said 2>errors ||
    { cat errors; return 1; }
  grep 'stacks are taken' errors || true
  rows
}

rows() {
  jq -r 'select(.type == "wait")
    | [.tid, .kind, .reason, .total_ns, .count, .open] | @tsv' out.json >waits
  head -n 20 waits
  tail -n 1 out.json
  jq -e 'select(.type == "end") | .ledger as $l
    | $l.entered == .waits + $l.self + $l.not_target + $l.not_matching
                    + $l.other_latency
      and ([$l.recursion, $l.unaccounted, $l.waits_full, $l.thread_unknown,
            $l.wakeup_unseen, $l.target_table_full] | add) == 0' out.json
}

# sum TID KIND REASON COLUMN: of the rows that match, of all threads or one.
sum() {
  awk -F '\t' -v tid="$1" -v kind="$2" -v reason="$3" -v column="$4" '
    (tid == "all" || $1 == tid) && $2 ~ kind && $3 ~ reason { sum += $column }
    END { printf "%.0f\n", sum }' waits
}

# sleeps OPTION...: 20 sleeps of 20 ms in each of two threads.
sleeps() {
  watch "$@" -- waits sleeps 2 20 20000
  cat said
  [ "$(wc -l <said)" = 2 ]
  while read -r tid waited wall _; do
    slept=$(sum "$tid" 'blocked' '^(sleep|end not seen)$' 4)
    queued=$(sum "$tid" 'run queue' '^woken$' 4)
    # But for preemptions: one may come when the thread has told all.
    all=$(sum "$tid" . '^(sleep|woken|end not seen)$' 4)
    echo "$tid: slept $slept, queued $queued, all $all"
    # A sleep begins some time after its timer, and ends before its call does.
    [ $((slept + queued)) -ge 360000000 ]
    [ $((slept + queued)) -le $((waited + 1000000)) ]
    [ "$all" -le $((wall + 1000000)) ]
    [ "$(sum "$tid" blocked '^(sleep|end not seen)$' 5)" = 20 ]
  done <said
}

check_names_features() {
  offcpu -V -v >features
  cat features
  grep -q '^offcpu [0-9]' features
  grep -q "$(uname -r)" features
}

check_measures_sleeps() {
  sleeps
}

# Programs that are not typed, as for a kernel without BTF of its own, read the
# same by other means.
check_measures_sleeps_in_the_raw_way() {
  sleeps --btf /sys/kernel/btf/vmlinux
  grep -q 'raw programs' errors
}

check_tells_a_convoy_by_its_mutex() {
  watch -- waits convoy 3 10 20000
  cat said
  [ "$(wc -l <said)" = 3 ]
  while read -r tid waited _; do
    futex=$(sum "$tid" 'blocked' '^(futex|end not seen)$' 4)
    queued=$(sum "$tid" 'run queue' . 4)
    slept=$(sum "$tid" 'blocked' '^sleep$' 4)
    echo "$tid: futex $futex, queued $queued, slept $slept"
    [ "$slept" -ge 180000000 ]
    [ "$(sum "$tid" 'blocked' '^futex$' 4)" -le $((waited + 1000000)) ]
    # One of them may have the mutex each time, and wait for nobody.
    [ $(((futex + queued + 1000000) * 10)) -ge $((waited * 7)) ]
  done <said
}

check_shows_waits_that_do_not_end() {
  sleep 1000 &
  sleeper=$!
  until [ "$(cut -d ' ' -f 2,3 /proc/$sleeper/stat)" = '(sleep) S' ]; do :; done
  watch -p $sleeper -d 1
  length=$(jq 'select(.type == "end").duration_ns' out.json)
  kill $sleeper
  [ "$(wc -l <waits)" = 1 ]
  [ "$(sum $sleeper '^blocked$' '^sleep$' 6)" = 1 ]
  total=$(sum $sleeper '^blocked$' '^sleep$' 4)
  echo "$total of $length"
  [ "$total" -le "$length" ]
  # The start of the programs, one after the other, belongs to the length.
  [ $((total * 2)) -ge "$length" ]
}

# folds: 20 sleeps of 20 ms, as collapsed stacks.
folds() {
  offcpu -q -v -f -o out.folded -- waits sleeps 1 20 20000 >said 2>errors ||
    { cat errors; return 1; }
  cat errors
  read -r _ waited _ <said
  head -n 20 out.folded
  got=$(awk '/^waits;blocked;.*;sleep_once;/ { sum += $NF }
    END { printf "%.0f\n", sum * 1000 }' out.folded)
  echo "$got of $waited"
  [ "$got" -ge 300000000 ]
  [ "$got" -le $((waited + 1000000)) ]
  # As it slept: the kernel's side ends where it left the CPU.
  grep -qE '^waits;blocked;.*;sleep_once;.*nanosleep.*_[[]k[]] ' out.folded
}

check_folds_stacks_by_kind() {
  folds
  grep -q 'when a thread is back' errors
}

# Where there is no hook for that, stacks are taken before their waits.
check_folds_stacks_without_kprobes() {
  probes=/sys/bus/event_source/devices/kprobe
  if [ -d $probes ]; then
    probes=$(realpath $probes)
    trap 'umount "$probes"' EXIT
    mount -t tmpfs none "$probes"
  fi
  folds
  grep -q sched_exit_tp errors || grep -q 'each time that a thread' errors
}

# Where the kernel does not say what a quota took (before 6.6) that is in the run
# queue. Not every machine has the controller in its cgroups of version 2.
check_tells_what_a_quota_takes() {
  group=/sys/fs/cgroup/offcpu
  grep -qw cpu /sys/fs/cgroup/cgroup.controllers || return 0
  echo +cpu >/sys/fs/cgroup/cgroup.subtree_control
  mkdir $group
  echo '20000 100000' >$group/cpu.max
  watch -- sh -c "echo \$\$ >$group/cgroup.procs; exec waits burn 1500"
  took=$(sed -n 's/^throttled_usec //p' $group/cpu.stat)
  rmdir $group
  read -r tid _ <said
  throttled=$(sum all throttled quota 4)
  queued=$(sum all 'run queue' . 4)
  echo "$throttled and $queued of ${took}000"
  [ "$took" -ge 300000 ]
  # A queue may be throttled in which nobody is left to wait.
  [ $((throttled + queued)) -ge $((took * 700)) ]
  # At its end two threads may wait in a queue that is throttled once.
  [ "$(sum "$tid" throttled quota 4)" -le $((took * 1010)) ]
  ! grep -q throttled_clock_self_time /sys/kernel/btf/vmlinux ||
    [ "$throttled" -ge $((took * 700)) ]
}
