#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # bats: variables of the helpers
# Profiles for pprof, as `go tool pprof` reads them, beside the JSON of the same
# run: what one says the other must say to the sample.

bats_require_minimum_version 1.5.0
load helpers
setup() {
  command -v go >/dev/null || skip "no go"
  e2e_setup
  # It looks for programs of the profile, and keeps a copy of each profile.
  export HOME=$BATS_TEST_TMPDIR PPROF_TMPDIR=$BATS_TEST_TMPDIR
  export GOTOOLCHAIN=local GOFLAGS=
}
teardown() { [ -z "${started+set}" ] || e2e_teardown; }

# pprof ARGUMENT...: nothing is left out that is small, nothing is rounded.
pprof() {
  go tool pprof -nodecount=0 -nodefraction=0 -edgefraction=0 "$@" 2>pprof.err
}
in_samples() { pprof -sample_index=samples "$@"; }

# Name, own samples and samples in all of each function, sorted: as pprof has it...
functions_of() {
  in_samples -top "$1" |
    awk 'table { name = $6; for (i = 7; i <= NF; ++i) name = name " " $i
                 sub(/ \(inline\)$/, "", name); print name "\t" $1 "\t" $4 }
         /flat%/ { table = 1 }' | LC_ALL=C sort
}
# ... and as the JSON has it, where a frame without a name is called after its
# reason, as in the table. Two objects' functions of one name are one to pprof.
functions_in_json() {
  jq -rs '
    def shown: if .name != null then .name
      elif .name_reason == "idle" or .name_reason == "guest"
      then "[\(.name_reason)]"
      else "[\(.object | ltrimstr("[") | rtrimstr("]")): \(.name_reason)]" end;
    [.[] | select(.type == "stack") | .count as $n | [.frames[] | shown]
     | (unique[] as $f | [$f, 0, $n]), ([.[-1] // empty, $n, 0])
     | select(.[0] != null) | select(length == 3)]
    | group_by(.[0])[] | [.[0][0], (map(.[1]) | add), (map(.[2]) | add)]
    | @tsv' "$1" | LC_ALL=C sort
}

same_functions() {
  functions_of "$1" >ours.pprof
  functions_in_json "$2" >ours.json
  [ -s ours.pprof ]
  diff ours.pprof ours.json
}

lacks() { ! grep -q "$@"; }

# stacks_of FILE: `leaf;...;root COUNT`, those that are alike as one.
stacks_of() {
  in_samples -traces "$1" |
    awk 'function out() { if (stack != "") sum[stack] += count; stack = "" }
         /^-----------/ { out(); next }
         /^ *[a-z_]+:  / { next }
         /^ +[0-9]+   / && stack == "" {
           count = $1; sub(/^ +[0-9]+   /, ""); stack = $0; next }
         stack != "" { sub(/^ +/, ""); stack = stack ";" $0 }
         END { out(); for (s in sum) print s, sum[s] }' | LC_ALL=C sort
}
stacks_in_json() {
  jq -rs '
    def shown: if .name != null then .name
      else "[\(.object | ltrimstr("[") | rtrimstr("]")): \(.name_reason)]" end;
    [.[] | select(.type == "stack" and .frames != [])
     | [([.frames[] | shown] | reverse | join(";")), .count]]
    | group_by(.[0])[] | "\(.[0][0]) \(map(.[1]) | add)"' "$1" | LC_ALL=C sort
}

# decoded FILE: -raw, whose sections are Samples, Locations, Mappings.
decoded() { go tool pprof -raw -symbolize=none "$1" 2>/dev/null; }
mappings_of() { decoded "$1" | sed '1,/^Mappings$/d'; }

# Each address lies in its mapping.
addresses_are_mapped() {
  decoded "$1" | awk '
    function hex(text,   i, value) {
      sub(/^0x/, "", text); value = 0
      for (i = 1; i <= length(text); ++i)
        value = value * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
      return value
    }
    /^Locations$/ { part = "locations"; next }
    /^Mappings$/ { part = "mappings"; next }
    part == "locations" && / M=[0-9]+ / {
      match($0, /M=[0-9]+/); m = substr($0, RSTART + 2, RLENGTH - 2)
      address[++n] = hex($2); of[n] = m }
    part == "mappings" { split($2, r, "/"); id = $1; sub(/:/, "", id)
      start[id] = hex(r[1]); limit[id] = hex(r[2]) }
    END {
      if (n == 0) { print "no location"; exit 1 }
      for (i = 1; i <= n; ++i)
        if (!(of[i] in start) || address[i] < start[of[i]] ||
            address[i] > limit[of[i]]) { print "outside:", i; exit 1 }
    }'
}

@test "-top has each function's samples as the JSON has them" {
  cpuprof -q -F 999 -o a.json -o a.pb.gz -- "$workloads/spin" -r 200 >/dev/null
  check_ledger a.json
  same_functions a.pb.gz a.json
  [ "$(awk -F '\t' '$1 == "hot_sixty" { print $2 }' ours.pprof)" -gt 50 ]
  # Of time, every report of pprof says what the JSON says.
  [ "$(decoded a.pb.gz | awk '/^samples\/count cpu\/nanoseconds\[dflt\]$/ { s = 1; next }
    s && /^ *[0-9]+ +[0-9]+: / { sub(":", "", $2); t += $2 }
    /^Locations/ { s = 0 } END { printf "%.0f\n", t }')" = \
    "$(jq -s 'map(select(.type == "stack").cpu_ns) | add' a.json)" ]
  # Nothing was looked up, and nothing was wanting.
  in_samples -top a.pb.gz >top
  lacks symbolization pprof.err
}

@test "-traces has each stack, the leaf first; -peek who called whom" {
  cpuprof -q -F 999 -o a.json -o a.pb.gz -- "$workloads/spin" -r 200 >/dev/null
  stacks_of a.pb.gz >ours.pprof
  stacks_in_json a.json >ours.json
  # One of each of its functions, and whatever the kernel was seen at.
  for name in hot_sixty hot_thirty hot_ten; do
    grep -qw "$name" ours.json
  done
  diff ours.pprof ours.json
  in_samples -peek '^hot_sixty$' a.pb.gz >peek
  under=$(samples '.frames | [.[].name] | index("hot_sixty") as $i | $i != null and .[$i - 1] == "run_round"' a.json)
  grep -qE "^ +$under +100% \| +run_round$" peek
  in_samples -tree a.pb.gz >tree
  grep -qE "^ +$under +100% \| +run_round$" tree
}

@test "the whole machine: the same functions, kernel and user, named or not" {
  background "$workloads/spin" 100
  cpuprof -q -F 999 -d 1 -o a.json -o a.pb.gz
  same_functions a.pb.gz a.json
  addresses_are_mapped a.pb.gz
  mappings_of a.pb.gz | grep -qF "[kernel.kallsyms] $(perf buildid-list --kernel) "
}

@test "labels say whose a sample is, and choose" {
  cpuprof -q -F 999 --by tid,cpu,cgroup -o a.json -o a.pb.gz \
    -- "$workloads/threads" 3 100 >/dev/null
  same_functions a.pb.gz a.json
  pid=$(records 'select(.type == "stack" and .process == "threads").pid' a.json | head -n 1)
  of_pid=$(samples ".pid == $pid" a.json)
  [ "$of_pid" -gt 50 ]
  # choose FILTER SAMPLES: as many as the JSON has.
  choose() {
    in_samples -top -tagfocus "$1" a.pb.gz >focused
    grep -qE "^Showing nodes accounting for $2, " focused
  }
  choose "pid=$pid" "$of_pid"
  choose 'process=^threads$' "$(samples '.process == "threads"' a.json)"
  choose 'comm=^threads$' "$(samples '.comm == "threads"' a.json)"
  choose event=cpu-clock "$(samples true a.json)"
  # Every value of every key, also CPU 0, with the samples of the JSON.
  in_samples -tags a.pb.gz >tags
  for cpu in $(records 'select(.type == "stack").cpu' a.json | sort -u); do
    count=$(samples ".cpu == $cpu" a.json)
    sed -n '/ cpu: Total/,/^$/p' tags | grep -qE "^ +$count(\.0)? .*: $cpu(cpu)?$"
  done
  grep -q ' cgroup: Total' tags
  grep -q ' cgroup_id: Total' tags
  grep -q ' tid: Total' tags
  grep -q ' uid: Total' tags
}

@test "several events: a sample type for each" {
  cpuprof -q -F 999 -e cpu-clock,task-clock -o a.json -o a.pb.gz \
    -- "$workloads/spin" -r 100 >/dev/null
  decoded a.pb.gz | grep -qx 'samples/count cpu-clock/nanoseconds\[dflt\] task-clock/nanoseconds'
  for event in cpu-clock task-clock; do
    ours=$(jq -s "map(select(.type == \"stack\" and .event == \"$event\").cpu_ns) | add // 0" a.json)
    pprof -sample_index=$event -unit=nanoseconds -top a.pb.gz >top
    grep -qE "^Showing nodes accounting for ${ours}ns, 100% of ${ours}ns total" top
  done
  cpuprof -q --period 1 -e page-faults -o b.json -o b.pb.gz \
    -- "$workloads/page_faults" 200 >/dev/null
  decoded b.pb.gz | grep -qx 'samples/count events/count\[dflt\]'
  ours=$(jq -s 'map(select(.type == "stack").events) | add' b.json)
  [ "$ours" -ge 200 ]
  pprof -top b.pb.gz >top
  grep -qE "^Showing nodes accounting for $ours, 100% of $ours total" top
}

@test "inlined functions and lines" {
  inlining_c >code.c
  gcc -O2 -g -o code code.c
  cpuprof -q -F 999 --inline --line -o a.json -o a.pb.gz -- ./code
  same_functions a.pb.gz a.json
  in_json=$(samples '.frames[-3:] | map([.name, .line]) == [["outer", 5], ["middle", 4], ["inner", 3]]' a.json)
  [ "$in_json" -gt 100 ]
  in_samples -traces -lines -focus inner a.pb.gz >traces
  [ "$(awk '
    / inner .*code\.c:3/ { count = $1; getline; if (!/ middle .*code\.c:4/) next
      getline; if (/ outer .*code\.c:5/) sum += count }
    END { print sum + 0 }' traces)" -eq "$in_json" ]
  mappings_of a.pb.gz | grep -F /code | grep -qF '[FN][FL][LN][IN]'
  # Without the options nothing claims to know.
  cpuprof -q -F 999 -o b.pb.gz -- ./code
  mappings_of b.pb.gz | grep -F /code | grep -qF '[FN]'
  decoded b.pb.gz | lacks -E 'code\.c|\[FL\]|\[LN\]|\[IN\]'
}

@test "build-ids are those of the files, addresses those of their symbols" {
  cp "$workloads/spin" mapped
  cpuprof -q -F 999 -o a.pb.gz -- ./mapped -r 100 >/dev/null
  checked=0
  while read -r _ _ file id _; do
    [[ $file == /* ]] || continue
    [ "$(readelf -n "$file" | sed -n 's/.*Build ID: //p')" = "$id" ]
    checked=$((checked + 1))
  done < <(mappings_of a.pb.gz)
  [ "$checked" -ge 2 ]
  # What addr2line says of each address is the function that it is in.
  decoded a.pb.gz | awk '/^Locations/ { l = 1 } l && / M=1 hot_/ { print $2, $4 }' >places
  [ -s places ]
  while read -r address name; do
    [ "$(addr2line -fe mapped "$address" | head -n 1)" = "$name" ]
  done <places
  # The file may be gone when the report is made: it was read before.
  profile -q -F 999 -n '^mapped$' -o b.pb.gz
  ./mapped -r 100 >/dev/null
  id=$(readelf -n mapped | sed -n 's/.*Build ID: //p')
  rm mapped
  finish INT
  mappings_of b.pb.gz | grep -qF "/mapped $id"
}

@test "a stripped program is named by pprof, where the file is" {
  cp "$workloads/spin" whole
  strip -o bare whole
  cpuprof -q -F 999 -o a.pb.gz -- ./bare -r 100 >/dev/null
  in_samples -top -symbolize=none a.pb.gz >unnamed
  grep -q ' \[bare: stripped\]$' unnamed
  mappings_of a.pb.gz | grep -F /bare | lacks '\[FN\]'
  # The one with symbols takes its place: the same build.
  cp whole bare
  in_samples -top a.pb.gz >named
  grep -q ' hot_sixty$' named
}

@test "comments tell of the run and of what was lost" {
  set_sysctl kernel.perf_event_max_stack 127 || skip "the limit is in use"
  cpuprof -q --unwind fp -F 999 -o a.json -o a.pb.gz -- "$workloads/recursion" 400 200
  pprof -top a.pb.gz >top
  grep -qE '^cpuprof [0-9.]+ on .*, Linux .*: .*cpuprof -q --unwind fp .*recursion 400 200$' top
  grep -qE '^lost: none; partial: .*user stack deeper than the limit' top
  grep -q ' \[unknown: stack cut\]$' top
  lacks '^#' top
  pprof -comments a.pb.gz | sed -n 's/^#//p' >records
  diff <(jq -cS 'select(.type == "begin" or .type == "end")' a.json) <(jq -cS . records)
}

@test "names that strangers choose" {
  name=$'ev\e]0;il\xff\n;1<&>"\''
  cp "$workloads/spin" "$name"
  cpuprof -q -F 999 -o a.json -o a.pb.gz -- "./$name" -r 40 >/dev/null
  {
    pprof -top a.pb.gz
    pprof -traces a.pb.gz
    pprof -tags a.pb.gz
    mappings_of a.pb.gz
  } >out
  iconv -f UTF-8 -t UTF-8 out >/dev/null
  LC_ALL=C lacks $'[\x01-\x08\x0b-\x1f\x7f]' out
  grep -qF 'ev\x1b]0;il\xff\x0a;1' out
  [ "$(in_samples -top a.pb.gz | awk '$6 == "hot_sixty" { print $1 }')" -gt 10 ]
}

@test "a thousand frames; a run without a sample" {
  cpuprof -q -F 999 -o a.json -o a.pb.gz -- "$workloads/recursion" 1000 300
  deepest=$(jq -s 'map(select(.type == "stack").frames | length) | max' a.json)
  [ "$deepest" -gt 1000 ]
  [ "$(stacks_of a.pb.gz | awk -F ';' 'NF > most { most = NF } END { print most }')" -eq "$deepest" ]
  cpuprof -q -n '^nobody has this name$' -d 100ms -o b.pb.gz
  decoded b.pb.gz | grep -qx 'samples/count cpu/nanoseconds\[dflt\]'
  pprof -comments b.pb.gz | grep -q '^lost: '
  pprof -top b.pb.gz | grep -q ' 0, 0% of 0 total$'
}

@test "into a pipe, never to a terminal" {
  cpuprof -q -F 999 --format pprof -- "$workloads/spin" -r 20 2>/dev/null |
    cat >a.pb.gz
  # spin prints to the same pipe, in front of it.
  tail -c +"$(LC_ALL=C grep -abo $'\x1f\x8b' a.pb.gz | head -n 1 | cut -d: -f1 | awk '{ print $1 + 1 }')" a.pb.gz >b.pb.gz
  [ "$(in_samples -top b.pb.gz | awk '$6 == "hot_sixty" { print $1 }')" -gt 5 ]
  status=0
  script -qec "cpuprof --format pprof -d 100ms" /dev/null </dev/null >out || status=$?
  [ "$status" -eq 2 ]
  grep -q 'format pprof is not for a terminal' out
  grep -q '^hint: .*-o out' out
  status=0
  script -qec "cpuprof --format pprof -o /dev/tty -d 100ms" /dev/null </dev/null >out || status=$?
  [ "$status" -eq 2 ]
}

@test "SIGUSR1 puts a whole profile in place, and none into a pipe" {
  background "$workloads/spin" 100
  profile -q -F 999 -p "$last" -o a.pb.gz
  kill -USR1 "$tool"
  until_true test -s a.pb.gz
  cp a.pb.gz snapshot.pb.gz
  finish INT
  [ "$status" -eq 0 ]
  for file in snapshot.pb.gz a.pb.gz; do
    pprof -comments "$file" | grep -q '^#{"type":"end"'
  done
  profile -q -F 999 -p "$last" --format pprof -o /dev/stdout -o b.pb.gz
  kill -USR1 "$tool"
  until_true test -s b.pb.gz
  finish INT
  same=$(cmp out b.pb.gz >/dev/null && echo yes)
  [ "$same" = yes ]
}

@test "a full disk is said once, and status 1" {
  run --separate-stderr cpuprof -q -d 100ms --format pprof -o /dev/full
  [ "$status" -eq 1 ]
  [ "${#stderr_lines[@]}" -eq 1 ]
  [[ ${stderr_lines[0]} == *"cannot write to '/dev/full'"* ]]
}
