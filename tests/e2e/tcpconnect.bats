#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154,SC2317 # bats: variables of the helpers
# tcpconnect against programs that say themselves how each attempt has ended, on
# loopback and in networks of the test's own.

bats_require_minimum_version 1.5.0
load helpers
load connect_helpers
setup() { e2e_setup; }
teardown() { e2e_teardown; }

@test "connections: blocking, by poll, by another connect()" {
  for case in ok poll again; do
    sees $case 7
    holds_of_events 'all(.outcome == "ok" and .latency_ns > 0 and .retransmits == 0
      and .family == "inet" and .local_address == "127.0.0.1"
      and .remote_address == "127.0.0.1" and (.v4_mapped | not))'
  done
}

@test "IPv6, and IPv4 in it, once each" {
  sees v6 5
  holds_of_events 'all(.family == "inet6" and .remote_address == "::1"
    and .local_address == "::1" and (.v4_mapped | not))'
  sees mapped 5
  holds_of_events 'all(.family == "inet6" and .remote_address == "127.0.0.1"
    and .local_address == "127.0.0.1" and .v4_mapped)'
}

@test "refusals are one row each, however they are asked for" {
  for case in refused refused_poll refused_again; do
    sees $case 11
    holds_of_events 'length == 11 and all(.outcome == "refused" and .errno == 111
      and .error == "ECONNREFUSED" and .latency_ns > 0)'
  done
}

@test "an error that comes behind the connection is no attempt" {
  sees old_error
  sees unspec
}

@test "both sides at once: a socket that connects to itself" {
  sees self
  holds_of_events '.[0] | .outcome == "ok" and .local_port == .remote_port'
}

@test "Fast Open: with the cookie, with data, and deferred to the first write" {
  set_sysctl net.ipv4.tcp_fastopen 3
  sees fastopen 3
  holds_of_events 'all(.fast_open) and (.[1:] | all(.syn_data))'
  sees fastopen_refused 3
  holds_of_events 'all(.outcome == "refused")'
  sees deferred
  holds_of_events '.[1] | .fast_open and .syn_data'
}

@test "MPTCP: its subflow is the attempt" {
  sees mptcp 3
  holds_of_events 'all(.mptcp and .outcome == "ok")'
  sees mptcp_refused 3
  holds_of_events 'all(.mptcp and .outcome == "refused")'
}

@test "io_uring" {
  sees uring 5
  sees uring_refused 5
  holds_of_events 'all(.comm == "connects")'
}

@test "another thread's failing call of the same socket is its own" {
  watch -a -- "$workloads/shared_socket" meddled 300
  same_as_said
  [ "$(events '.error == "EFAULT"')" -gt 0 ]
  holds_of_events 'map(select(.error == "ECONNREFUSED"))
    | length == 300 and all(.latency_ns > 0 and .ancestors[0].comm == "tcpconnect")'
}

@test "an error that was fetched does not hide a failure at once" {
  new_network
  at "$left" ip route add unreachable 10.88.0.0/24
  watch -- nsenter -t "$left" -n "$workloads/shared_socket" asked_twice 10.9.0.77 10.88.0.1
  same_as_said
  holds_of_events 'map(.latency_ns == null) == [false, true]
    and all(.outcome == "unreachable")'
}

# Blocking: its call returns behind the end that was seen without a start.
@test "the call of an attempt that began before is no other attempt" {
  new_network
  background nsenter -t "$left" -n "$workloads/connects" to 10.9.0.77 80 1
  begun() { at "$left" cat /proc/self/net/tcp | grep -q ' 02 '; }
  until_true begun
  snoop -q -j -o out.json -P 80
  wait "$last"
  finish INT
  check_connects out.json
  holds_of_events 'length == 1 and .[0].outcome == "unreachable" and .[0].pid == null'
}

@test "calls that fail at once" {
  sees family
  holds_of_events '.[0] | .error == "EAFNOSUPPORT" and .outcome == "failed"
    and .remote_address == null
    and .remote_address_reason == "of address family 1"
    and .latency_ns == null and .local_port == null'
  sees short
  holds_of_events '.[0] | .error == "EINVAL" and .remote_address == null
    and .remote_address_reason == "too short, or part of it could not be read"'
  sees fault
  holds_of_events '.[0] | .error == "EFAULT"
    and .remote_address_reason == "it could not be read"'
}

@test "no port is left" {
  sees taken
  holds_of_events '.[1] | .error == "EADDRNOTAVAIL" and .outcome == "failed"
    and .latency_ns > 0 and .local_port > 0'
  new_network
  at "$left" sysctl -q -w net.ipv4.ip_local_port_range='40000 40006'
  watch -- nsenter -t "$left" -n "$workloads/connects" exhausted 11
  same_as_said
  [ "$(events '.outcome == "ok"')" -eq 7 ]
  [ "$(events '.error == "EADDRNOTAVAIL"')" -eq 4 ]
}

@test "system calls of 32 bits" { sees compat 3; }

@test "who connects" {
  watch -a -- setpriv --reuid=daemon --clear-groups sh -c '"$1" ok 1; true' - "$workloads/connects"
  netns=$(readlink /proc/self/ns/net)
  holds_of_events "length == 1 and (.[0] | .comm == \"connects\"
    and .parent_comm == \"sh\" and .ancestors[0].comm == \"sh\"
    and .ancestors[0].pid == .parent_pid and .ancestors[-1].pid == 1
    and .user == \"daemon\" and .pid == .tid and .cgroup != null
    and .netns == \"$(printf '0x%x' "${netns//[^0-9]/}")\")"
}

@test "refused, unreachable and denied by what is between" {
  new_network
  on_input "$right" tcp dport 7001 reject with tcp reset
  on_input "$right" ip protocol tcp tcp dport 7002 reject with icmp type host-unreachable
  on_input "$right" ip6 nexthdr tcp tcp dport 7003 reject with icmpv6 type addr-unreachable
  on_input "$right" tcp dport 7004 reject with icmpx type admin-prohibited
  : >all
  # An error that comes while the socket is still in the call is kept for the
  # next SYN by the kernel (tcp_v4_err, net/ipv4/tcp_ipv4.c), a second later.
  for way in '10.9.0.2 7001 11 refused' 'fd00:9::2 7001 13 refused' \
    '10.9.0.2 7002 2 unreachable' 'fd00:9::2 7003 3 unreachable' \
    '10.9.0.2 7004 2 unreachable' 'fd00:9::2 7004 3 denied' \
    '10.77.0.1 80 17 unreachable'; do
    read -r address number count outcome <<<"$way"
    watch -- nsenter -t "$left" -n "$workloads/connects" to "$address" "$number" "$count"
    same_as_said
    holds_of_events "length == $count and all(.outcome == \"$outcome\"
      and .remote_address == \"$address\")"
  done
}

# The ICMP message comes while the call still holds the socket, and the kernel
# keeps it for who asks. Of IPv6 poll() tells only with the next one, a second
# later.
@test "a program that does not block is told of ICMP messages, and so are we" {
  new_network
  on_input "$right" tcp dport 7001 reject with icmpx type port-unreachable
  on_input "$right" tcp dport 7002 reject with icmpx type host-unreachable
  for way in '10.9.0.2 7001 refused 0' 'fd00:9::2 7001 refused 1' \
    '10.9.0.2 7002 unreachable 0' 'fd00:9::2 7002 unreachable 1'; do
    read -r address number outcome sent_again <<<"$way"
    watch -- nsenter -t "$left" -n "$workloads/connects" poll_to "$address" "$number" 2
    same_as_said
    holds_of_events "length == 2 and all(.outcome == \"$outcome\"
      and .retransmits == $sent_again)"
  done
}

@test "a link-local address has the number of its interface" {
  new_network
  at "$left" ip address add fe80::91/64 dev cable nodad
  at "$right" ip address add fe80::92/64 dev cable nodad
  index=$(at "$left" ip -j link show cable | jq '.[0].ifindex')
  connect=(nsenter -t "$left" -n python3 -c 'import socket, sys
socket.socket(socket.AF_INET6).connect_ex(("fe80::92", 81, 0, int(sys.argv[1])))' "$index")
  watch -- "${connect[@]}"
  holds_of_events "length == 1 and .[0].remote_address == \"fe80::92\"
    and .[0].outcome == \"refused\" and .[0].interface_index == $index"
  tcpconnect -q -o out.txt -- "${connect[@]}"
  grep -qF " [fe80::92%$index]:81" out.txt
}

@test "nothing answers: a timeout with its retransmits" {
  new_network
  on_input "$right" tcp dport 7001 counter drop
  at "$left" sysctl -q -w net.ipv4.tcp_syn_retries=1
  watch -- nsenter -t "$left" -n "$workloads/connects" to 10.9.0.2 7001 1
  same_as_said
  # Whoever drops them knows how many there were.
  packets=$(at "$right" nft list ruleset | sed -nE 's/.*counter packets ([0-9]+).*/\1/p')
  holds_of_events "length == 1 and (.[0] | .outcome == \"timeout\"
    and .errno == 110 and .retransmits == $packets - 1 and .retransmits > 0
    and .latency_ns >= 2900000000)"
  watch -- nsenter -t "$left" -n "$workloads/connects" user_timeout 10.9.0.2 7001 500
  same_as_said
  holds_of_events 'map(.outcome) == ["timeout"]'
}

@test "the first SYN is lost: a second more, and one retransmit" {
  new_network
  serve "$right" 10.9.0.2
  on_input "$right" tcp flags '& (syn | ack) == syn' numgen inc mod 1000 == 0 drop
  watch -- nsenter -t "$left" -n "$workloads/connects" to 10.9.0.2 "$port" 2
  same_as_said
  holds_of_events 'all(.outcome == "ok")
    and (.[0] | .retransmits == 1 and .latency_ns >= 1000000000)
    and .[1].retransmits == 0'
}

@test "what the program gives up itself" {
  new_network
  on_input "$right" tcp dport 7001 drop
  for case in closed shut; do
    watch -- nsenter -t "$left" -n "$workloads/connects" $case 10.9.0.2 7001 3
    holds_of_events 'length == 3 and all(.outcome == "aborted" and .errno == null
      and .latency_ns > 0)'
  done
}

@test "what is pending at the end has its age; a call that gives up leaves it so" {
  new_network
  on_input "$right" tcp dport 7001 drop
  mkfifo hold
  for case in 'begun 3' 'send_timeout 50' 'interrupted 50'; do
    snoop -q -j -o out.json
    read -r name number <<<"$case"
    nsenter -t "$left" -n "$workloads/connects" "$name" 10.9.0.2 7001 "$number" \
      <>hold >said 3>&- 4>&- &
    last=$!
    started+=("$last")
    [ "$name" = begun ] && attempts=3 || attempts=1
    said_all() { [ "$(wc -l <said)" -eq "$attempts" ]; }
    until_true said_all
    at "$left" ss -tnH state syn-sent dst 10.9.0.2:7001 >open
    finish INT
    kill "$last"
    [ "$status" -eq 0 ]
    check_connects out.json event_ring_full attempts_full exit_missing
    [ "$(wc -l <open)" -eq "$attempts" ]
    [ "$(events '.outcome == "pending" and .remote_port == 7001
      and .comm == "connects" and .latency_ns > 0 and .errno == null')" -eq "$attempts" ]
    [ "$(records 'select(.type == "end").pending' out.json)" -ge "$attempts" ]
  done
}

@test "an address that does not fit is cut before its port" {
  new_network
  nsenter -t "$left" -n tcpconnect -q --width 72 -o out.txt -- \
    "$workloads/connects" to fd66:1111:2222:3333:4444:5555:6666:7777 54321 1
  grep -qE ' unreachable .*\[fd66:1[0-9:]*…\]:54321$' out.txt
  [ "$(LC_ALL=C.UTF-8 wc -L <out.txt)" -le 72 ]
}

@test "SIGUSR1 lists what is pending" {
  mkfifo hold
  snoop -q -n connects -o out.txt
  "$workloads/connects" unanswered <>hold >said 3>&- 4>&- &
  started+=($!)
  listed() { kill -USR1 "$tool"; grep -q ' connects  *pending ' out.txt; }
  until_true listed
  echo >hold
  ended() { grep -q ' connects  *aborted ' out.txt; }
  until_true ended
  finish INT
  [ "$(grep -c ' aborted ' out.txt)" -eq 1 ]
}

@test "behind the intervals comes the whole run" {
  snoop -q -j --summary -i 100ms -n connects -o out.json
  local failed=0
  for count in 3 4; do
    failed=$((failed + count))
    "$workloads/connects" refused $count >/dev/null
    "$workloads/connects" ok $count >/dev/null
    shown() { [ "$(records 'select(.type == "interval").failed' out.json | awk '{ n += $1 } END { print n + 0 }')" -ge "$failed" ]; }
    until_true shown
  done
  finish INT
  sum() { jq -s "map(select(.type == \"interval\") | .$1) | add" out.json; }
  for key in attempts established failed ledger.entered; do
    [ "$(records "select(.type == \"end\").$key" out.json)" -eq "$(sum $key)" ]
  done
  [ "$(records 'select(.type == "end").failed' out.json)" -eq 7 ]
  [ "$(records 'select(.type == "end").from_ns' out.json)" -eq 0 ]
}

@test "what is pending shows in each interval, until it ends" {
  mkfifo hold
  snoop -q -j --summary -i 200ms -n connects -o out.json
  "$workloads/connects" unanswered <>hold >said 3>&- 4>&- &
  started+=($!)
  stretches() { records "select(.type == \"interval\") | $1 | select(.)" out.json | wc -l; }
  hangs() { [ "$(stretches '.pending == 1 and ([.by_destination[].outcomes.pending] | add) == 1')" -ge 2 ]; }
  until_true hangs
  echo >hold
  ended() { [ "$(stretches '.failed == 1 and .pending == 0')" -eq 1 ]; }
  until_true ended
  finish INT
  [ "$(stretches '.established == 1')" -eq 1 ]
  [ "$(of_ledger unaccounted)" -eq 0 ]
}

@test "what began before is shown as far as it is known" {
  new_network
  on_input "$right" tcp dport 7001 drop
  mkfifo hold
  nsenter -t "$left" -n "$workloads/connects" begun 10.9.0.2 7001 2 \
    <>hold >said 3>&- 4>&- &
  last=$!
  started+=("$last")
  said_all() { [ "$(wc -l <said)" -eq 2 ]; }
  until_true said_all
  snoop -q -j -o out.json -P 7001
  kill "$last"
  seen() { kill -USR1 "$tool"; [ "$(events true)" -eq 2 ]; }
  until_true seen
  finish INT
  check_connects out.json
  holds_of_events 'all(.outcome == "aborted" and .pid == null
    and .pid_reason == "it began before it could be seen"
    and .remote_address == "10.9.0.2" and .latency_ns == null)'
  [ "$(of_ledger start_unseen)" -eq 2 ]
}

@test "an address that a cgroup's program rewrites is shown before and after" {
  local mount cgroup
  mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
  cgroup=$mount/sightline-connect-$$
  mkdir "$cgroup"
  serve $$ 127.0.0.1
  mkfifo hold begun
  for to in "$port" 0; do
    "$workloads/connect_hook" "$cgroup" "$to" <>hold >begun 3>&- 4>&- &
    hook=$!
    started+=("$hook")
    IFS= read -r -t 60 line <begun
    watch -- sh -c 'echo $$ >"$1/cgroup.procs"; exec "$2" to 127.0.0.1 9 1' - \
      "$cgroup" "$workloads/connects"
    kill "$hook"
    wait "$hook" || true
    if [ "$to" != 0 ]; then
      holds_of_events "length == 1 and (.[0] | .outcome == \"ok\"
        and .remote_port == $port and .asked_port == 9
        and .asked_address == \"127.0.0.1\" and .cgroup == \"/${cgroup##*/}\")"
    else
      holds_of_events 'length == 1 and (.[0] | .outcome == "denied"
        and .error == "EPERM" and .remote_port == 9)'
    fi
  done
  until_true rmdir "$cgroup"
}

@test "a storm: none lost" {
  watch -- "$workloads/connects" storm 10000 2
  [ "$(events '.outcome == "ok"')" -eq 20000 ]
  [ "$(jq -s 'map(select(.type == "event").local_port) | length' out.json)" -eq 20000 ]
}

@test "20,000 from two processes while the whole machine is watched" {
  snoop -q -j -o out.json
  "$workloads/connects" storm 10000 2
  finish INT
  [ "$status" -eq 0 ]
  check_connects out.json event_ring_full attempts_full recursion exit_missing
  [ "$(events '.comm == "connects" and .outcome == "ok"')" -eq 20000 ]
}

@test "filters: port, family, latency, failures, name, user" {
  local self=$workloads/connects
  sh -c "\"$self\" ok 2; \"$self\" refused 3; \"$self\" v6 5; \"$self\" mapped 7" >/dev/null
  script="\"$self\" ok 2; \"$self\" refused 3; \"$self\" v6 5; \"$self\" mapped 7; \"$self\" to 127.0.0.1 9 11; \"$self\" to 127.0.0.1 99 13"
  counts() {
    watch "$@" -- sh -c "$script"
    events true
  }
  [ "$(counts)" -eq 41 ]
  [ "$(counts -x)" -eq 27 ]
  [ "$(counts -6)" -eq 5 ]
  [ "$(counts -4)" -eq 36 ]
  [ "$(counts -P 9)" -eq 11 ]
  [ "$(counts -P 9,99)" -eq 24 ]
  [ "$(counts -P 9 -6)" -eq 0 ]
  [ "$(counts -m 1h)" -eq 0 ]
  [ "$(counts -M 1h)" -eq 41 ]
  [ "$(counts -n '^conn')" -eq 41 ]
  [ "$(counts -n nobody)" -eq 0 ]
  watch -u daemon -- sh -c "\"$self\" ok 2; setpriv --reuid=daemon --clear-groups \"$self\" ok 3"
  holds_of_events 'map(.user) == ["daemon", "daemon", "daemon"]'
}

@test "filters: a cgroup and what is below it, a process that is there already" {
  local mount cgroup
  mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
  cgroup=$mount/sightline-connects-$$
  mkdir "$cgroup" "$cgroup/below"
  snoop -q -j -o out.json -c "$cgroup"
  sh -c 'echo $$ >"$1/below/cgroup.procs"; exec "$2" refused 2' - "$cgroup" "$workloads/connects"
  "$workloads/connects" refused 3
  finish INT
  until_true rmdir "$cgroup/below" "$cgroup"
  holds_of_events "length == 2 and all(.cgroup == \"/${cgroup##*/}/below\")"
  check_connects out.json
  mkfifo go
  background bash -c 'read -r <go; exec "$1" refused 5' - "$workloads/connects"
  snoop -j -o out.json -p "$last"
  echo >go
  finish
  [ "$status" -eq 0 ]
  grep -q '^tcpconnect: all targets have ended$' err
  holds_of_events "length == 5 and all(.pid == $last)"
}

@test "strace agrees" {
  local self=$workloads/connects
  watch -- strace -f -qq -o trace -e trace=connect sh -c "\"$self\" ok 3; \"$self\" refused 5; \"$self\" v6 2; \"$self\" family; \"$self\" taken"
  # connect() by port and error, of internet addresses and of those that fail.
  sed -nE 's/^[0-9]+ +connect\([0-9]+, \{sa_family=AF_(INET6?|UNIX),( sin6?_port=htons\(([0-9]+)\))?.* = (0|-1 ([A-Z]+)).*/\3 \5/p' trace >expected
  records 'select(.type == "event") | "\(.remote_port // "") \(.error // "")"' out.json >seen
  [ -s expected ]
  diff <(sort expected) <(sort seen)
}

@test "ss agrees" {
  serve $$ 127.0.0.1
  mkfifo hold
  snoop -q -j -o out.json -P "$port"
  "$workloads/connects" begun 127.0.0.1 "$port" 17 <>hold >said 3>&- 4>&- &
  last=$!
  started+=("$last")
  said_all() { [ "$(wc -l <said)" -eq 17 ]; }
  until_true said_all
  ss -tnH state established dst "127.0.0.1:$port" | awk '{ print $3, $4 }' >expected
  finish INT
  kill "$last"
  records 'select(.type == "event") | "\(.local_address):\(.local_port) \(.remote_address):\(.remote_port)"' out.json >seen
  [ "$(wc -l <expected)" -eq 17 ]
  diff <(sort expected) <(sort seen)
}

@test "hostile names: one printable line in the table, exact in JSON" {
  local name=$'a\x1b[31m;\n \xff'
  tcpconnect -q -o out.txt -o out.json -o out.folded -- "$workloads/connects" named 127.0.0.1 9 "$name" >said
  run ! grep -qP '[\x00-\x09\x0b-\x1f\x7f]' out.txt
  [ "$(grep -c 'refused' out.txt)" -eq 1 ]
  holds_of_events '.[0].comm_hex == "611b5b33316d3b0a20ff"'
  [ "$(wc -l <out.folded)" -eq 1 ]
  grep -qE '; 127|:127\.0\.0\.1:9|;127\.0\.0\.1:9 \[refused\] 1$' out.folded
}

@test "ancestry and destination, folded" {
  tcpconnect -q -f -o out.folded -- sh -c '"$1" to 127.0.0.1 9 3; "$1" ok 2; true' - "$workloads/connects" >said
  grep -qE ';sh;connects;127\.0\.0\.1:9 \[refused\] 3$' out.folded
  grep -qE ";sh;connects;127\.0\.0\.1:[0-9]+ 2$" out.folded
}

@test "a row fits 80 columns, has a fixed number of words, and is whole in a pipe" {
  tcpconnect -q --width 80 -o out.txt -- "$workloads/connects" ok 1 >said
  fits() { ! LC_ALL=C.UTF-8 grep -E '.{81}' out.txt; }
  fits
  awk 'NR == 2 && (NF != 6 || $3 != "ok" || $6 !~ /^127\.0\.0\.1:[0-9]+$/) { exit 1 }' out.txt
  tcpconnect -q -o out.txt -- "$workloads/connects" v6 1 >said
  awk 'NR == 2 && (NF != 7 || $7 !~ /^\[::1\]:[0-9]+$/ || $6 !~ /^\[::1\]:[0-9]+$/) { exit 1 }' out.txt
  tcpconnect -q -t -T --utc --width 80 -o out.txt -- "$workloads/connects" ok 1 >said
  fits
}

@test "a workload in other namespaces, and the tool inside of one" {
  watch -- unshare --pid --net --fork --mount-proc sh -c "ip link set lo up; \"$workloads/connects\" ok 2"
  same_as_said
  holds_of_events 'length == 2 and (map(.netns) | unique | length) == 1 and .[0].pid > 2'
  unshare --pid --fork --mount-proc tcpconnect -q -j -o out.json -- "$workloads/connects" ok 2 >said
  holds_of_events 'all(.pid > 1 and .pid < 20)'
  check_connects out.json
}

@test "the loopback of another network is another destination" {
  program='import socket; socket.socket().connect_ex(("127.0.0.1", 9))'
  tcpconnect -q --summary -o out.json -o out.folded -- sh -c '
    python3 -c "$0"
    unshare --net sh -c "ip link set lo up; readlink /proc/self/ns/net; python3 -c \"\$0\"" "$0"' \
    "$program" >said
  other="127.0.0.1:9 [netns $(tr -dc 0-9 <said)]"
  jq -es --arg other "$other" '
    map(select(.type == "interval").by_destination[].destination) | sort
    == ["127.0.0.1:9", $other]' out.json
  grep -qF ";127.0.0.1:9 [refused] 1" out.folded
  grep -qF ";$other [refused] 1" out.folded
}

@test "kernel memory is at most 8 MiB" {
  tcpconnect -v -- true 2>&1 >/dev/null | grep -oE 'maps take [0-9.]+ MiB' >memory
  holds 'mib > 0 && mib <= 8' "mib=$(awk '{ print $3 }' memory)"
}
