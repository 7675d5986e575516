# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# What tcpconnect must do on every kernel. The workload `connects` says itself
# what there was to be seen: remote port, errno and local port of each attempt.

# The network of a guest is down when it comes up.
ip link set lo up 2>/dev/null || true

# watch OPTION... -- CMD...: the attempts of a command in `events`, one a line.
# All that entered the program is in the result or left out, and nothing is lost.
watch() {
  tcpconnect -q -j -o out.json "$@" >said 2>errors || { cat errors; return 1; }
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

# sees 'CASE COUNT'...: the rows are the attempts that the workload says it made,
# one case after the other. Not every kernel has all that it tries: then it says
# nothing and ends with 3.
sees() {
  watch -- sh -c 'for case; do connects $case || [ $? = 3 ] || exit; done' - "$@"
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
  sees 'ok 7' 'v6 7' 'mapped 7' 'poll 7' 'again 7' self unspec
  holds '(map(select(.outcome == "ok")) | length) == 37
    and (map(select(.v4_mapped and .family == "inet6"
                    and .remote_address == "127.0.0.1")) | length) == 7
    and (map(select(.local_port and .local_port == .remote_port)) | length) == 1'
}

check_sees_refusals_once() {
  sees 'refused 5' 'refused_poll 5' 'refused_again 5' old_error
  holds '(map(select(.outcome == "refused" and .error == "ECONNREFUSED"
                     and .latency_ns > 0)) | length) == 15 and length == 16'
}

check_sees_who_connects() {
  watch -a -- sh -c 'connects ok 1; true'
  holds 'length == 1 and (.[0] | .comm == "connects" and .parent_comm == "sh"
    and .ancestors[0].comm == "sh" and .uid == 0 and .user == "root"
    and .local_address == "127.0.0.1" and .remote_address == "127.0.0.1"
    and .retransmits == 0 and (.mptcp | not) and (.fast_open | not))'
}

check_sees_fast_open() {
  allowed=/proc/sys/net/ipv4/tcp_fastopen
  was=$(cat $allowed)
  trap 'echo "$was" >$allowed' EXIT
  echo 3 >$allowed
  sees 'fastopen 2' 'fastopen_refused 2' deferred
  holds '(map(select(.fast_open)) | length) == 6
    and (map(select(.syn_data)) | length) >= 1'
}

check_sees_mptcp_and_io_uring() {
  sees 'mptcp 2' 'mptcp_refused 2' 'uring 3' 'uring_refused 3'
  holds '(map(select(.mptcp)) | length) as $n | $n == 4 or $n == 0'
}

# Also of programs of 32 bits.
check_sees_calls_that_fail_at_once() {
  sees family short fault taken 'compat 3'
  holds '(map(select(.latency_ns == null).error) | sort)
         == ["EAFNOSUPPORT", "EFAULT", "EINVAL"]
    and (map(select(.error == "EADDRNOTAVAIL" and .outcome == "failed"))
         | length) == 1'
}

# Its holder outlives the command, and so the measurement.
check_shows_what_is_pending() {
  rm -f hold
  : >made
  mkfifo hold
  watch -a -- sh -c 'connects unanswered <>hold >made &
    until [ "$(wc -l <made)" = 2 ]; do :; done'
  echo >hold
  holds 'map(.outcome) == ["ok", "pending"]
    and (.[1] | .comm == "connects" and .latency_ns > 0 and .errno == null
                and .ancestors[0].comm == "sh")
    and .[0].remote_port == .[1].remote_port'
}

# Also by a kernel that preempts BPF programs (7.2).
check_follows_a_storm() {
  watch -- connects storm 500 2
  holds 'length == 1000 and all(.outcome == "ok")'
}

# Of a name server's answers those that somebody asked for. A host's own server
# may have the port: in a network of our own nobody does.
check_shows_the_names_that_were_answered() {
  unshare -n sh -c 'ip link set lo up && exec "$@"' - \
    tcpconnect -q --dns -j -o out.json -- sh -c \
    'answered db.example 127.0.0.2; answered evil.example 127.0.0.3 unasked
     answered 127.0.0.9 127.0.0.4'
  cat out.json
  jq -e -s 'map(select(.type == "event" and .remote_port == 9))
    | map([.remote_address, .remote_name, .remote_name_source])
    == [["127.0.0.2", "db.example", "answer"], ["127.0.0.3", null, null],
        ["127.0.0.4", null, null]]' out.json
  jq -e 'select(.type == "end") | .ledger
    | .answers_unasked == 1 and .answers_lost == 0' out.json
}

# A kernel whose uretprobes end processes is not asked to have any.
check_watches_lookups_where_that_does_no_harm() {
  tcpconnect -v --dns -d 10ms >said 2>&1
  cat said
  grep -q 'names: getaddrinfo() of [1-9].* C libraries; answers from port 53' said ||
    grep -q 'uretprobes of this kernel end processes' said
}

check_folds_the_ancestry() {
  tcpconnect -q -f -o out.folded -- sh -c 'connects refused 3; true'
  cat out.folded
  grep -qE ';sh;connects;127.0.0.1:[0-9]+ \[refused\] 3$' out.folded
}
