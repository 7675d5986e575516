#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154 # bats: variables of the helpers
# What is missing is said before anything is attached: one error and one hint,
# status 3 for a permission, 4 for a feature. And what works all the same.

load ../e2e/helpers

setup() {
  ((EUID == 0)) || skip "needs root, to give parts of it up"
  e2e_setup
}

teardown() { e2e_teardown; }

# with_only CAPABILITY[,...] COMMAND...: as an ordinary user with these alone.
with_only() {
  local caps=$1
  shift
  setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps="-all$caps" \
    --ambient-caps="-all$caps" --bounding-set="-all$caps" "$@"
}

# A copy that nobody can read and run.
readable_tool() {
  local place
  place=$(mktemp -d "${TMPDIR:-/tmp}/sightline.XXXXXX")
  chmod 755 "$place"
  install -m 755 "$(command -v cpuprof)" "$place/cpuprof"
  echo "$place"
}

# One error and one hint, and no word of libbpf's.
one_error_one_hint() {
  [ "${#lines[@]}" -eq 2 ]
  [[ ${lines[0]} == "cpuprof: "* && ${lines[1]} == "hint: "* ]]
  [[ $output != *libbpf* && $output != *"ulimit"* ]]
}

# hidden PATH COMMAND...: where an empty directory hides PATH.
hidden() {
  local path=$1
  shift
  # shellcheck disable=SC2016 # expanded by the inner shell
  unshare --mount sh -c 'mount -t tmpfs none "$0" && exec "$@"' "$path" "$@"
}

@test "no capability: status 3, which capabilities, and how to get them" {
  place=$(readable_tool)
  run with_only "" "$place/cpuprof" -d 1
  rm -r "$place"
  [ "$status" -eq 3 ]
  one_error_one_hint
  [[ ${lines[0]} == *CAP_BPF*CAP_PERFMON* ]]
  [[ ${lines[1]} == *"sudo $place/cpuprof"*setcap* ]]
  hinted=$(grep -o 'cap_[a-z_]*' <<<"${lines[1]}" | sort)
  page=$(sed -n 's/^caps=//p' "$BATS_TEST_DIRNAME/../../man/sightline.7" |
    grep -o 'cap_[a-z_]*' | sort)
  [ "$hinted" = "$page" ]
}

@test "CAP_BPF without CAP_PERFMON, and the other way round" {
  place=$(readable_tool)
  run with_only ,+bpf "$place/cpuprof" -d 1
  [ "$status" -eq 3 ]
  one_error_one_hint
  [[ ${lines[0]} == *"CAP_PERFMON is missing" ]]
  run with_only ,+perfmon "$place/cpuprof" -d 1
  [ "$status" -eq 3 ]
  one_error_one_hint
  [[ ${lines[0]} == *"CAP_BPF is missing" ]]
  rm -r "$place"
}

@test "root without capabilities is told about containers, not sudo" {
  run setpriv --bounding-set=-all --inh-caps=-all cpuprof -d 1
  [ "$status" -eq 3 ]
  one_error_one_hint
  [[ ${lines[1]} == *--cap-add* && ${lines[1]} != *sudo* ]]
}

@test "CAP_BPF and CAP_PERFMON are enough for a user's own processes" {
  place=$(readable_tool)
  chmod 777 "$BATS_TEST_TMPDIR"
  install -m 755 "$workloads/spin" "$place/spin"
  run with_only ,+bpf,+perfmon "$place/cpuprof" -q -F 999 -f -- "$place/spin" -r 20
  rm -r "$place"
  [ "$status" -eq 0 ]
  grep -q '^spin;.*;main;.*hot_sixty [0-9]' <<<"$output"
}

@test "a command that could not be measured is not run" {
  place=$(readable_tool)
  run with_only "" "$place/cpuprof" -- touch "$BATS_TEST_TMPDIR/ran"
  rm -r "$place"
  [ "$status" -eq 125 ]
  one_error_one_hint
  [ ! -e "$BATS_TEST_TMPDIR/ran" ]
}

@test "without a permission no debuginfod server's place is made" {
  place=$(readable_tool)
  chmod 777 "$BATS_TEST_TMPDIR"
  export DEBUGINFOD_URLS=http://127.0.0.1:1
  export DEBUGINFOD_CACHE_PATH=$BATS_TEST_TMPDIR/cache
  run with_only "" "$place/cpuprof" -d 1 --debuginfod 5
  [ "$status" -eq 3 ]
  one_error_one_hint
  [ ! -e cache ]
  # That there is no such process is said before either.
  run with_only "" "$place/cpuprof" -p 4194304 --debuginfod 5
  [ "$status" -eq 1 ]
  [ ! -e cache ]
  rm -r "$place"
}

@test "kernel.perf_event_paranoid 2 and 3 do not stop root" {
  for level in 2 3; do
    set_sysctl kernel.perf_event_paranoid $level
    run cpuprof -q -F 999 -f -- "$workloads/spin" -r 20
    [ "$status" -eq 0 ]
    grep -q '^spin;.*hot_sixty [0-9]' <<<"$output"
    # Named kernel frames too.
    run cpuprof -q -F 999 -f -- "$workloads/syscalls" 0.2
    grep -q 'do_syscall_64_\[k\]' <<<"$output"
  done
}

@test "no BTF: status 4 and --btf; with it, the same profile" {
  cp /sys/kernel/btf/vmlinux vmlinux.btf
  run hidden /sys/kernel/btf cpuprof -d 1
  [ "$status" -eq 4 ]
  one_error_one_hint
  [[ ${lines[0]} == *"no BTF"* && ${lines[1]} == *"--btf FILE"* ]]
  run hidden /sys/kernel/btf cpuprof -q --btf vmlinux.btf -F 999 -f -- \
    "$workloads/spin" -r 20
  [ "$status" -eq 0 ]
  grep -q '^spin;.*;main;.*hot_sixty [0-9]' <<<"$output"
}

@test "no tracefs: everything but -e with a tracepoint works" {
  run unshare --mount sh -c 'umount -a -t tracefs,debugfs; exec "$@"' sh \
    cpuprof -q -F 999 -f -- "$workloads/spin" -r 20
  [ "$status" -eq 0 ]
  grep -q '^spin;.*hot_sixty [0-9]' <<<"$output"
}

# A root with the tools and their libraries, and nothing mounted in it.
bare_root() {
  local tool file
  mkdir -p root/proc root/sys root/tmp
  for tool in cpuprof execsnoop tcpconnect; do
    tool=$(command -v "$tool")
    install -D "$tool" "root/bin/${tool##*/}"
    for file in $(ldd "$tool" | grep -o '/[^ ]*'); do
      install -D "$file" "root/$file"
    done
  done
}

# in_root MOUNTS COMMAND...: there, with what MOUNTS mounts.
in_root() {
  local mounts=$1
  shift
  # shellcheck disable=SC2016 # expanded by the inner shell
  unshare --mount sh -euc 'eval "$0"; exec chroot root "$@"' "$mounts" "$@"
}

# not_mounted PLACE HINT MOUNTS TOOL ARG...: that is all it says there.
not_mounted() {
  local place=$1 hint=$2
  shift 2
  run in_root "$@"
  [ "$status" -eq 4 ]
  [ "$output" = "$2: $place is not mounted"$'\n'"hint: $hint" ]
}

@test "no /proc or no /sys: that first, and how to mount it, status 4" {
  bare_root
  proc='mount -t proc proc root/proc'
  sys='mount --rbind /sys root/sys'
  for tool in cpuprof execsnoop tcpconnect; do
    for mounts in : "$sys"; do
      # Nor can it be told whether there is such a target.
      for target in "" "-p 4194304" "-c no/such"; do
        # shellcheck disable=SC2086 # words
        not_mounted /proc "mount -t proc proc /proc" "$mounts" $tool -d 1 $target
      done
    done
    not_mounted /sys "mount -t sysfs sysfs /sys" "$proc" $tool -d 1
    run in_root : $tool -d never
    [ "$status" -eq 2 ]
    run in_root "$proc; $sys" $tool -q -d 100ms
    [ "$status" -eq 0 ]
  done
}

@test "no /proc: -V -v tells the capabilities all the same" {
  bare_root
  run in_root : tcpconnect -V -v
  [ "$status" -eq 0 ]
  [[ $output == *$'\n'"/proc and /sys: both are not mounted"$'\n'* ]]
  [[ $output == *$'\n'"initial PID namespace: unknown"$'\n'* ]]
  [ "$(grep ^capabilities: <<<"$output")" = "$(tcpconnect -V -v | grep ^capabilities:)" ]
}
