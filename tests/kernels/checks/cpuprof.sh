# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# What cpuprof must do on every kernel. The times are generous: an emulated
# machine runs ten to thirty times slower than a real one.

# count PATTERN FILE: samples of the folded stacks that match.
count() { awk -v re="$1" '$0 ~ re { sum += $NF } END { print sum + 0 }' "$2"; }

# loaded LIST: whether the kernel still has any of the BPF programs in the list.
loaded() {
  while read -r id; do
    bpftool prog show id "$id" >/dev/null 2>&1 && return 0
  done <"$1"
  return 1
}

check_names_features() {
  cpuprof -V -v >features
  cat features
  grep -q '^cpuprof [0-9]' features
  grep -q "$(uname -r)" features
  grep -qi btf features
}

check_finds_the_hot_functions_in_order() {
  cpuprof -q -F 99 -f -o out.folded -- spin 6
  sixty=$(count hot_sixty out.folded)
  thirty=$(count hot_thirty out.folded)
  ten=$(count hot_ten out.folded)
  echo "sixty $sixty, thirty $thirty, ten $ten"
  [ "$sixty" -gt "$thirty" ]
  [ "$thirty" -gt "$ten" ]
  [ "$ten" -gt 0 ]
  # Their callers stand below them: a stack, not only an address.
  grep -q ';main;.*hot_sixty' out.folded
}

check_counts_every_sample() {
  cpuprof -q -F 99 -j -o out.json -- spin 4
  tail -n 1 out.json
  jq -e -s '(first | .type == "begin") and (last | .type == "end")' out.json
  # What the kernel never delivered is no loss of ours here: an emulated timer
  # is late as often as not.
  jq -e 'select(.type == "end") | .ledger
         | .entered > 0 and .table_full == 0 and .recursion == 0
           and .unaccounted == 0 and .stack_missing == 0 and .ring_full == 0
           and .sideband_lost == 0' out.json
}

check_sees_kernel_stacks() {
  dd if=/dev/urandom of=/dev/null bs=64k 2>/dev/null &
  load=$!
  cpuprof -q -K -d 3 -f -o out.folded
  kill "$load"
  cat out.folded
  [ "$(count '^dd;.*_[[]k[]] ' out.folded)" -gt 0 ]
  [ "$(count '(urandom|chacha|vfs_read|ksys_read)' out.folded)" -gt 0 ]
}

check_attaches_to_a_running_process() {
  spin 600 >/dev/null &
  load=$!
  cpuprof -q -p "$load" -d 3 -f -o out.folded --ready-fd 3 3>ready
  kill "$load"
  [ "$(wc -c <ready)" = 1 ]
  [ "$(count hot_sixty out.folded)" -gt 0 ]
}

# Stacks of a process that has no user memory (it ends, or its program is being
# replaced) are left out.
check_walks_stacks_without_frame_pointers() {
  for program in sorting sorting_static; do
    cpuprof -q -F 99 -f -o out.folded -- $program 4000
    grep -vE ';(do_exit|begin_new_exec|load_elf_binary)_[[]k[]]' out.folded >user.folded
    all=$(count "^$program;" user.folded)
    # The dynamic linker has no name for where it begins.
    whole=$(count "^$program;(_start|[[]ld-linux-x86-64.so.2: [a-z ]*[]]);" user.folded)
    known=$(count "^$program;_start;.*;main;sort_them;.*;compare;compare_work " user.folded)
    echo "$program: of $all stacks $whole are whole, $known are known to be"
    head -n 20 user.folded
    [ "$all" -ge 100 ]
    [ $((whole * 100)) -ge $((all * 99)) ]
    [ $((known * 100)) -ge $((all * 90)) ]
  done
}

check_leaves_nothing_when_killed() {
  ls /sys/fs/bpf >pins.before
  mkfifo ready
  cpuprof -q -d 60 -f -o out.folded --ready-fd 3 3>ready &
  tool=$!
  dd if=ready bs=1 count=1 of=/dev/null 2>/dev/null
  sed -n 's/^prog_id:[[:space:]]*//p' /proc/"$tool"/fdinfo/* \
    2>/dev/null >programs || true # a descriptor may be gone by the time
  cat programs
  loaded programs
  kill -KILL "$tool"
  wait "$tool" || true
  # The kernel frees a program a grace period after its last reference.
  while loaded programs; do sleep 0.1; done
  ls /sys/fs/bpf >pins.after
  cmp pins.before pins.after
}
