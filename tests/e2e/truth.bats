#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # bats: variables of the helpers
# Against workloads whose profile is known, and against perf.

load helpers
setup() { e2e_setup; }
teardown() { e2e_teardown; }

# check_shares FILE TRUTH: the three functions' shares are what spin itself has
# measured, over at least 5,000 samples.
check_shares() {
  local total=0 name ns percent count
  total=$(samples '.process == "spin" and (.frames[-1].name | . != null and startswith("hot_"))' "$1")
  [ "$total" -ge 5000 ] || { echo "only $total samples"; return 1; }
  while read -r name ns percent; do
    count=$(samples ".frames[-1].name == \"$name\"" "$1")
    within_five_sigma "$count" "$total" "$(awk "BEGIN { print $percent / 100 }")"
  done <"$2"
}

# What a workload says of its own CPU time, against the sum of ours: 2 percent,
# and the chance at both ends of every time slice.
check_cpu_time() {
  local truth=$1 filter=$2 file=$3 measured count
  measured=$(jq -s "map(select(.type == \"stack\") | select($filter).cpu_ns) | add" "$file")
  count=$(samples "$filter" "$file")
  echo "own clock $truth ns, measured $measured ns in $count samples"
  holds "measured > truth * (0.98 - slack) && measured < truth * (1.02 + slack)" \
    measured="$measured" truth="$truth" slack="$(awk "BEGIN { print 3 / sqrt($count) }")"
}

@test "60/30/10: a command's shares, CPU time, stacks and ledger" {
  cpuprof -q -F 3999 -o out.json -- "$workloads/spin" -r 700 >truth
  cat truth
  check_ledger out.json table_full recursion stack_missing ring_full sideband_lost \
    scratch_busy user_stack_failed kernel_stack_failed
  check_shares out.json truth
  check_cpu_time "$(awk '{ sum += $2 } END { printf "%d", sum }' truth)" \
    '.process == "spin" and (.frames | any(.name == "main"))' out.json
  # Callers before the called.
  [ "$(samples '.frames[-1].name == "hot_sixty" and (.frames | map(.name) | index("main") == null)' out.json)" -eq 0 ]
  records 'select(.type == "stack") | .frames | map(.name) | select(.[-1] == "hot_sixty") | index("main") < index("hot_sixty")' out.json >order
  [ "$(sort -u order)" = true ]
}

@test "60/30/10: a running process, and perf record beside it agrees" {
  background "$workloads/spin" -r 900 >truth
  spin=$last
  background perf record -q -F 3999 -e cpu-clock -p "$spin" -o perf.data 2>perf.err
  perf=$last
  profile -q -F 3999 -p "$spin" -o out.json
  finish
  [ "$status" -eq 0 ]
  wait "$spin" "$perf" || true
  check_ledger out.json table_full recursion stack_missing ring_full sideband_lost
  check_shares out.json truth
  [ "$(records 'select(.type == "stack").pid' out.json | sort -u)" = "$spin" ]
  perf script -i perf.data -F ip,sym 2>/dev/null | grep -o 'hot_[a-z]*' >perf.sym
  ours=$(samples '.frames[-1].name | . != null and startswith("hot_")' out.json)
  theirs=$(wc -l <perf.sym)
  [ "$theirs" -ge 3000 ]
  for name in hot_sixty hot_thirty hot_ten; do
    a=$(samples ".frames[-1].name == \"$name\"" out.json)
    b=$(grep -cx "$name" perf.sym)
    echo "$name: $a of $ours here, $b of $theirs by perf"
    # The difference of two binomial shares.
    holds "(a/n - b/m)^2 <= 25 * q * (1 - q) * (1/n + 1/m)" a="$a" n="$ours" \
      b="$b" m="$theirs" q="$(awk "BEGIN { print ($a + $b) / ($ours + $theirs) }")"
  done
}

@test "64 threads: all their CPU time, and --by tid tells them apart" {
  truth=$(cpuprof -q -F 1999 --by tid -o out.json -- "$workloads/threads" 64 40)
  check_ledger out.json table_full recursion stack_missing ring_full
  check_cpu_time "$truth" '.process == "threads"' out.json
  [ "$(records 'select(.type == "stack" and (.frames | any(.name == "thread_work"))).tid' out.json | sort -u | wc -l)" -eq 64 ]
}

@test "200 processes of 20 ms are all named" {
  cpuprof -q -F 1999 -o out.json -- "$workloads/children" 200 20 >pids
  [ "$(wc -l <pids)" -eq 200 ]
  check_ledger out.json table_full recursion stack_missing ring_full sideband_lost
  records 'select(.type == "stack" and (.frames | any(.name == "child_work"))).pid' \
    out.json | sort -un >seen
  sort -un pids >expected
  diff expected seen
  # The command before its exec, when it is still a copy of the tool, is not in it.
  [ "$(samples '.comm == "cpuprof"' out.json)" -eq 0 ]
  # Nothing is without a name because its process was gone, but in the midst of an
  # exec, when a process has neither its old memory nor its new one.
  [ "$(samples '(.frames | map(.name_reason // "") | any(test("exited|gone"))) and (.frames | map(.name // "") | any(test("^(begin_new_exec|load_elf_binary)$")) | not)' out.json)" -eq 0 ]
}

@test "children of a shell are followed, others are not seen" {
  background "$workloads/spin" 100
  cpuprof -q -F 999 -o out.json -- sh -c "$workloads/spin -r 40; $workloads/recursion 3 100" >/dev/null
  check_ledger out.json
  [ "$(samples '.process == "spin"' out.json)" -gt 10 ]
  [ "$(samples '.frames | any(.name == "descend")' out.json)" -gt 10 ]
  [ "$(samples ".pid == $last" out.json)" -eq 0 ]
}

@test "recursion 400 deep, with the kernel's limit raised" {
  set_sysctl kernel.perf_event_max_stack 512 || skip "the limit is in use"
  cpuprof -q --unwind fp -F 999 -o out.json -- "$workloads/recursion" 400 300
  restore_sysctls
  check_ledger out.json user_stack_cut stack_missing
  records 'select(.type == "stack" and (.frames | any(.name == "bottom")))
           | .frames | map(select(.name == "descend")) | length' out.json | sort -u >depths
  cat depths
  # A frame's prologue and a leaf without a frame hide at most one caller.
  [ "$(tail -n 1 depths)" -le 400 ]
  [ "$(head -n 1 depths)" -ge 399 ]
}

@test "recursion 400 deep is cut at 127 by frame pointers, and says so" {
  set_sysctl kernel.perf_event_max_stack 127 || skip "the limit is in use"
  cpuprof -q --unwind fp -F 999 -o out.json -- "$workloads/recursion" 400 300
  restore_sysctls
  check_ledger out.json stack_missing
  cut=$(samples '.frames[0].name_reason // "" | test("cut")' out.json)
  [ "$cut" -ge 100 ]
  [ "$(records 'select(.type == "end").ledger.user_stack_cut' out.json)" -eq "$cut" ]
  [ "$(records 'select(.type == "stack" and (.frames[0].name_reason // "" | test("cut"))) | .frames | map(select(.kernel | not)) | length' out.json | sort -u)" -eq 128 ]
  [ "$(records 'select(.type == "lost" and .reason == "user_stack_cut").partial' out.json)" = true ]
}

@test "the kernel's side of system calls is named" {
  cpuprof -q -F 999 -f -o out.folded -o out.json -- "$workloads/syscalls" 1
  check_ledger out.json stack_missing
  grep -q ';calling;.*do_syscall_64_\[k\]' out.folded
  cpuprof -q -F 999 -f -o dd.folded -- dd if=/dev/zero of=/dev/null bs=64k count=40000 2>/dev/null
  grep -q '^dd;.*vfs_read_\[k\];read_zero_\[k\]' dd.folded ||
    grep -q '^dd;.*vfs_read_\[k\];.*zero.*_\[k\]' dd.folded
  # Kernel frames have names here.
  [ "$(samples '.frames | any(.kernel and .name == null)' out.json)" -eq 0 ]
}

@test "100,003 different stacks, each exactly once" {
  # As JSON they would be 300 MB; what is lost stands on stderr. While it is
  # loaded, there is not everything to walk its first stacks with.
  cpuprof -q -e page-faults --period 1 -o out.folded -- "$workloads/unique_stacks" 100003 10000 2>err
  cat err
  [ "$(grep -cvE '^cpuprof: lost: none; partial: (none|([0-9]{1,2} user stack[^;]*;? ?)+)$' err)" -eq 0 ]
  grep -E ';fault [0-9]+$' out.folded >faults
  [ "$(wc -l <faults)" -eq 100003 ]
  [ "$(sort -u faults | wc -l)" -eq 100003 ]
  [ "$(awk '{ print $NF }' faults | sort -u)" = 1 ]
}

@test "page faults are counted exactly" {
  cpuprof -q -e page-faults --period 1 -o out.json -- "$workloads/page_faults"
  check_ledger out.json table_full recursion stack_missing ring_full
  [ "$(samples '.frames[-1].name == "touch_sixty"' out.json)" -eq 6007 ]
  [ "$(samples '.frames[-1].name == "touch_thirty"' out.json)" -eq 3001 ]
  [ "$(samples '.frames[-1].name == "touch_ten"' out.json)" -eq 1009 ]
}

@test "context switches are counted exactly" {
  truth=$(cpuprof -q -e context-switches --period 1 -o out.json -- "$workloads/switches" 1009)
  check_ledger out.json table_full recursion stack_missing
  # A sleep that is over before it begins is no switch.
  [ "$truth" -ge 500 ]
  [ "$(samples '.frames | any(.name == "switching")' out.json)" -eq "$truth" ]
}

@test "several events in one run are told apart" {
  cpuprof -q -e page-faults,context-switches --period 1 --by event -o out.json -- \
    "$workloads/page_faults"
  check_ledger out.json table_full
  [ "$(samples '.event == "page-faults" and .frames[-1].name == "touch_ten"' out.json)" -eq 1009 ]
  [ "$(samples '.event == "context-switches" and .frames[-1].name == "touch_ten"' out.json)" -lt 1009 ]
  [ "$(samples '.event == "context-switches"' out.json)" -gt 0 ]
}
