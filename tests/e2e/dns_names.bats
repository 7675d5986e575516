#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154 # bats: variables of the helpers
# libcommon/dns, by tests/dns/dns_watch: names for addresses, from what a process
# asked for and from what a name server said. Server, files and networks are the
# tests' own.

bats_require_minimum_version 1.5.0
load helpers

setup() {
  e2e_setup
  ((EUID == 0)) || skip "needs root"
  watch=$(realpath "$BATS_TEST_DIRNAME/../../build/tests/dns_watch")
  server=$BATS_TEST_DIRNAME/dns_server.py
  printf 'nameserver 127.0.0.1\nsearch cluster.example\noptions timeout:20\n' \
    >resolv.conf
  printf 'hosts: files dns\n' >nsswitch.conf
  printf '127.0.0.1 localhost\n' >hosts
  cat >zone <<'ZONE'
db.example A 10.1.0.1
db.example AAAA fd00::1
db.example A 10.1.0.2
www.example CNAME edge.provider.example
edge.provider.example CNAME pop-7.provider.example
pop-7.provider.example A 10.2.0.1
short.cluster.example A 10.3.0.1
MixedCase.Example A 10.4.0.1
own.example A 10.5.0.1
ev\x1b[31mil\x0a.example A 10.6.0.1
ZONE
}

teardown() { e2e_teardown; }

# house NAME: a network and a mount namespace with these files, kept by a
# process, whose pid is in $house.
house() {
  mkfifo "up-$1"
  background unshare --net --mount --propagation private bash -c '
    ip link set lo up
    for file in resolv.conf nsswitch.conf hosts; do
      mount --bind "$file" "/etc/$file" || exit
    done
    echo >"$0"
    exec tail -f /dev/null' "up-$1"
  house=$last
  read -r -t 60 <"up-$1"
}

# inside COMMAND...: in the house.
inside() { nsenter -t "$house" --net --mount --wd="$PWD" "$@" 3>&- 4>&-; }

serve() {
  mkfifo serves
  inside python3 "$server" zone >serves &
  started+=("$!")
  read -r -t 60 line <serves
  [ "$line" = ready ]
}

# open_watch [COMMAND...]: starts dns_watch, by that command.
open_watch() {
  mkfifo questions answers
  inside "$@" "$watch" <questions >answers 2>err &
  started+=("$!")
  exec 5>questions 6<answers
  IFS= read -r -t 60 line <&6 || { cat err; return 1; }
  [ "$line" = ready ]
}

# put WORD...: one question to dns_watch; its answer is in $said.
put() {
  echo "$*" >&5
  IFS= read -r -t 60 said <&6 || { cat err; return 1; }
}

# names PID ADDRESS TEXT: that is what the address is called.
names() {
  put find "$1" "$2"
  [ "$said" = "$3" ] || { echo "$1 $2 is called: $said"; return 1; }
}

nothing_lost() {
  put lost
  [ "$said" = "0 0" ]
}

# look_up NAME...: by getaddrinfo(), in one process; its pid is in $asker, and
# what it found in `found`.
look_up() {
  printf '%s\n' "$@" | inside "$workloads/lookups" >found
  asker=$(cut -d' ' -f1 found | head -n 1)
}

libraries() {
  put about
  sed -n 's/.* of \([0-9]*\) C libraries.*/\1/p' <<<"$said"
}

ask() { inside python3 "$server" ask "$@" >count; }

@test "a process's own name for an address, and for others that it was asked for" {
  house a
  serve
  open_watch
  look_up db.example
  [ "$(tr ' ' '\n' <found | LC_ALL=C sort | xargs)" = "10.1.0.1 10.1.0.2 $asker fd00::1" ]
  for address in 10.1.0.1 10.1.0.2 fd00::1 ::ffff:10.1.0.1; do
    names "$asker" "$address" "db.example getaddrinfo"
    names 1 "$address" "db.example getaddrinfo_other"
  done
  names "$asker" 10.1.0.3 unknown
  nothing_lost
}

@test "a resolver of a program's own is seen by what the server answers" {
  house a
  serve
  open_watch
  ask db.example
  [ "$(cat count)" = 2 ]
  names 1 10.1.0.1 "db.example answer"
  names 1 10.1.0.2 "db.example answer"
  names 1 fd00::1 unknown
  ask own.example 6
  [ "$(cat count)" = 1 ]
  names 1 10.5.0.1 "own.example answer"
  ask mixedcase.EXAMPLE
  [ "$(cat count)" = 1 ]
  names 1 10.4.0.1 "mixedcase.example answer"
  nothing_lost
}

@test "an alias is called what was asked for, not what it leads to" {
  house a
  serve
  open_watch
  ask www.example
  [ "$(cat count)" = 3 ]
  names 1 10.2.0.1 "www.example answer"
  look_up www.example
  names "$asker" 10.2.0.1 "www.example getaddrinfo"
}

@test "a short name is what the process said, the long one what the server heard" {
  house a
  serve
  open_watch
  ask short.cluster.example
  names 1 10.3.0.1 "short.cluster.example answer"
  look_up short
  [ "$(cat found)" = "$asker 10.3.0.1" ]
  names "$asker" 10.3.0.1 "short getaddrinfo"
}

@test "hostile names are data" {
  house a
  serve
  printf '10.7.0.1 e\x1b[31m\xff;`id`\n' >>hosts
  open_watch
  ask 'ev\x1b[31mil\x0a.example'
  [ "$(cat count)" = 1 ]
  names 1 10.6.0.1 'ev\027[31mil\010.example answer'
  look_up $'e\e[31m\xff;`id`'
  [ "$(cat found)" = "$asker 10.7.0.1" ]
  names "$asker" 10.7.0.1 'e\x1b[31m\xff;`id` getaddrinfo'
  # As long as a name may be, and longer.
  long=$(printf 'a%.0s' {1..254})
  printf '10.7.0.2 %sa\n10.7.0.3 %s\n' "$long" "$long" >>hosts
  look_up "${long}a" "$long"
  names "$asker" 10.7.0.2 unknown
  names "$asker" 10.7.0.3 "$long getaddrinfo"
  nothing_lost
}

@test "names without a server, and lookups that find nothing or ask for nothing" {
  printf '10.8.0.1 in-a-file\n' >>hosts
  house a
  open_watch
  look_up in-a-file 10.8.0.9 'port 80' '' nowhere.invalid.
  [ "$(head -n 1 found)" = "$asker 10.8.0.1" ]
  names "$asker" 10.8.0.1 "in-a-file getaddrinfo"
  names "$asker" 10.8.0.9 unknown
  names "$asker" ::1 unknown
  nothing_lost
}

@test "many addresses: sixteen of them" {
  for i in {1..20}; do echo "10.9.0.$i crowd"; done >>hosts
  house a
  open_watch
  look_up crowd
  [ "$(wc -w <found)" -eq 21 ]
  for ((i = 2; i <= 21; ++i)); do
    if ((i <= 17)); then name="crowd getaddrinfo"; else name=unknown; fi
    names "$asker" "$(cut -d' ' -f$i found)" "$name"
  done
}

@test "an answer over TCP is not seen, that of getaddrinfo() is" {
  house a
  serve
  open_watch
  ask own.example tcp
  [ "$(cat count)" = 1 ]
  names 1 10.5.0.1 unknown
  echo 'options use-vc' >>resolv.conf
  look_up own.example
  [ "$(cat found)" = "$asker 10.5.0.1" ]
  names "$asker" 10.5.0.1 "own.example getaddrinfo"
}

@test "in another network only getaddrinfo() is seen" {
  house a
  open_watch
  house b
  serve
  ask own.example
  [ "$(cat count)" = 1 ]
  names 1 10.5.0.1 unknown
  look_up db.example
  names "$asker" 10.1.0.1 "db.example getaddrinfo"
}

# A root with a C library of its own, as a container has it: $root.
make_root() {
  root=$PWD/root
  mkdir -p "$root"/etc
  for file in $(ldd "$workloads/lookups" | grep -o '/[^ ]*') ; do
    install -D "$(realpath "$file")" "$root$file"
  done
  install "$workloads/lookups" "$root/lookups"
  cp nsswitch.conf "$root/etc/"
  printf '10.10.0.1 contained\n' >"$root/etc/hosts"
}

@test "a container that starts later has a C library of its own" {
  house a
  make_root
  open_watch
  mkfifo to from
  inside chroot "$root" /lookups <to >from &
  started+=("$!")
  exec 7>to 8<from
  echo contained >&7
  IFS= read -r -t 60 line <&8
  [ "${line#* }" = 10.10.0.1 ]
  names "${line% *}" 10.10.0.1 unknown
  before=$(libraries)
  # An upgrade has removed it since.
  rm -r "$root"/lib*
  put attach
  [ "$(libraries)" -eq $((before + 1)) ]
  echo contained >&7
  IFS= read -r -t 60 line <&8
  names "${line% *}" 10.10.0.1 "contained getaddrinfo"
  exec 7>&- 8<&-
}

@test "musl's getaddrinfo()" {
  command -v musl-gcc >/dev/null || skip "no musl-gcc"
  musl-gcc -O2 -o lookups "$BATS_TEST_DIRNAME/../workloads/lookups.c"
  house a
  serve
  open_watch
  mkfifo to from
  inside ./lookups <to >from &
  started+=("$!")
  exec 7>to 8<from
  echo localhost >&7
  IFS= read -r -t 60 line <&8
  put attach
  echo db.example >&7
  IFS= read -r -t 60 line <&8
  [[ $line == *" fd00::1"* ]]
  names "${line%% *}" fd00::1 "db.example getaddrinfo"
  names "${line%% *}" 10.1.0.2 "db.example getaddrinfo"
  exec 7>&- 8<&-
}

@test "four processes at once: no lookup is lost" {
  for i in {1..500}; do echo "10.20.$((i / 250)).$((i % 250 + 1)) host-$i"; done >>hosts
  house a
  open_watch
  for worker in 1 2 3 4; do
    seq -f 'host-%g' 500 | inside "$workloads/lookups" >"found-$worker" &
    workers[worker]=$!
  done
  # Somebody reads meanwhile.
  while kill -0 "${workers[@]}" 2>/dev/null; do put find 1 10.20.0.1; done
  wait "${workers[@]}"
  nothing_lost
  for worker in 1 2 3 4; do
    [ "$(wc -l <"found-$worker")" -eq 500 ]
    i=0
    while read -r pid address; do
      names "$pid" "$address" "host-$((++i)) getaddrinfo"
    done <"found-$worker"
  done
}

# known_of COUNT PID NETWORK TEXT: how many of the addresses NETWORK.0.0 and on
# are called TEXT-N; none is called anything else.
known_of() {
  local i known=0
  for ((i = 0; i < $1; ++i)); do
    put find "$2" "$3.$((i / 250)).$((i % 250))"
    case $said in
      "$4-$i "*) known=$((known + 1)) ;;
      unknown) ;;
      *) echo "$i is called: $said"; return 1 ;;
    esac
  done
  echo "$known"
}

@test "what nobody reads in time is counted" {
  for i in {0..1999}; do echo "10.98.$((i / 250)).$((i % 250)) host-$i"; done >>hosts
  house a
  open_watch
  seq -f 'host-%g' 0 1999 | inside "$workloads/lookups" >found
  asker=$(cut -d' ' -f1 found | head -n 1)
  inside python3 "$server" flood 6000
  lookups=$(known_of 2000 "$asker" 10.98 host)
  answers=$(known_of 6000 1 10.99 flood)
  put lost
  echo "lookups $lookups, answers $answers, lost $said"
  [ "$lookups" -gt 0 ]
  [ "$answers" -gt 0 ]
  [ "$lookups" -lt 2000 ]
  [ "$answers" -lt 6000 ]
  [ "$said" = "$((2000 - lookups)) $((6000 - answers))" ]
}

@test "without CAP_NET_RAW getaddrinfo() is still seen, and it is said" {
  house a
  serve
  open_watch setpriv --bounding-set -net_raw --inh-caps -net_raw
  put about
  [[ $said == *"getaddrinfo() of "*"; missing: cannot open a packet socket: "* ]]
  ask own.example
  names 1 10.5.0.1 unknown
  look_up own.example
  names "$asker" 10.5.0.1 "own.example getaddrinfo"
}

@test "uprobes that are not permitted are said, and answers are still seen" {
  house a
  serve
  open_watch setpriv --bounding-set -all,+bpf,+perfmon,+net_raw --inh-caps -all
  # Some kernels take these for enough.
  put about
  [[ $said == "names: answers from port 53; missing: cannot attach uretprobe: "* ||
    $said == "names: getaddrinfo() of "*"; answers from port 53" ]]
  ask own.example
  names 1 10.5.0.1 "own.example answer"
}

@test "without BPF answers are still seen, and without both nothing is" {
  house a
  serve
  open_watch setpriv --bounding-set -all,+net_raw --inh-caps -all
  put about
  [[ $said == "names: answers from port 53; missing: "* ]]
  ask own.example
  names 1 10.5.0.1 "own.example answer"
  run inside setpriv --bounding-set -all --inh-caps -all "$watch"
  [ "$status" -eq 1 ]
}

@test "tcpconnect shows the name that a program asked for" {
  house town
  serve
  inside ip addr add 10.5.0.1/32 dev lo
  inside tcpconnect --dns -q -j -o out.json -- python3 -c '
import socket
for name in ("own.example", "10.5.0.1"):
    try: socket.create_connection((name, 81), 20)
    except ConnectionRefusedError: pass'
  jq -es 'map(select(.type == "event" and .remote_port == 81)) | length == 2
    and .[0].remote_name == "own.example" and .[0].remote_name_source == "getaddrinfo"
    and all(.outcome == "refused" and .remote_address == "10.5.0.1")' out.json
}
