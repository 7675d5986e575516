#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # bats: variables of the helpers
# Which code a process ran, and when: containers, files that are gone, one PID
# that runs several programs, processes that live for a moment.

load helpers
setup() { e2e_setup; }
teardown() { e2e_teardown; }

# A root with a workload and its libraries, as the lower layer of an overlay.
make_layer() {
  local file
  for file in "$workloads/$1" $(ldd "$workloads/$1" | grep -o '/[^ ]*'); do
    install -D "$file" "layer/${file#"$workloads"}"
  done
  mkdir -p layer/proc merged
}

# contained COMMAND...: in mount and PID namespaces of its own and in a root of
# overlayfs, as container runtimes have it. Nothing of that root is to be seen
# outside.
contained() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  unshare --mount --pid --fork --kill-child sh -euc '
    mount -t tmpfs none merged
    mkdir merged/upper merged/work merged/root
    mount -t overlay none merged/root \
      -o lowerdir=layer,upperdir=merged/upper,workdir=merged/work
    mount -t proc none merged/root/proc
    exec chroot merged/root "$@"' contained "$@" 3>&- 4>&-
}
export -f contained

# unnamed FILE FUNCTION: samples of stacks with that function that have a frame
# whose file could not be read.
unnamed() {
  samples "(.frames | any(.name == \"$2\")) and (.frames | map(.name_reason // \"\") | any(test(\"gone|exited|permitted\")))" "$1"
}

@test "a container's program, in other mount and PID namespaces" {
  make_layer spin
  cpuprof -q -F 999 -o out.json -- bash -c 'contained /spin -r 100' >truth
  check_ledger out.json table_full recursion stack_missing ring_full sideband_lost
  grep -q hot_sixty truth
  [ "$(samples '.frames[-1].name == "hot_sixty"' out.json)" -gt 50 ]
  [ "$(unnamed out.json main)" -eq 0 ]
}

@test "a container's processes of 20 ms, all of them gone at the end" {
  make_layer children
  cpuprof -q -F 1999 -o out.json -- bash -c 'contained /children 40 20' >inner
  [ "$(wc -l <inner)" -eq 40 ]
  records 'select(.type == "stack" and (.frames | any(.name == "child_work"))).pid' \
    out.json | sort -u >seen
  [ "$(wc -l <seen)" -eq 40 ]
  [ "$(unnamed out.json child_work)" -eq 0 ]
}

@test "a program that is deleted while it runs" {
  cp "$workloads/spin" victim
  background ./victim 100
  rm victim
  cpuprof -q -F 999 -d 1s -p "$last" -o out.json
  [ "$(samples '.frames[-1].name == "hot_sixty"' out.json)" -gt 50 ]
  [ "$(unnamed out.json main)" -eq 0 ]
}

@test "programs that are deleted as soon as they have run" {
  cat >builds <<'SH'
for i in 1 2 3 4 5; do
  cp "$1" "./conftest$i"
  "./conftest$i" -r 100 >/dev/null
  rm "./conftest$i"
done
SH
  cpuprof -q -F 1999 -o out.json -- bash builds "$workloads/spin"
  for i in 1 2 3 4 5; do
    [ "$(samples ".process == \"conftest$i\" and .frames[-1].name == \"hot_sixty\"" out.json)" -gt 0 ]
  done
  [ "$(unnamed out.json main)" -eq 0 ]
}

@test "a program that is replaced by an upgrade while it runs" {
  cp "$workloads/spin" service
  background ./service 100
  # What an upgrade does: another file takes the name.
  cp "$workloads/threads" new
  mv new service
  cpuprof -q -F 999 -d 1s -p "$last" -o out.json
  [ "$(samples '.frames[-1].name == "hot_sixty"' out.json)" -gt 50 ]
  [ "$(samples '.frames | any(.name == "thread_work")' out.json)" -eq 0 ]
}

@test "two programs in one PID: each address in its own" {
  cpuprof -q -F 1999 -o out.json -- "$workloads/reexec" 300 "$workloads/spin" -r 30 >truth
  [ "$(samples '.frames[-1].name == "before_exec" and .comm == "reexec"' out.json)" -gt 100 ]
  [ "$(samples '.frames[-1].name == "hot_sixty" and .comm == "spin"' out.json)" -gt 20 ]
  [ "$(samples '(.frames | any(.name == "before_exec")) and .comm != "reexec"' out.json)" -eq 0 ]
  [ "$(samples '(.frames | any(.name | . != null and startswith("hot_"))) and .comm != "spin"' out.json)" -eq 0 ]
  [ "$(records 'select(.type == "stack" and (.comm == "spin" or .comm == "reexec")) | [.pid, .process]' out.json | sort -u | wc -l)" -eq 1 ]
  [ "$(samples '.comm == "reexec" and .process != "spin"' out.json)" -eq 0 ]
}

@test "two programs in one PID, whose libraries lie at one address" {
  local name next
  for name in two one; do
    next=
    [ $name = two ] || next='execl("./two", "two", (char*)0);'
    cat >$name.c <<C
static volatile unsigned long sink;
__attribute__((noinline)) void ${name}_work(void) {
  for (long i = 0; i < 500000000; ++i) sink = sink * 31 + i;
}
C
    cat >main_$name.c <<C
#include <unistd.h>
void ${name}_work(void);
int main(void) { ${name}_work(); $next }
C
    gcc -O2 -fno-omit-frame-pointer -shared -fPIC -o lib$name.so $name.c
    gcc -O2 -fno-omit-frame-pointer -o $name main_$name.c -L. -l$name -Wl,-rpath,"$PWD"
  done
  cpuprof -q -F 999 -o out.json -- setarch -R ./one
  for name in one two; do
    [ "$(samples ".frames | any(.object == \"lib$name.so\" and .name == \"${name}_work\")" out.json)" -gt 100 ]
  done
  [ "$(samples '.frames | any(.object == "libone.so" and .name == "two_work" or .object == "libtwo.so" and .name == "one_work")' out.json)" -eq 0 ]
}

@test "a program that is rewritten in place is not named after the new one" {
  cp "$workloads/spin" service
  profile -q -F 999 -o out.json
  ./service -r 100 >/dev/null
  cat "$workloads/threads" >service
  ./service 4 100 >/dev/null
  finish INT
  # Each by its own names, or not at all.
  records 'select(.process == "service") | .pid as $pid | .frames[] | select(.object == "service") | "\($pid) \(.name // .name_reason)"' out.json | sort -u >names
  cat names
  first=$(sort -n names | head -n 1 | cut -d' ' -f1)
  [ "$(grep -c "^$first .*\(thread_work\)" names)" -eq 0 ]
  [ "$(grep -v "^$first " names | grep -c 'hot_\|run_round')" -eq 0 ]
  [ "$(cut -d' ' -f1 names | sort -u | wc -l)" -eq 2 ]
}

@test "code that is loaded after the first thread has ended" {
  cpuprof -q -F 999 -o out.json -- "$workloads/late_leader" 1500 \
    "$workloads/late_code.so" late_work
  check_ledger out.json table_full recursion stack_missing ring_full sideband_lost
  # Of its time, not of a second's: a virtual machine that stands still is not sampled.
  late=$(samples '.frames | any(.name == "late_work")' out.json)
  all=$(samples '.process == "late_leader"' out.json)
  [ "$late" -gt 50 ]
  holds "late > all * 0.8" late="$late" all="$all"
}

@test "10,000 processes of a moment: bounded memory, none confused" {
  # Others' generated code, whose maps may be large, is theirs.
  profile -q -F 199 -n children -o out.json
  "$workloads/children" 10000 0 >pids
  [ "$(sort -u pids | wc -l)" -gt 9000 ]
  peak=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$tool/status")
  finish INT
  [ "$status" -eq 0 ]
  check_ledger out.json table_full recursion stack_missing
  echo "peak $peak kB"
  [ "$peak" -lt $((64 << 10)) ]
}
