#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # bats: variables of the helpers
# User stacks of code without frame pointers: whole, and what the program itself
# says that they are (tests/workloads/unwind).

load helpers
setup() {
  e2e_setup
  stacks=$(realpath "$BATS_TEST_DIRNAME/../stacks.py")
}
teardown() { e2e_teardown; }

# Nothing that would explain a missing stack but the walk itself.
clean_ledger() {
  check_ledger "$1" table_full recursion stack_missing ring_full sideband_lost \
    scratch_busy kernel_stack_failed
}

# The kernel keeps 15 characters of a process's name.
judge() { "$stacks" out.json --truth truth --process "${1:0:15}" "${@:2}"; }

# walk PROCESS COMMAND...: a profile of the command, judged by what it prints.
walk() {
  local process=$1
  shift
  cpuprof -q -F 999 -o out.json -- "$@" >truth
  clean_ledger out.json
  judge "$process"
}

# workload NAME [ARGUMENT...]
workload() { walk "$1" "$workloads/$1" "${@:2}"; }

@test "unwind: qsort with a callback" { workload sorting 1000; }

@test "unwind: linked statically, statically and movable, at a fixed address" {
  workload sorting_static 600
  workload sorting_static_pie 600
  workload sorting_no_pie 600
}

@test "unwind: exceptions being thrown" { workload throwing 1000; }

@test "unwind: in signal handlers, on the same and on another stack" {
  workload signals 1000
  workload signals 1000 alternate
}

@test "unwind: in the vDSO" {
  workload in_vdso 1000
  [ "$(samples '.process == "in_vdso" and .frames[-1].object == "[vdso]"' out.json)" -ge 100 ]
}

# in_stubs PROGRAM: samples whose leaf lies in the program's stubs.
in_stubs() {
  local type at offset size count address total=0
  records "select(.type == \"stack\" and .frames[-1].object == \"$1\") | \"\(.count) \(.frames[-1].address)\"" out.json >leaves
  readelf -SW "$workloads/$1" | sed -n 's/^ *\[ *[0-9]*\] \.plt[a-z.]* *//p' >sections
  while read -r type at offset size _; do
    [ "$type" = PROGBITS ] || continue
    while read -r count address; do
      if ((address >= 16#$offset && address < 16#$offset + 16#$size)); then
        ((total += count))
      fi
    done <leaves
  done <sections
  echo "$total"
}

@test "unwind: in PLT stubs, before and after they are bound" {
  for program in plt_lazy plt_now; do
    workload $program 1000
    stubs=$(in_stubs $program)
    echo "$program: $stubs samples in stubs"
    [ "$stubs" -ge 10 ]
  done
}

@test "unwind: children of vfork on their parent's stack" { workload vforks 1000; }

@test "unwind: stacks of makecontext" { workload contexts 1000; }

@test "unwind: realigned frames, alloca, large frames, calls that do not return" {
  workload odd_frames 1000
}

@test "unwind: generated code with frame pointers between frames without" {
  workload jit_frames 1000
}

# Each sample is of code that nobody knows yet, and copies have a share of the
# ring: what a busy machine keeps waiting may be without one.
@test "unwind: code that was generated a moment ago" {
  cpuprof -q -F 999 -o out.json -- "$workloads/jit_frames" 1000 new >truth
  clean_ledger out.json
  judge jit_frames --least 90
}

@test "unwind: 300 frames deep" {
  cpuprof -q -F 999 -o out.json -- "$workloads/deep" 300 1000
  clean_ledger out.json
  echo "chain main descend*300 bottom" >truth
  judge deep
}

@test "unwind: 2,000 frames deep is cut, and says so" {
  cpuprof -q -F 999 -o out.json -- "$workloads/deep" 2000 500
  clean_ledger out.json
  all=$(samples '.frames | any(.name == "bottom")' out.json)
  cut=$(samples '(.frames | any(.name == "bottom")) and (.frames[0].name_reason // "" | test("cut")) and (.frames | map(select(.name == "descend")) | length > 1000)' out.json)
  echo "$cut of $all"
  [ "$all" -ge 100 ]
  holds "cut >= all * 0.99" cut="$cut" all="$all"
  [ "$(records 'select(.type == "end").ledger.user_stack_cut' out.json)" -ge "$cut" ]
}

@test "unwind: a running process, from its first sample on" {
  background "$workloads/sorting" 100000 >truth
  until_true grep -q chain truth
  cpuprof -q -F 999 -d 1s -p "$last" -o out.json
  clean_ledger out.json
  judge sorting
}

@test "unwind: a command, whose rows are in place before it runs" {
  cpuprof -v -d 1 -o out.json -- "$workloads/late_library" 400 100 >/dev/null 2>log
  grep -E "in place for the command: late_library, ld-linux[^,]*, libc\.so" log
  cpuprof -v -d 1 --unwind fp -o out.json -- true 2>log
  [ "$(grep -c "in place for" log)" -eq 0 ]
}

@test "unwind: the whole machine, with a process that runs and one that starts" {
  background "$workloads/sorting" 100000 >truth
  until_true grep -q chain truth
  profile -q -F 999 -d 3s -o out.json
  "$workloads/jit_frames" 1000 >jit.truth
  finish
  clean_ledger out.json
  judge sorting
  # Its rows are made while it runs already.
  "$stacks" out.json --truth jit.truth --process jit_frames --least 95
}

@test "unwind: processes of 50 ms" {
  cpuprof -q -F 1999 -o out.json -- "$workloads/short_lives" 30 50 >/dev/null
  clean_ledger out.json
  # They run their own file by the name that /proc has for it.
  echo "chain main child_work" >truth
  judge exe --least 90
}

@test "unwind: a library that is loaded in mid-run, whole within 100 ms" {
  cpuprof -q -F 999 -o out.json -- "$workloads/late_library" 400 2000 >truth
  clean_ledger out.json
  # 100 of 2,000 ms.
  judge late_library --least 95
}

# Copies of both libraries for each of the threads that load some.
copy_libraries() {
  local number
  mkdir libraries
  for number in {0..15}; do
    cp "$workloads/swap_a.so" "libraries/swap_a.$number.so"
    cp "$workloads/swap_b.so" "libraries/swap_b.$number.so"
  done
}

@test "unwind: random chains in 64 threads: no frame that cannot be" {
  workload random_chains 64 2000
}

@test "unwind: the same while libraries come and go" {
  copy_libraries
  cpuprof -q -F 999 -o out.json -- "$workloads/random_chains" 64 2000 libraries >truth
  clean_ledger out.json
  # No wrong frame is allowed. Where a mapping has changed just now no caller is
  # believed, and this program changes some all the time.
  judge random_chains --least 85
}

# That the tests above can fail: frame pointers find next to nothing here.
@test "unwind: by frame pointers alone, these stacks are not whole" {
  cpuprof -q -F 999 --unwind fp -o out.json -- "$workloads/sorting" 600 >truth
  judge sorting --most 10
  cpuprof -q -F 999 --unwind fp -o out.json -- "$workloads/random_chains" 8 600 >truth
  judge random_chains --most 50
}

@test "unwind: rows alone, and copies of the stack" {
  cpuprof -q -F 499 --unwind dwarf -o out.json -- "$workloads/odd_frames" 1000 >truth
  clean_ledger out.json
  judge odd_frames
  for workload in signals sorting contexts; do
    cpuprof -q -F 499 --unwind copy -o out.json -- "$workloads/$workload" 1000 >truth
    clean_ledger out.json
    judge $workload
  done
}

@test "unwind: a stack that is larger than a copy is cut, and says so" {
  cpuprof -q -F 499 --unwind copy -o out.json -- "$workloads/deep" 2000 1000 >/dev/null
  [ "$(samples '.frames[0].name_reason == "stack cut"' out.json)" -ge 100 ]
  [ "$(records 'select(.type == "end").ledger.user_stack_cut' out.json)" -ge 100 ]
}
