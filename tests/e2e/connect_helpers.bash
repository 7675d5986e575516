# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# What the end-to-end tests of tcpconnect share.

# snoop ARGUMENT...: starts tcpconnect with its output in `out` and `err`, and
# returns once it watches. Its pid is in $tool.
snoop() {
  rm -f ready
  mkfifo ready
  # SIGHUP would stay ignored where nohup started the tests.
  env --default-signal=HUP tcpconnect --ready-fd 9 "$@" \
    >out 2>err </dev/null 3>&- 4>&- 9>ready &
  tool=$!
  started+=("$tool")
  await_ready
}

# watch OPTION... -- CMD...: what a command connects to, in out.json; what the
# command says itself in `said`, its status in $status. Everything adds up and
# nothing is missing.
watch() {
  status=0
  tcpconnect -q -j -o out.json "$@" >said 2>err 3>&- || status=$?
  cat err
  check_connects out.json event_ring_full attempts_full attempts_unfollowed \
    recursion parents_lost exit_missing start_unseen target_table_full
}

# check_connects FILE [KEY...]: attempts that entered = rows + left out + lost,
# and these keys are 0.
check_connects() {
  local file=$1
  shift
  jq -es '
    .[-1] as $closing | $closing.ledger as $l
    | if .[0].type != "begin" or $closing.type != "end"
      then error("not a whole document") else . end
    | ($closing.attempts + $l.not_target + $l.not_matching + $l.not_failed
       + $l.other_destination + $l.other_latency + $l.event_ring_full
       + $l.attempts_full + $l.attempts_unfollowed) as $known
    | if $l.entered != $known or $l.unaccounted != 0
      then error("entered \($l.entered), known \($known): \($l)") else . end
    | $ARGS.positional | map(select($l[.] != 0))
    | if . != [] then error("not 0: \(.) in \($l)") else true end
  ' "$file" --args "$@" >/dev/null
}

# of_ledger KEY: at the end.
of_ledger() { records "select(.type == \"end\").ledger.$1" out.json; }

# sees CASE...: the rows are the attempts that the workload says it made. The
# kernel may lack what it tries.
sees() {
  watch -- "$workloads/connects" "$@"
  [ "$status" -ne 3 ] || skip "this kernel has no $1"
  [ "$status" -eq 0 ]
  [ -s said ]
  same_as_said
}

same_as_said() {
  records 'select(.type == "event") | "\(.remote_port // 0) \(.errno // 0) \(
    if .outcome == "ok" then .local_port else 0 end)"' out.json |
    sort | diff <(sort said) -
}

# events FILTER [FILE]: how many rows match.
events() {
  jq -s "map(select(.type == \"event\") | select($1)) | length" "${2:-out.json}"
}

# holds_of_events FILTER [FILE]: of the array of all rows.
holds_of_events() {
  jq -es "map(select(.type == \"event\")) | $1" "${2:-out.json}" >/dev/null || {
    echo "does not hold: $1"
    jq -c 'select(.type == "event")' "${2:-out.json}" | cut -c 1-900 | head -n 20
    return 1
  }
}

# A network of two hosts and a cable: $left has 10.9.0.1 and fd00:9::1, $right
# ends in 2. Nothing of it leads anywhere else.
new_network() {
  background unshare --net tail -f /dev/null
  left=$last
  background unshare --net tail -f /dev/null
  right=$last
  until_true has_own_network "$left"
  until_true has_own_network "$right"
  at "$left" ip link add cable type veth peer name cable netns "$right"
  local number=1 host
  for host in "$left" "$right"; do
    at "$host" ip link set lo up
    at "$host" ip link set cable up
    at "$host" ip address add "10.9.0.$number/24" dev cable
    at "$host" ip address add "fd00:9::$number/64" dev cable nodad
    number=$((number + 1))
  done
}

has_own_network() {
  [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

# at HOST COMMAND...
at() { nsenter --target "$1" --net "${@:2}"; }

# What a host does with packets that come in: the words behind an nft rule.
on_input() {
  at "$1" nft add table inet t
  at "$1" nft 'add chain inet t input { type filter hook input priority 0; }'
  at "$1" nft add rule inet t input "${@:2}"
}

# serve HOST ADDRESS: something that listens there; its port is in $port.
serve() {
  mkfifo "input.$1.${2//:/_}" serving
  nsenter --target "$1" --net "$workloads/connects" serve "$2" 0 \
    <>"input.$1.${2//:/_}" >serving 3>&- 4>&- &
  started+=("$!")
  IFS= read -r -t 60 port <serving
  rm serving
}

# A host that nothing leads out of. There localhost and both.test have an address of
# each family.
new_host() {
  printf '%s\n' '127.0.0.1 localhost both.test' '::1 localhost both.test' >hosts
  echo 'hosts: files' >nsswitch
  # shellcheck disable=SC2016 # for the inner shell
  background unshare --net --mount sh -c 'mount --bind hosts /etc/hosts &&
    mount --bind nsswitch /etc/nsswitch.conf && ip link set lo up && touch up &&
    exec tail -f /dev/null'
  host=$last
  until_true test -e up
  # What is run there, in this folder.
  there=(nsenter --target "$host" --net --mount env -C "$PWD")
}
