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
b\xc3\xbccher.example A 10.6.0.2
10.0.0.1 A 10.6.6.6
0x7f.1 A 10.6.6.6
2130706433 A 10.6.6.6
bank.example A 10.6.6.6
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

# lost TEXT: lookups and answers that were not seen, and answers that nobody
# asked for.
lost() {
  put lost
  [ "$said" = "$1" ] || { echo "lost: $said"; return 1; }
}
nothing_lost() { lost "0 0 0"; }

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

@test "a name is one word, or none" {
  house a
  serve
  printf '10.7.0.1 e\x1b[31m\xff;`id`\n10.7.0.2 b\xc3\xbccher\n' >>hosts
  open_watch
  ask 'ev\x1b[31mil\x0a.example'
  [ "$(cat count)" = 1 ]
  names 1 10.6.0.1 unknown
  ask 'b\xc3\xbccher.example'
  [ "$(cat count)" = 1 ]
  names 1 10.6.0.2 'b\195\188cher.example answer'
  look_up $'e\e[31m\xff;`id`' $'b\xc3\xbccher'
  [ "$(cat found)" = "$asker 10.7.0.1"$'\n'"$asker 10.7.0.2" ]
  names "$asker" 10.7.0.1 unknown
  names "$asker" 10.7.0.2 'b\195\188cher getaddrinfo'
  # As long as a name may be, and longer.
  long=$(printf 'a%.0s' {1..253})
  printf '10.7.0.3 %sa\n10.7.0.4 %s\n' "$long" "$long" >>hosts
  look_up "${long}a" "$long"
  [ "$(wc -w <found)" -eq 4 ]
  names "$asker" 10.7.0.3 unknown
  names "$asker" 10.7.0.4 "$long getaddrinfo"
  nothing_lost
}

@test "an address is no name of another" {
  house a
  serve
  printf '10.7.0.1 10.0.0.1.\n10.7.0.2 db.7\n' >>hosts
  open_watch
  for name in 10.0.0.1 0x7f.1 2130706433; do
    ask "$name"
    [ "$(cat count)" = 1 ]
    names 1 10.6.6.6 unknown
  done
  look_up 10.0.0.1. db.7
  [ "$(cat found)" = "$asker 10.7.0.1"$'\n'"$asker 10.7.0.2" ]
  names "$asker" 10.7.0.1 unknown
  names "$asker" 10.7.0.2 unknown
  ask bank.example
  names 1 10.6.6.6 "bank.example answer"
  nothing_lost
}

@test "an answer that nobody asked for names nothing, and is counted" {
  house a
  open_watch
  inside python3 "$server" forge bank.example 10.6.6.6
  names 1 10.6.6.6 unknown
  lost "0 0 1"
}

@test "an answer is to its question: who, whom, number, name and type" {
  house a
  open_watch
  inside python3 "$server" near bank.example
  for last in 1 2 3 4 5 10; do names 1 "10.6.6.$last" unknown; done
  names 1 10.6.6.9 "bank.example answer"
  lost "0 0 5"
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

@test "a container that was created before and starts later" {
  house a
  make_root
  mkfifo to from
  inside bash -c 'read -r && exec chroot "$0" /lookups' "$root" <to >from &
  started+=("$!")
  exec 7>to 8<from
  open_watch
  # Looked at as often as a newcomer is.
  for _ in {1..3}; do put attach; done
  before=$(libraries)
  echo >&7
  echo contained >&7
  IFS= read -r -t 60 line <&8
  [ "${line#* }" = 10.10.0.1 ]
  put attach
  put attach
  [ "$(libraries)" -eq $((before + 1)) ]
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

# No more than the ring has room for: nobody knows when the reader gets its turn.
@test "four processes at once: no lookup is lost" {
  for i in {1..150}; do echo "10.20.0.$i host-$i"; done >>hosts
  house a
  open_watch
  for worker in 1 2 3 4; do
    seq -f 'host-%g' 150 | inside "$workloads/lookups" >"found-$worker" &
    workers[worker]=$!
  done
  # Somebody reads meanwhile.
  while kill -0 "${workers[@]}" 2>/dev/null; do put find 1 10.20.0.1; done
  wait "${workers[@]}"
  nothing_lost
  for worker in 1 2 3 4; do
    [ "$(wc -l <"found-$worker")" -eq 150 ]
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
  inside python3 "$server" flood 15000
  lookups=$(known_of 2000 "$asker" 10.98 host)
  answers=$(known_of 15000 1 10.99 flood)
  put lost
  echo "lookups $lookups, answers $answers, lost $said"
  read -r lost_lookups lost_packets unasked <<<"$said"
  ((lookups > 0 && answers > 0 && lookups < 2000 && answers < 15000))
  ((lost_lookups == 2000 - lookups))
  # Of 15,000 questions and as many answers.
  ((lost_packets > 0 && lost_packets <= 2 * (15000 - answers)))
  ((lost_packets + unasked >= 15000 - answers))
}

@test "a flood that has room is read in portions" {
  set_sysctl net.core.rmem_max 212992  # root does not care
  house a
  open_watch
  inside python3 "$server" flood 5000
  # 4,096 packets at once: questions and answers.
  names 1 10.99.19.249 unknown
  names 1 10.99.19.249 unknown
  names 1 10.99.19.249 "flood-4999 answer"
  nothing_lost
}

# foreign COUNT: starts lookups as user 1234, with so many libraries of his own
# that he calls C libraries; what he asks for is at 10.6.6.6. His pid is in
# $foreigner; `question TEXT` has him ask.
foreign() {
  local i preload=
  # Where he can go.
  inside mount -t tmpfs none /mnt
  for ((i = 0; i < $1; ++i)); do
    inside install -o 1234 "$workloads/libc.so.foreign" "/mnt/libc.so.$i"
    preload+="/mnt/libc.so.$i:"
  done
  mkfifo to from
  inside setpriv --reuid 1234 --regid 1234 --clear-groups env \
    LD_PRELOAD="$preload" FOREIGN_ADDRESS=10.6.6.6 "$workloads/lookups" \
    <to >from &
  started+=("$!")
  exec 7>to 8<from
  question first.example
  foreigner=${line% *}
}

question() {
  echo "$1" >&7
  IFS= read -r -t 60 line <&8
  [ "${line#* }" = 10.6.6.6 ]
}

@test "a library of a user's own names what he connects to, and nothing of others" {
  house a
  open_watch
  foreign 1
  before=$(libraries)
  put attach
  [ "$(libraries)" -eq $((before + 1)) ]
  for name in 10.0.0.1 'bank.example [refused]' $'bank\texample'; do
    question "$name"
    names "$foreigner" "10.6.6.6 1234" unknown
  done
  question bank.example
  names "$foreigner" "10.6.6.6 1234" "bank.example getaddrinfo"
  names 1 "10.6.6.6 1234" "bank.example getaddrinfo_other"
  # Another user, root, and himself in another cgroup or as another user.
  names 1 "10.6.6.6 1235" unknown
  names 1 10.6.6.6 unknown
  names "$foreigner" 10.6.6.6 unknown
  names "$foreigner" "10.6.6.6 1235" unknown
  names "$foreigner" "10.6.6.6 1234 987654321" unknown
  exec 7>&- 8<&-
}

@test "a user's libraries take few places, and none of root's" {
  house a
  make_root
  open_watch
  before=$(libraries)
  foreign 40
  # Of each portion some are looked at.
  for _ in {1..4}; do put attach; done
  [ "$(libraries)" -eq $((before + 16)) ]
  put about
  [[ $said == *"left out"* ]]
  exec 7>&- 8<&-
  mkfifo here there
  inside chroot "$root" /lookups <here >there &
  started+=("$!")
  exec 7>here 8<there
  echo contained >&7
  IFS= read -r -t 60 line <&8
  put attach
  [ "$(libraries)" -eq $((before + 17)) ]
  exec 7>&- 8<&-
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

# as_user CAPABILITY[,...] COMMAND...: as one that has these alone.
as_user() {
  local caps=$1
  shift
  setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps="-all$caps" \
    --ambient-caps="-all$caps" --bounding-set="-all$caps" "$@"
}

@test "tcpconnect: what --dns lacks is said with all that it needs" {
  tcpconnect=$(command -v tcpconnect)
  place=$(mktemp -d "${TMPDIR:-/tmp}/sightline.XXXXXX")
  chmod 755 "$place"
  install -m 755 "$tcpconnect" "$place/tcpconnect"
  line="*setcap cap_bpf,cap_perfmon,*,cap_net_raw+ep $place/tcpconnect; *cap_sys_admin*"
  run as_user "" "$place/tcpconnect" --dns -d 1
  echo "$output"
  [ "$status" -eq 3 ]
  # shellcheck disable=SC2053 # a pattern
  [[ ${#lines[@]} -eq 2 && ${lines[1]} == "hint: "$line ]]
  caps=$(grep -o 'cap_[a-z_,]*+ep' <<<"${lines[1]}" | sed 's/cap_/+/g; s/+ep$//; s/^/,/')
  # Without --dns nobody needs it.
  run as_user "" "$place/tcpconnect" -d 1
  [[ $status -eq 3 && $output != *net_raw* ]]
  # Where uprobes take no more than these, there are names all the same.
  run as_user ,+bpf,+perfmon "$place/tcpconnect" --dns -d 200ms
  echo "$output"
  if [ "$status" -ne 0 ]; then
    [ "$status" -eq 3 ]
    [ "${#lines[@]}" -eq 2 ]
    [[ ${lines[0]} == "tcpconnect: no names are to be seen: from getaddrinfo(): "*": Permission denied; from answers of name servers: "*": Operation not permitted" ]]
    # shellcheck disable=SC2053
    [[ ${lines[1]} == "hint: "$line ]]
  fi
  # What the hint asks for is enough.
  run as_user "$caps" "$place/tcpconnect" -q --dns -d 200ms -j
  rm -r "$place"
  [ "$status" -eq 0 ]
}

# libraries_in FILE: what -v said last.
libraries_in() {
  sed -n 's/.* of \([0-9]*\) C libraries.*/\1/p' "$1" | tail -n 1
}

# uprobes_of PID: two of each library, as perf events.
uprobes_of() {
  find "/proc/$1/fd" -lname 'anon_inode:\[perf_event\]' | wc -l
}

capabilities() {
  echo $((16#$(sed -n 's/^CapEff:\t//p' "/proc/$1/status")))
}

# As a program with a resolver of its own.
connects_to() { printf 'import socket\nfor port in %s: socket.socket().connect_ex(("%s", port))' "$2" "$1"; }

@test "tcpconnect: a name from the wire hides no address" {
  house town
  serve
  inside ip addr add 10.6.6.6/32 dev lo
  inside ip addr add 10.5.0.1/32 dev lo
  program="$(connects_to 10.6.6.6 81,)
$(connects_to 10.5.0.1 81,)"
  for name in out.txt out.json out.folded; do
    totals=(--summary)
    [ "$name" != out.folded ] || totals=()
    inside tcpconnect --dns -q "${totals[@]}" -o "$name" -- sh -c '
      for what in "ask bank.example" "ask 10.0.0.1" "forge bank.example 10.5.0.1"; do
        python3 "$0" $what
      done
      python3 -c "$1"' "$server" "$program" >said
    [ "$(xargs <said)" = "1 1" ]
  done
  cat out.txt out.folded
  grep -q ' ~bank.example:81 \[10.6.6.6\] \[refused 1\]$' out.txt
  grep -q ' 10.5.0.1:81 \[refused 1\]$' out.txt
  jq -es 'last.ledger.answers_unasked == 1
    and (map(select(.type == "interval").by_destination[].destination) | sort
         == ["10.5.0.1:81", "~bank.example:81 [10.6.6.6]"])' out.json
  grep -q ';~bank.example:81 \[10.6.6.6\] \[refused\] 1$' out.folded
  grep -q ';10.5.0.1:81 \[refused\] 1$' out.folded
}

@test "tcpconnect: a C library that appears later, with no more rights than it takes" {
  house town
  make_root
  printf '127.0.0.1 contained\n' >"$root/etc/hosts"
  mkfifo ready
  nsenter -t "$house" --net --mount --wd="$PWD" tcpconnect --dns -v -j \
    -o out.json --ready-fd 9 2>err 9>ready 3>&- 4>&- &
  tool=$!
  started+=("$tool")
  await_ready
  first=$(libraries_in err)
  mkfifo to from
  inside chroot "$root" /lookups <to >from &
  started+=("$!")
  exec 7>to 8<from
  # Until it is attached to, nobody can tell.
  contained_and_seen() {
    echo contained >&7
    IFS= read -r -t 60 line <&8
    [ "$(uprobes_of "$tool")" -gt "$uprobes" ]
  }
  uprobes=$(uprobes_of "$tool")
  until_true contained_and_seen
  # What uprobes take where the kernel asks for it, and nothing that it does not.
  ((($(capabilities "$tool") & (1 << 1 | 1 << 12 | 1 << 13)) == 0))
  finish TERM
  [ "$status" -eq 0 ]
  [ "$(libraries_in err)" -eq $((first + 1)) ]
  exec 7>&- 8<&-
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
