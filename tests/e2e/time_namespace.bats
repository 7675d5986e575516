#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # bats: variables of the helpers
# A tool in a time namespace, where clock_gettime() and /proc are ahead of the
# kernel's own clocks, or behind them.

load helpers
setup() {
  [ -e /proc/self/timens_offsets ] || skip "this kernel has no time namespaces"
  e2e_setup
}
teardown() { e2e_teardown; }

# shifted COMMAND...: in such a namespace, by $seconds.
shifted() {
  unshare --time --monotonic "$seconds" --boottime "$seconds" --fork "$@" 3>&- 4>&-
}

# The uptime of this machine may be short: the clocks must not fall below 0.
shifts() { echo 100000 -5; }

# in_time FILE: its events lie between the start and the end.
in_time() {
  jq -es '(.[-1].to_ns // .[-1].duration_ns) as $last
    | map(select(.type == "event").time_ns)
    | length > 0 and all(. > 0 and . < $last)' "$1"
}

@test "execsnoop's times are those since its start" {
  for seconds in $(shifts); do
    shifted execsnoop -q -j -l -o out.json -- sh -c '/bin/true; true'
    in_time out.json
    records 'select(.type == "event") | .wall_ns > 0 and .wall_ns < 60e9' out.json >ages
    [ "$(sort -u ages)" = true ]
  done
}

@test "tcpconnect's times and ages are those since its start" {
  for seconds in $(shifts); do
    mkfifo hold
    : >made
    # shellcheck disable=SC2016 # expanded by the inner shell
    shifted tcpconnect -q -j -o out.json -- sh -c '
      "$1" unanswered <>hold >made & until [ "$(wc -l <made)" = 2 ]; do :; done
    ' - "$workloads/connects"
    echo >hold
    rm hold
    in_time out.json
    records 'select(.outcome == "pending") | .latency_ns > 0 and .latency_ns < 60e9' \
      out.json >ages
    [ "$(cat ages)" = true ]
  done
}

@test "cpuprof names the code of who runs before it and after" {
  for seconds in $(shifts); do
    "$workloads/spin" 60 3>&- 4>&- &
    started+=($!)
    shifted cpuprof -q -U -f -o before.folded -p $! -d 500ms
    kill $!
    shifted cpuprof -q -U -f -o after.folded -- "$workloads/spin" 1
    for file in before after; do
      grep -q '^spin;_start;__libc_start_main;.*main;' $file.folded
      [ "$(grep -cF '[' $file.folded)" -eq 0 ]
    done
  done
}
