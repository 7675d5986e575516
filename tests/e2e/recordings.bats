#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # bats: variables of the helpers
# --from: what was recorded, shown again, is what was shown.

bats_require_minimum_version 1.5.0
load helpers
setup() {
  ((EUID == 0)) || skip "needs root"
  e2e_setup
}
teardown() {
  [ -z "${debug_file-}" ] || rm -f "$debug_file"
  [ -z "${debug_file-}" ] || rmdir --ignore-fail-on-non-empty "${debug_file%/*}"
  [ -z "${started+set}" ] || e2e_teardown
}

# record OPTION...: every format of one run over something that has kernel, user
# and several processes' stacks.
record() {
  cpuprof -q -F 999 -o a.json -o a.pb.gz -o a.folded -o a.txt -w "$@" -- \
    sh -c "'$workloads/spin' 0.4 & '$workloads/syscalls' 0.4; wait" >out
}

# As nobody, who could measure nothing.
from() {
  setpriv --reuid=65534 --clear-groups --inh-caps=-all -- \
    "$(command -v cpuprof)" --from "$@"
}

folded() { sort "$1" | awk '{ n = $NF; $NF = ""; s[$0] += n } END { for (k in s) print k s[k] }' | sort; }

# What a document says, whatever the order of its stacks and who shows it; files
# by their paths, for their numbers are the document's own.
stacks() {
  jq -cSs '(map(select(.type == "object") | {"\(.object_id)": .path}) | add // {}) as $path
    | .[] | select(.type == "stack")
    | .frames[] |= if .object_id then .object_id = $path["\(.object_id)"] else . end' "$1" | sort
}
frame_of_it() { jq -cS 'select(.type != "stack" and .type != "object") | del(.version)' "$1"; }
objects() { jq -cS "select(.type == \"object\") | del(.object_id${2+, $2})" "$1" | sort -u; }

readable() { chmod -R a+rX . && chmod a+x "$PWD/.." "$PWD"; }

@test "--from JSON: every format is as it was" {
  record --by comm,pid,tid,cpu
  readable
  for format in json folded table; do
    from - --format $format -w <a.json >b.$format 2>err
  done
  diff <(stacks a.json) <(stacks b.json)
  diff <(frame_of_it a.json) <(frame_of_it b.json)
  diff <(objects a.json) <(objects b.json)
  diff <(folded a.folded) <(folded b.folded)
  diff <(sort a.txt) <(sort b.table)
  [ "$(head -n 1 a.txt)" = "$(head -n 1 b.table)" ]
}

@test "--from pprof: the same stacks and counts" {
  record --by comm,pid
  readable
  from - -f <a.pb.gz >b.folded 2>err
  diff <(folded a.folded) <(folded b.folded)
  from - -j <a.pb.gz >b.json
  diff <(stacks a.json) <(stacks b.json)
  diff <(frame_of_it a.json) <(frame_of_it b.json)
  diff <(objects a.json .segments) <(objects b.json .segments)
  from - <a.pb.gz >b.txt
  grep -q spin b.txt
}

@test "--from: inlined calls and lines are as they were" {
  record --inline --line
  for file in a.json a.pb.gz; do
    cpuprof --from $file -o b.json -o b.folded 2>err
    diff <(folded a.folded) <(folded b.folded)
  done
  cpuprof --from a.json -o b.json
  diff <(stacks a.json) <(stacks b.json)
}

# raw PROGRAM: a recording of it without names, as JSON and for pprof.
raw() {
  cpuprof -q --raw -F 999 -o raw.json -o raw.pb.gz -- "$@" >out
  [ "$(jq -r 'select(.type == "stack").frames[] | select(.object == "program").name // empty' raw.json | wc -l)" -eq 0 ]
}

# A program of our own, whose one function is known: make_program NAME [FLAG...]
make_program() {
  cat >program.c <<END
#include <time.h>
__attribute__((noinline)) long $1(long n) { while (--n) __asm__ volatile(""); return n; }
int main(void) {
  struct timespec t;
  do { $1(100000); clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); } while (t.tv_nsec < 300000000);
}
END
  gcc -g -O1 "${@:2}" -o program program.c
}

# named FILE FUNCTION: nearly all of the program's samples are in it.
named() {
  cpuprof --from "$1" -q -o named.json "${@:3}"
  of=$(samples '.frames[-1].object == "program"' named.json)
  in=$(samples ".frames[-1].name == \"$2\"" named.json)
  [ "$of" -ge 100 ] && [ "$in" -ge $((of * 9 / 10)) ]
}

# why FILE REASON: all of its samples have no name, and why.
why() {
  cpuprof --from "$1" -q -o named.json
  of=$(samples '.frames[-1].object == "program"' named.json)
  in=$(samples ".frames[-1] | .object == \"program\" and .name == null and .name_reason == \"$2\"" named.json)
  [ "$of" -ge 100 ] && [ "$in" -eq "$of" ]
}

@test "--raw: named later, from the file, and with lines and inlined calls" {
  make_program first_name
  raw ./program
  [ "$(samples '.frames[-1] | .object == "program" and .name_reason == "not looked up"' raw.json)" -ge 100 ]
  for file in raw.json raw.pb.gz; do named $file first_name; done
  named raw.json first_name --line --inline
  [ "$(samples '.frames[-1].line == 2 and (.frames[-1].file | endswith("program.c"))' named.json)" -ge 100 ]
  # Once more, from what has come of it.
  cp named.json again.json
  named again.json first_name
}

@test "--raw: a build-id decides which file it was" {
  make_program first_name
  raw ./program
  make_program second_name
  for file in raw.json raw.pb.gz; do why $file "another build on this machine"; done
  rm program
  for file in raw.json raw.pb.gz; do why $file "not on this machine"; done
  make_program third_name -Wl,--build-id=none
  raw ./program
  for file in raw.json raw.pb.gz; do why $file "no build-id"; done
}

@test "--raw: named by the debug file alone, with lines" {
  make_program first_name
  raw ./program
  id=$(readelf -n program | awk '/Build ID/ { print $3 }')
  debug_file=/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug
  mkdir -p "${debug_file%/*}"
  objcopy --only-keep-debug program "$debug_file"
  rm program
  for file in raw.json raw.pb.gz; do named $file first_name --line; done
  [ "$(samples '.frames[-1].line == 2' named.json)" -ge 100 ]
  # What ran is not known to have lain where the debug file says.
  jq -c 'if .type == "object" then .segments = [] else . end' raw.json >bare.json
  why bare.json "not on this machine"
  rm "$debug_file"
  why raw.json "not on this machine"
}

@test "--raw: what was stripped there is named here" {
  make_program first_name
  cp program whole
  strip program
  cpuprof -q -F 999 -o stripped.json -o stripped.pb.gz -- ./program >out
  [ "$(samples '.frames[-1].name_reason == "stripped"' stripped.json)" -ge 100 ]
  mv whole program
  for file in stripped.json stripped.pb.gz; do named $file first_name; done
}

@test "--raw: the kernel and its own kind are named where they run" {
  cpuprof -q --raw -F 999 -o raw.json -- "$workloads/syscalls" 0.4 >out
  [ "$(samples '.frames[-1] | .kernel and .name != null' raw.json)" -ge 20 ]
  [ "$(records 'select(.type == "stack").frames[] | select(.object_id and .name != null)' raw.json | wc -l)" -eq 0 ]
  for option in --inline --line "--debuginfod 1s"; do
    # shellcheck disable=SC2086 # an option and its value
    run -2 --separate-stderr cpuprof --raw $option -d 1
    [[ $stderr == *"--raw cannot be used with ${option%% *}"* ]]
  done
  run -2 cpuprof --from raw.json --raw
}

@test "--from: pprof and flame graph of a recording have its samples" {
  record
  cpuprof --from a.json -o b.pb.gz -o b.svg
  for file in a b; do
    go tool pprof -sample_index=samples -top -nodecount=5 $file.pb.gz 2>/dev/null |
      grep -E '^(Duration|Showing nodes| *[0-9])' | sort >$file.top
  done
  diff a.top b.top
  diff <(folded a.folded) <(cpuprof --from b.pb.gz -f 2>err | sort |
    awk '{ n = $NF; $NF = ""; s[$0] += n } END { for (k in s) print k s[k] }' | sort)
  grep -q '</svg>' b.svg
}

has_intervals() { [ "$(grep -c '"snapshot":false' a.json)" -ge "$1" ]; }

@test "--from: intervals are added up, a snapshot is not counted twice" {
  background "$workloads/spin" 100000
  profile -q -F 999 -i 300ms -o a.json -p "$last"
  until_true has_intervals 2
  kill -USR1 "$tool"
  until_true grep -q '"snapshot":true' a.json
  until_true has_intervals 4
  finish INT
  cpuprof --from a.json -j >b.json
  [ "$(jq 'select(.type == "end").samples' b.json)" -eq \
    "$(jq 'select(.type == "end").samples' a.json)" ]
  [ "$(jq -s 'map(select(.type == "stack").count) | add' b.json)" -eq \
    "$(jq 'select(.type == "end").samples' a.json)" ]
}

@test "--from: a file that was cut is shown as far as it goes, and said so" {
  record
  count=$(wc -l <a.json)
  head -n $((count - 1)) a.json >cut.json
  run -0 --separate-stderr cpuprof --from cut.json -f
  [[ "$stderr" == *"cut.json has been cut"* ]]
  diff <(folded a.folded) <(folded <(echo "$output"))
  head -c -20 cut.json >half.json
  run -0 --separate-stderr cpuprof --from half.json -f
  [[ "$stderr" == *"has been cut"* ]]
  head -c 100 a.pb.gz >cut.pb.gz
  run -1 --separate-stderr cpuprof --from cut.pb.gz
  [[ "$stderr" == *"not a pprof profile"* ]]
}

# refused TEXT FILE: with one line that says why.
refused() {
  run -1 --separate-stderr cpuprof --from "$2"
  echo "$stderr"
  [ -z "$output" ]
  [[ "$stderr" == *"$1"* ]]
  [ "$(wc -l <<<"$stderr")" -le 2 ]
}

@test "--from: what is no recording is refused with its line" {
  record
  refused "cannot open" missing.json
  refused "cannot read" .
  refused 'not a recording' /dev/null
  echo nonsense >x && refused "line 1: no JSON object" x
  echo '[]' >x && refused "line 1: no JSON object" x
  echo '{"type":"end"}' >x && refused 'line 1: no "begin"' x
  sed '1s/"cpuprof"/"offcpu"/' a.json >x && refused "another tool" x
  sed '1s/"schema":1/"schema":2/' a.json >x && refused "schema 2" x
  local stack
  stack=$(grep -nm1 '"type":"stack"' a.json | cut -d: -f1)
  sed "${stack}s/\"count\":[0-9]*/\"count\":-1/" a.json >x && refused "line $stack: \"count\"" x
  sed "${stack}s/\"frames\":\[/\"frames\":{},\"x\":[/" a.json >x && refused "line $stack: \"frames\"" x
  sed '2s/"build_id":"/&zz/' a.json >x && refused 'line 2: "build_id"' x
  sed '2s/"segments":\[{/"segments":[1,{/' a.json >x && refused 'line 2: a segment' x
  sed '/"type":"object"/d' a.json >x && refused "an object that was not told of" x
  cat a.json a.json >x && refused 'a second "begin"' x
  gzip -c a.json >x && refused "not a pprof profile" x
}

@test "--from: what a stranger may write is an answer all the same" {
  make_program first_name
  raw ./program
  # In a file, and without an address.
  jq -c 'if .type == "stack" then .frames[] |= (.address = null) else . end' raw.json >x.json
  cpuprof --from x.json -f >x.folded
  [ -s x.folded ]
  jq -c 'if .type == "stack" then .frames[] |= (.kernel = true) else . end' raw.json >x.json
  rm program
  cpuprof --from x.json -f >x.folded 2>err
  grep -q 'program+0x.*: not on this machine\]_\[k\]' x.folded
  # Written to in the future, it is the same build.
  make_program first_name
  touch -d 2037-01-01 program
  named raw.json first_name
  # A program with the name of something else.
  make_program first_name
  mv program '[jit]'
  cpuprof -q --raw -F 999 -o j.pb.gz -- './[jit]' >out
  cpuprof --from j.pb.gz -f >x.folded 2>err
  grep -q first_name x.folded
}

@test "--from: more files than a program may have open at first" {
  make_program first_name
  raw ./program
  (
    ulimit -Sn 64
    cpuprof --from raw.json -f >x.folded 2>err
  )
  grep -q first_name x.folded
}

@test "--from: hostile text does not reach the terminal raw" {
  record
  jq -c 'if .type == "stack" then .comm = "\u001b[31mred;\n" | .frames[0].name = "\u001b]0;x\u0007" else . end' \
    a.json >x.json
  cpuprof --from x.json >out.txt
  cpuprof --from x.json -f >out.folded 2>err
  run -1 grep -q $'[\x1b\x07]' out.txt out.folded
}

@test "--from: by what was not told apart is refused, and by what was is not" {
  record --by pid
  run -1 --separate-stderr cpuprof --from a.json --by cgroup
  [[ "$stderr" == *"--by cgroup"* ]]
  cpuprof --from a.json --by comm -f >b.folded 2>err
  grep -q '^spin;' b.folded
}

@test "--from: takes nothing that says how to measure" {
  touch a.json
  for option in "-p 1" "-d 1" "-F 99" "-i 1s" "-- true" "--raw" "-U" "-e cycles"; do
    # shellcheck disable=SC2086
    run -2 --separate-stderr cpuprof --from a.json $option
    [[ "$stderr" == *"cannot be used with --from"* ]]
  done
}

@test "--diff: what grew and what shrank, and nothing else" {
  cpuprof -q -F 999 -o a.json -- "$workloads/spin" 1
  cpuprof -q -F 999 -o b.json -o b.folded -o b.pb.gz -- "$workloads/syscalls" 1
  cpuprof --diff a.json b.json >diff.txt
  cat diff.txt
  grep -E '^ *[0-9.]+ +0\.0 +-[0-9.]+ +hot_sixty$' diff.txt
  grep -E '^ *0\.0 +[0-9.]+ +\+[0-9.]+ ' diff.txt
  # Whatever they were written as.
  cpuprof --diff a.json b.pb.gz | tail -n +3 >other.txt
  diff <(tail -n +3 diff.txt) other.txt
  cpuprof --diff a.json b.folded | tail -n +3 >other.txt
  diff <(tail -n +3 diff.txt) other.txt
  # Of a run and itself nothing has changed.
  cpuprof --diff a.json a.json >same.txt
  [ "$(grep -c 'none that chance does not explain' same.txt)" -eq 2 ]
}

@test "--diff: folded has two counts, of one length" {
  printf 'p;a 10\np;b 30\n' >before.folded
  printf 'p;a 100\np;c 20\n' >after.folded
  run -0 cpuprof --diff before.folded after.folded -f
  [ "$output" = "p;a 30 100
p;b 90 0
p;c 0 20" ]
  cpuprof --diff before.folded after.folded -o d.svg
  python3 -c 'import xml.dom.minidom; xml.dom.minidom.parse("d.svg")'
}

@test "--diff: what says nothing of a change is refused, or said" {
  cpuprof -q -F 999 -o a.json -o a.folded -- "$workloads/spin" 0.5 >out
  cpuprof -q -e page-faults --period 1 -o faults.json -- "$workloads/spin" 0.2 >out
  touch empty.folded
  run -1 --separate-stderr cpuprof --diff a.json empty.folded
  [[ $stderr == *"empty.folded: no samples"* ]]
  run -1 --separate-stderr cpuprof --diff a.json faults.json
  [[ $stderr == *"cpu-clock cannot be compared with samples of page-faults"* ]]
  cpuprof --diff a.json a.folded -o d.folded
  run -1 --separate-stderr cpuprof --diff d.folded a.folded
  [[ $stderr == *"is a difference already"* ]]
  head -n -1 a.json >cut.json
  run -0 --separate-stderr cpuprof --diff a.json cut.json
  [[ $stderr == *"cut.json has been cut"* ]]
  [[ $output == *"a.json: "*" samples, "*" of CPU in "* ]]
}

@test "--diff: hostile stacks do not reach the terminal raw" {
  printf 'p;\e]0;title\a;b 3\n' >a.folded
  for format in folded table svg; do
    cpuprof --diff a.folded a.folded --format $format >out.$format
    run -1 grep -q $'[\x1b\x07]' out.$format
  done
}

@test "--diff: what cannot be compared is refused" {
  echo 'a;b 1' >a.folded
  echo 'a;b' >b.folded
  run -1 --separate-stderr cpuprof --diff a.folded b.folded
  [[ "$stderr" == *"b.folded: line 1: no collapsed stack"* ]]
  run -2 --separate-stderr cpuprof --diff a.folded
  [[ "$stderr" == *"expected BEFORE and AFTER"* ]]
  run -2 --separate-stderr cpuprof --diff a.folded a.folded -j
  [[ "$stderr" == *"cannot show a difference"* ]]
  run -2 --separate-stderr cpuprof --diff a.folded a.folded --from a.folded
  run -2 --separate-stderr cpuprof --diff a.folded a.folded -p 1
  [[ "$stderr" == *"--pid cannot be used with --diff"* ]]
}
