# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# What tcpconnect must do on every kernel. The workload `connects` says itself
# what there was to be seen: remote port, errno and local port of each attempt.

# The network of a guest is down when it comes up.
ip link set lo up 2>/dev/null || true

# watch OPTION... -- CMD...: the attempts of a command in `events`, one a line.
# All that entered the program is in the result or left out, and nothing is lost.
watch() {
  status=0
  tcpconnect -q -j -o out.json "$@" >said 2>errors || status=$?
  cat errors
  [ "$status" = 0 ] || [ "$status" = 3 ]
  jq -c 'select(.type == "event")' out.json >events
  head -n 20 events
  tail -n 1 out.json
  jq -e 'select(.type == "end") | .ledger as $l
    | $l.entered == .attempts + $l.not_target + $l.not_matching + $l.not_failed
                    + $l.other_destination + $l.other_latency
      and ([$l.recursion, $l.unaccounted, $l.event_ring_full, $l.attempts_full,
            $l.target_table_full, $l.exit_missing, $l.start_unseen]
           | add) == 0' out.json
}

# holds FILTER: of the array of all events.
holds() { jq -e -s "$1" events; }

# sees CASE...: the rows are the attempts that the workload says it made. Not
# every kernel has all that it tries.
sees() {
  watch -- connects "$@"
  if [ "$status" = 3 ]; then
    echo "this kernel has no $1"
    return
  fi
  jq -r '"\(.remote_port // 0) \(.errno // 0) \(
    if .outcome == "ok" then .local_port else 0 end)"' events | sort >seen
  sort said | diff - seen
}

check_names_features() {
  tcpconnect -V -v >features
  cat features
  grep -q '^tcpconnect [0-9]' features
  grep -q "$(uname -r)" features
  tcpconnect -v -d 10ms 2>&1 | grep 'fail at once'
}

check_sees_connections() {
  for case in ok v6 mapped poll again; do sees $case 7; done
  sees mapped 1
  holds 'map(.family == "inet6" and .v4_mapped and .remote_address == "127.0.0.1")
         == [true]'
  sees self
  holds '.[0].outcome == "ok" and .[0].local_port == .[0].remote_port'
  sees unspec
}

check_sees_refusals_once() {
  for case in refused refused_poll refused_again; do
    sees $case 5
    holds 'all(.outcome == "refused" and .error == "ECONNREFUSED"
               and .latency_ns > 0)'
  done
  sees old_error
}

check_sees_who_connects() {
  watch -a -- sh -c 'connects ok 1; true'
  holds 'length == 1 and (.[0] | .comm == "connects" and .parent_comm == "sh"
    and .ancestors[0].comm == "sh" and .uid == 0 and .user == "root"
    and .local_address == "127.0.0.1" and .remote_address == "127.0.0.1"
    and .retransmits == 0 and (.mptcp | not) and (.fast_open | not))'
}

check_sees_fast_open() {
  echo 3 >/proc/sys/net/ipv4/tcp_fastopen
  sees fastopen 2
  holds 'all(.fast_open) and .[1].syn_data'
  sees fastopen_refused 2
  sees deferred
}

check_sees_mptcp() {
  sees mptcp 2
  holds 'all(.mptcp)'
  sees mptcp_refused 2
}

check_sees_io_uring() {
  sees uring 3
  sees uring_refused 3
}

check_sees_calls_that_fail_at_once() {
  sees family
  holds '.[0].error == "EAFNOSUPPORT" and .[0].latency_ns == null'
  sees short
  sees fault
  sees taken
  holds '.[1] | .error == "EADDRNOTAVAIL" and .outcome == "failed"'
}

check_sees_programs_of_32_bits() {
  sees compat 3
}

check_follows_a_storm() {
  watch -- connects storm 1000 2
  holds 'length == 2000 and all(.outcome == "ok")'
}

check_folds_the_ancestry() {
  tcpconnect -q -f -o out.folded -- sh -c 'connects refused 3; true'
  cat out.folded
  grep -qE ';sh;connects;127.0.0.1:[0-9]+ \[refused\] 3$' out.folded
}
