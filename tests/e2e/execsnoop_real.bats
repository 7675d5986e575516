#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # bats: variables of the helpers
# execsnoop beside strace, which has done the same work before: a build, apt.

bats_require_minimum_version 1.5.0
load helpers
load exec_helpers
load project
load apt
setup() { e2e_setup; }
teardown() { e2e_teardown; }

# As new as can be, so that everything is built.
build() {
  rm -rf project
  new_project project
  "$@" /usr/bin/env PATH=/nowhere:/usr/bin:/bin make -C project -j4
}

@test "a parallel build: what strace says, steps of searches and ends included" {
  build strace_execs
  for way in '' --probes; do
    build execsnoop -q -l $way -j -o out.json -- >said
    check_events out.json event_ring_full scratch_full recursion text_lost \
      text_unreadable path_cut exit_missing target_table_full
    same_execs
  done
  # That there was something to be compared.
  [ "$(grep -c '"/usr/bin/as", .*"exited 0"' seen)" -eq 31 ]
  [ "$(grep -c '/nowhere/.*"ENOENT"' seen)" -gt 30 ]
  grep -q '"killed 9"' seen
  grep -q '"-DWHO=\\"a  b\\"".*"exited 0"' seen
  grep -q '"./version.sh", \["./version.sh", "1.0 $HOME ;"\], "exited 0"' seen
}

@test "CPU time of compilers: what gcc says that they took" {
  mkdir big
  # Seconds for the compiler, some milliseconds for the assembler.
  for number in 1 2; do
    for part in {1..400}; do
      project_part "$part" | sed "s/compare/&_$part/g"
    done >big/big$number.c
  done
  touch big/all.h
  project_library_makefile >big/Makefile
  execsnoop -q -l -o out.json -o out.folded -- \
    make -C big -j2 CC="gcc -time=$PWD/times" big1.o big2.o >said
  # The file that it writes is in both command lines.
  sed -nE 's/^([0-9.e-]+) ([0-9.e-]+) (cc1|as) .* (big[12])\.[co] .*/\3 \4 \1 \2/p' times |
    sort >expected
  records 'select(.type == "event" and (.comm | IN("cc1", "as")))
    | "\(.comm) \(.args | join(" ") | capture("(?<file>big[12])[.]").file) \(.user_ns / 1e9) \(.system_ns / 1e9)"' out.json |
    sort >seen
  paste expected seen
  [ "$(wc -l <seen)" -eq 4 ]
  # What comes behind the end is missing: giving back the memory.
  paste -d' ' expected seen | awk '
    $1 != $5 || $2 != $6 { exit 1 }
    { theirs = $3 + $4; ours = $7 + $8 }
    ours > theirs + 0.001 || ours < theirs - 0.015 { exit 1 }
    $1 == "cc1" && theirs < 0.5 { exit 1 }'
  # The chains have the same, in microseconds.
  us=$(records 'select(.type == "event") | (.user_ns + .system_ns) / 1000' out.json | awk '{ us += $1 } END { print us }')
  folded=$(awk '{ us += $NF } END { print us }' out.folded)
  holds 'us - folded < 100 && folded - us < 100' "us=$us" "folded=$folded"
}

@test "a parallel build, folded: each exec is in a chain" {
  build execsnoop -q -o out.json -o out.folded -- >said
  [ "$(awk '{ sum += $NF } END { print sum }' out.folded)" -eq "$(events true)" ]
  [ "$(grep -c 'ENOENT' out.folded)" -eq 2 ]
  grep -qE ';execsnoop;make;make;gcc;cc1 30$' out.folded
  grep -qE ';execsnoop;make;gcc;collect2;ld 1$' out.folded
  # Every program has its parent among those before it.
  holds_of_events '. as $all | map(.pid) as $pids | $all[1:]
    | all(.parent_pid as $parent | .pid == $all[0].pid or ($pids | index($parent)) != null)'
}

# apt_work COMMAND...: apt reads an archive's index and installs from it.
apt_work() {
  new_apt "file:$PWD/archive"
  APT_CONFIG=$PWD/apt/conf "$@" /bin/sh -c 'apt-get -q update && apt-get -q -s install small &&
    apt-get -q -y install small && apt-get -q -y purge small'
}

# Whether apt's methods end by themselves or by apt's signal is a race of theirs.
ends_of_methods() {
  sed -E '/"\/usr\/lib\/apt\/methods\//s/"(exited [0-9]+|killed 2)"\]$/"ended"]/' "$1" | sort
}

@test "apt-get: what strace says, with dpkg and a package's script" {
  new_archive
  apt_work strace_execs
  apt_work execsnoop -q -l -j -o out.json -- >said
  check_events out.json event_ring_full scratch_full recursion text_lost \
    text_unreadable path_cut exit_missing target_table_full
  "$BATS_TEST_DIRNAME/execs_of.py" out.json >seen
  diff <(ends_of_methods expected) <(ends_of_methods seen)
  grep -q '"apt-get", "-q", "-y", "install", "small"\], "exited 0"' seen
  grep -q '"/usr/bin/dpkg-deb", .*"exited 0"' seen
  grep -qE '"[^"]*/small.postinst", "configure", ""\], "exited 0"' seen
  grep -q '"/bin/true", \["/bin/true", "configure", ""\]' seen
}
