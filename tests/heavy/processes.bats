#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # bats: variables of the helpers
# What ends within a moment, 100,000 times: more processes than there are PIDs
# on most machines.

load ../e2e/helpers
setup() {
  ((EUID == 0)) || skip "needs root"
  e2e_setup
}
teardown() {
  rm -rf "${bin-}"
  [ -z "${started+set}" ] || e2e_teardown
}

# Of a user that nobody else is: what others run is not in the memory then.
somebody=61184

# run_children COUNT: one in four executes a program, the others only fork.
run_children() {
  setpriv --reuid="$somebody" --clear-groups "$bin/children" "$1" 0 4 >>pids
}

# peak: what the tool has needed at most, in KiB, a report included.
peak() {
  rm -f out.json
  kill -USR1 "$tool"
  until_true grep -sq '^{"type":"interval"' out.json
  sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$tool/status"
}

@test "100,000 processes of a moment: all named, in the memory of 10,000" {
  bin=$(mktemp -d /tmp/sightline.XXXXXX)
  chmod 755 "$bin"
  install -m 755 "$workloads/children" "$bin/children"
  profile -q -F 199 -u "$somebody" -n '^children$' -o out.json
  # Beside other work it may wait longer for its turn than its rings last. That is
  # a loss, and counted, but not what is asked here.
  renice -n -15 -p "$tool" || true
  run_children 10000
  early=$(peak)
  run_children 90000
  late=$(peak)
  finish INT
  [ "$status" -eq 0 ]
  [ "$(wc -l <pids)" -eq 100000 ]
  check_ledger out.json table_full recursion stack_missing ring_full sideband_lost \
    scratch_busy kernel_stack_failed
  seen=$(records 'select(.type == "stack").pid' out.json | sort -u | wc -l)
  echo "peak $early kB, then $late kB; $seen processes in $(samples true out.json) samples"
  [ "$seen" -gt 300 ]

  # Each sample is of a known process. Where it was, in the file that it ran, has
  # a name, unless none is there: the linker's stubs. While its program is being
  # replaced it is nowhere. Callers are another matter:
  # the C library has no frame pointers.
  [ "$(samples '.process != "children"' out.json)" -eq 0 ]
  records 'select(.type == "stack") | .frames
           | select(map(.name // "") | any(test("^(begin_new_exec|load_elf_binary)$")) | not)
           | map(select(.kernel | not)) | last
           | values | select(.name == null).name_reason' out.json | sort | uniq -c >unnamed
  cat unnamed
  [ "$(grep -cv ' no covering symbol$' unnamed)" -eq 0 ]
  stubs=$(awk '{ sum += $1 } END { print sum + 0 }' unnamed)
  holds "stubs < all / 50" stubs="$stubs" all="$(samples true out.json)"

  # The report's own rows, of those processes that were sampled, are in it. A
  # process that is kept for ever would need more than 45 bytes.
  [ "$early" -lt $((64 << 10)) ]
  [ "$late" -le $((early + (4 << 10))) ]
}
