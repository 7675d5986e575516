#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # bats: variables of the helpers
# execsnoop against programs that say themselves what there was to be seen.

bats_require_minimum_version 1.5.0
load helpers
load exec_helpers
setup() { e2e_setup; }
teardown() { e2e_teardown; }

@test "a storm: none lost, each worker's programs in their order" {
  watch -- "$workloads/execs" storm 10000 2
  for worker in 0 1; do
    holds_of_events "map(select(.args[1:3] == [\"done\", \"$worker\"]).args[3]
      | tonumber) == [range(10000)]"
  done
  [ "$(events '.args[1] == "done"')" -eq 20000 ]
}

@test "20,000 from two processes while the whole machine is watched" {
  snoop -q --no-failed -j -o out.json
  "$workloads/execs" storm 10000 2
  finish INT
  [ "$status" -eq 0 ]
  check_events out.json event_ring_full scratch_full recursion text_lost
  [ "$(events ".args[0:2] == [\"$workloads/execs\", \"done\"]")" -eq 20000 ]
}

@test "a program, its arguments and where it ran" {
  mkdir 'a dir'
  watch -a --env MARK,OTHER -- env -C 'a dir' MARK=1 "$workloads/execs" hostile 61 ""
  holds_of_events 'map(select(.args[1] == "done")) | length == 1 and (.[0]
    | .args[2:] == ["a", ""] and .args_count == 4 and .env == ["MARK=1"]
      and (.cwd | endswith("/a dir")) and .errno == 0 and .probes == []
      and .comm == "execs" and .parent_comm == "execs" and .uid == 0
      and .user == "root" and .exe == .file and .exe == .args[0]
      and .ancestors[0].comm == "execs" and .ancestors[-1].pid == 1)'
}

@test "arguments up to the limit are whole, beyond it the rest is stated" {
  # With a NUL each, the name and "done": exactly 128 KiB, then one byte more.
  local self=$workloads/execs
  local rest=$((131072 - ${#self} - 1 - 5))
  for more in 0 1; do
    watch -- "$self" args 1 $((rest - 1 + more))
    holds_of_events "map(select(.args[1] == \"done\"))[0]
      | .args_bytes == $((131072 + more)) and .args_omitted_bytes == $more
        and (.args[2] | length) == $((rest - 1)) + (if $more == 1 then 1 else 0 end)"
  done
  watch --max-args 1M -- "$self" args 100 10000
  holds_of_events 'map(select(.args[1] == "done"))[0]
    | (.args | length) == 102 and .args_omitted_bytes == 0
      and (.args[101] == ([range(10000)] | map("v") | add))'
  execsnoop -q --max-args 64 -o out.txt -- "$self" args 40 100
  grep -qE '\[\+[0-9]+ args, [0-9.]+ KiB\]$' out.txt
}

@test "hostile arguments: quoted for sh, in one printable line, exact in JSON" {
  local words=(0a 1b5b33316d ff 2d6e 27 "" 610a0a 24286964290a 7f e280ae c3a4 25735c)
  execsnoop -q -o out.txt -j -o out.json -- "$workloads/execs" hostile "${words[@]}"
  run ! grep -qP '[\x00-\x09\x0b-\x1f\x7f]' out.txt
  [ "$(grep -c 'execs done ' out.txt)" -eq 1 ]
  # What sh makes of the command line is what the program was given.
  records 'select(.type == "event" and .args[1] == "done").command_line' out.json >line
  sh -c "set -- $(<line); shift 2; for word; do printf '%s' \"\$word\" | od -An -v -tx1 | tr -d ' \n'; echo; done" >back
  printf '%s\n' "${words[@]}" | cmp - back
  # ... and the hexadecimal beside what is not UTF-8.
  holds_of_events 'map(select(.args[1] == "done"))[0].args_hex[2:]
    == ["0a", "1b5b33316d", "ff", "2d6e", "27", "", "610a0a", "24286964290a", "7f", "e280ae", "c3a4", "25735c"]'
}

@test "every way to execute" {
  watch -- "$workloads/execs" thread
  holds_of_events "map(select(.args[2] == \"thread\"))[0]
    | .from_other_thread and \"\\(.pid) \\(.tid)\" == \"$(<said)\""
  watch -- "$workloads/execs" memfd
  holds_of_events 'map(select(.args == ["innocent", "done"]))[0]
    | .exe == "memfd:payload" and .exe_deleted'
  execsnoop -q -o out.txt -- "$workloads/execs" deleted ./copy
  grep -qE "gone done \[$PWD/copy \(deleted\)\]$" out.txt
  cp "$workloads/execs" named
  watch -- "$workloads/execs" at . named
  holds_of_events "map(select(.args == [\"below\", \"done\"]))[0]
    | .file == \"$(<said)\" and (.exe | endswith(\"/named\"))"
  printf '#!/bin/sh -e\nexit 0\n' >script
  chmod +x script
  watch -- ./script 'x y'
  holds_of_events '.[0] | .file == "./script" and .interpreter == "/bin/sh"
    and .args == ["/bin/sh", "-e", "./script", "x y"] and .comm == "script"'
}

@test "failures, with what was tried" {
  watch -x --probes -- "$workloads/execs" fail /no/such/file 17
  [ "$(grep -c '^2$' said)" -eq 17 ]
  [ "$(events '.file == "/no/such/file" and .error == "ENOENT" and
      .args == ["tried", "a b", "", "-x"]')" -eq 17 ]
  touch plain
  watch -x -- "$workloads/execs" fail ./plain 1
  [ "$(events '.error == "EACCES" and .errno == 13')" -eq 1 ]
  watch -x -- "$workloads/execs" compat /no/such/file
  [ "$(<said)" -ne 2 ] || [ "$(events '.compat and .args == ["thirty-two"]')" -eq 1 ]
  watch --no-failed -- "$workloads/execs" fail /no/such/file 3
  [ "$(events '.errno != 0')" -eq 0 ]
  watch -x -- "$workloads/execs" bare /no/such/file
  [ "$(events '.file == "/no/such/file" and .args == [] and .args_count == 0')" -eq 1 ]
}

@test "an endless retry is not taken for a search" {
  watch -x -- "$workloads/execs" fail /no/such/file 30000
  [ "$(events '.file == "/no/such/file" and .probes == []')" -eq 30000 ]
}

@test "a search along PATH is one row, or with --probes each of its steps" {
  mkdir one two three
  local path=$PWD/one:$PWD/two:$PWD/three:/usr/bin:/bin
  watch -x -- env PATH="$path" xargs -a /dev/null no-such-command
  holds_of_events "map(select(.args[0] == \"no-such-command\"))
    | length == 1 and .[0].error == \"ENOENT\" and (.[0].probes | map(.file))[0:3] == [\"$PWD/one/no-such-command\",
      \"$PWD/two/no-such-command\", \"$PWD/three/no-such-command\"]"
  watch -x --probes -- env PATH="$path" xargs -a /dev/null no-such-command
  [ "$(events '.args[0] == "no-such-command"')" -eq 5 ]
}

@test "how programs end" {
  for code in 0 1 42 255; do
    watch -l -- "$workloads/execs" exit $code
    holds_of_events "map(select(.pid == $(<said)))[0]
      | .outcome == \"exited\" and .exit_code == $code"
  done
  for signal in 9 11 15; do
    watch -l -- "$workloads/execs" kill $signal
    holds_of_events "map(select(.pid == $(<said)))[0]
      | .outcome == \"killed\" and .signal == $signal"
  done
  watch -l -- sh -c 'exec /bin/true'
  holds_of_events 'map(.outcome) == ["replaced", "exited"]'
}

@test "time and memory of a program" {
  watch -l -- "$workloads/execs" busy 300 100
  holds_of_events "map(select(.pid == $(<said)))[0]
    | (.user_ns + .system_ns) as \$cpu | \$cpu >= 295000000 and \$cpu <= 330000000
      and .wall_ns >= \$cpu and .max_rss_bytes >= 100 * 1048576
      and .max_rss_bytes < 110 * 1048576"
}

@test "CPU time of programs that are over before the next tick" {
  # A shell that is busy itself starts them: its time is not theirs.
  watch -l -- bash -c 'for ((n = 0; n < 100; ++n)); do
    (for ((i = 0; i < 2000; ++i)); do :; done; exec /bin/true); "$1" busy 3 1; done' - "$workloads/execs"
  holds_of_events 'map(select(.comm == "true" or .args[1] == "end"))
    | length == 200 and all(.user_ns + .system_ns > 0
      and .user_ns + .system_ns <= .wall_ns + 100000)'
  # Of 3 ms some were before the exec.
  holds_of_events 'map(select(.args[1] == "end") | .user_ns + .system_ns) | add
    | . > 240000000 and . < 360000000'
}

@test "CPU time of all threads, however they end" {
  # The kernel adds up at ticks and switches: each may lack 10 ms.
  for how in crew team; do
    watch -l -- "$workloads/execs" $how 200 4
    holds_of_events "map(select(.pid == $(<said)))[0] | .user_ns + .system_ns
      | . >= 760000000 and . < 900000000"
  done
}

# A thousand a second, which fill the ring in the time for which nobody reads it
# unless it fills. As fast as can be they take all CPUs: then all is accounted for.
@test "long arguments one after the other: none lost" {
  watch -- "$workloads/execs" flood 150 120000 1000
  [ "$(events '.args[1] == "done" and .args_bytes > 120000 and (.args_cut | not)')" -eq 150 ]
  execsnoop -q -j -o out.json -- "$workloads/execs" flood 300 120000 0
  check_events out.json
}

@test "more than 10,000 programs at the same time, each with its end" {
  watch -l -- "$workloads/execs" flight 10500
  [ "$(<said)" -eq 10500 ]
  [ "$(events '.args[1] == "held" and .outcome == "exited" and .exit_code == 0')" -eq 10500 ]
}

@test "what still runs at the end is marked" {
  snoop -q -l -j -o out.json
  background tail -f /dev/null
  seen() { kill -USR1 "$tool"; [ "$(tail -n 1 out.json | jq '.execs // 0')" -gt 0 ]; }
  until_true seen
  finish INT
  holds_of_events "map(select(.pid == $last))[0] | .outcome == \"running\"
    and .user_ns == null and .user_ns_reason == \"still running\""
}

@test "filters: parent, tree, name, user" {
  local tools=()
  mkfifo go
  background bash -c 'read -r <go; /bin/true a; bash -c "/bin/true b; true"; true'
  parent=$last
  for option in --parent --tree-of; do
    snoop -q -j -o "only$option.json" $option "$parent"
    tools+=("$tool")
  done
  echo >go
  wait "$parent"
  kill -INT "${tools[@]}"
  wait "${tools[@]}"
  jq -se 'map(select(.type == "event").args | join(" "))
    == ["/bin/true a", "bash -c /bin/true b; true"]' only--parent.json
  jq -se 'map(select(.type == "event").args | join(" "))
    == ["/bin/true a", "bash -c /bin/true b; true", "/bin/true b"]' only--tree-of.json
  watch -n '^tru' -- sh -c '/bin/true; /bin/echo; /bin/true'
  holds_of_events 'map(.comm) == ["true", "true"]'
  watch -u daemon -- sh -c '/bin/true; setpriv --reuid=daemon --clear-groups /bin/echo'
  holds_of_events 'map(.comm) == ["echo"] and .[0].user == "daemon"'
}

@test "filters: a cgroup and what is below it" {
  local mount cgroup
  mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
  cgroup=$mount/sightline-exec-$$
  mkdir "$cgroup" "$cgroup/below"
  snoop -q -j -o out.json -c "$cgroup"
  sh -c 'echo $$ >"$1/below/cgroup.procs"; exec /bin/true inside' - "$cgroup"
  /bin/true outside
  finish INT
  rmdir "$cgroup/below" "$cgroup"
  holds_of_events "map(.args[1]) == [\"inside\"]
    and .[0].cgroup == \"/${cgroup##*/}/below\""
  check_events out.json
}

@test "the exec of a process that is there already" {
  mkfifo go
  background bash -c 'read -r <go; exec /bin/true x'
  snoop -j -o out.json -p "$last"
  echo >go
  finish
  [ "$status" -eq 0 ]
  grep -q '^execsnoop: all targets have ended$' err
  holds_of_events "map(.args) == [[\"/bin/true\", \"x\"]] and .[0].pid == $last"
}

@test "secrets are left out, wherever they would be shown" {
  execsnoop -q --redact '--password=([^ ]*)' --redact 'tok_[a-z]+' --env TOKEN \
    -o out.txt -o out.json -- env TOKEN=tok_abc sh -c '/bin/true --password=geheim tok_xyz'
  run ! grep -E 'geheim|tok_(abc|xyz)' out.txt out.json
  grep -q -- "'--password=\[redacted\]' '\[redacted\]'" out.txt
}

@test "ancestry, folded: execs, and CPU time with --lifetime" {
  execsnoop -q -f -o out.folded -- "$workloads/execs" storm 7 1
  grep -qE ';execs;execs;execs 7$' out.folded
  execsnoop -q -l -f -o cpu.folded -- "$workloads/execs" busy 200 1
  us=$(sed -n 's/.*;execs;execs //p' cpu.folded)
  holds 'us >= 195000 && us < 240000' "us=$us"
}

@test "a tree of rows" {
  execsnoop -q --tree -o out.txt -- sh -c 'sh -c "/bin/true; true"; true'
  # The name is padded to 15 columns, two blanks part it from the arguments.
  grep -qE '  sh {15}sh -c ' out.txt
  grep -qE '  sh {17}sh -c ' out.txt
  grep -qE '  true {17}/bin/true$' out.txt
}

@test "a summary instead of rows, at the end and each interval" {
  execsnoop -q --summary -o out.txt -o out.json -- "$workloads/execs" storm 300 2
  # The programs, and what started them.
  sed -n '/^BY COMMAND/,/^$/p' out.txt | grep -qE '^ *601 .* execs$'
  jq -se 'map(select(.type == "interval")) | length == 1 and (.[0].by_command
    | map(select(.command == "execs"))[0] | .count == 601 and .ended >= 600
      and .lifetime_p50_ns > 0)' out.json
  [ "$(events true)" -eq 0 ]
  # What failed is no exec, here as everywhere. Each line fits, and has a word for
  # each column.
  execsnoop -q --summary --width 80 -o out.txt -o out.json -- sh -c '/bin/true; env no-such; sh -c "env no-such-either" ; true'
  grep -qE '^[0-9.]+ [mun]?s: 5 execs \([0-9.]+/s\), 2 failed$' out.txt
  grep -qE '^lifetime: p50 [^,]+, p90 [^,]+, p99 [0-9.]+ [mun]?s$' out.txt
  [ "$(records 'select(.type == "interval") | [.execs, .failed] | join(" ")' out.json)" = '5 2' ]
  [ "$(sed -n '/^COUNT.*COMMAND$/,/^$/p' out.txt | awk 'NF && NF != 7')" = '' ]
  snoop -q --summary -i 200ms -j -o many.json
  two() { [ "$(grep -c '"type":"interval"' many.json)" -ge 2 ]; }
  until_true two
  finish INT
  check_events many.json
}

@test "strace agrees" {
  script='/bin/true 1; /bin/echo 2 >/dev/null; (exec /bin/true 3); nothing; true'
  # A file for each process, so that no line is torn by that of another.
  strace -ff -qq -o trace -e trace=process -e signal=none \
    execsnoop -q --probes -j -o out.json -- env PATH=/nowhere:/usr/bin bash -c "$script" 2>/dev/null || true
  # Those of the command; the tool itself executes nothing.
  sed -nE 's/^execve\("([^"]*)".* = (0|-1 ([A-Z]+)).*/\1 \3/p' trace.* |
    grep -v '/execsnoop $' >expected
  records 'select(.type == "event") | "\(.file) \(.error // "")"' out.json >seen
  sort expected >a
  sort seen >b
  diff a b
}

@test "a workload in another PID namespace is seen, inside with its own numbers" {
  watch -- unshare --pid --fork --mount-proc sh -c '/bin/true inside; true'
  holds_of_events 'map(select(.args[1] == "inside")) | length == 1 and .[0].pid > 2'
  unshare --pid --fork --mount-proc execsnoop -q -j -o out.json -- sh -c '/bin/true inside; true'
  holds_of_events 'map(select(.args[1] == "inside"))[0] | .pid > 1 and .pid < 20'
  check_events out.json
}

@test "kernel memory is at most 4 MiB" {
  execsnoop -v -l -a -- true 2>&1 >/dev/null | grep -oE 'maps take [0-9.]+ MiB' >memory
  holds 'mib > 0 && mib <= 4' "mib=$(awk '{ print $3 }' memory)"
}
