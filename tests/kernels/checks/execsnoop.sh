# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# What execsnoop must do on every kernel. The workload `execs` says itself what
# there was to be seen.

# watch OPTION... -- CMD...: the events of a command in `events`, one a line. All
# that entered the program is in the result or left out, and nothing is lost.
watch() {
  execsnoop -q -j -o out.json "$@" >said 2>errors || { cat errors; return 1; }
  jq -c 'select(.type == "event")' out.json >events
  head -n 20 events | cut -c 1-400
  tail -n 1 out.json
  jq -e 'select(.type == "end") | .ledger as $l
    | $l.entered == .delivered + $l.not_target + $l.not_matching + $l.not_failed
      and ([$l.recursion, $l.unaccounted, $l.event_ring_full, $l.scratch_full,
            $l.target_table_full, $l.text_lost, $l.text_unreadable, $l.path_cut,
            $l.exit_missing] | add) == 0' out.json
}

# holds FILTER: of the array of all events.
holds() { jq -e -s "$1" events; }

check_names_features() {
  execsnoop -V -v >features
  cat features
  grep -q '^execsnoop [0-9]' features
  grep -q "$(uname -r)" features
}

check_sees_programs_with_what_they_were_given() {
  watch -a --env MARK -- env MARK='a b' execs hostile 61 "" 0a62 ff
  holds 'map(select(.args[1] == "done")) | length == 1 and (.[0]
    | .args[2:5] == ["a", "", "\nb"] and .args_hex[5] == "ff"
      and .args_count == 6 and .args_omitted == 0 and .env == ["MARK=a b"]
      and (.exe | endswith("/execs")) and .comm == "execs" and .cwd[0:1] == "/"
      and .ancestors[0].comm == "execs" and .parent_comm == "execs")'
}

check_sees_long_arguments_whole() {
  watch -- execs args 10 14000
  holds 'map(select(.args[1] == "done")) | .[0].args_bytes > 140000
    and .[0].args_omitted_bytes > 0'
  watch --max-args 1M -- execs args 10 14000
  holds 'map(select(.args[1] == "done")) | (.[0].args | length == 12)
    and (.[0].args[11] | length == 14000) and .[0].args_omitted_bytes == 0'
}

check_sees_every_way_to_execute() {
  watch -- execs thread
  holds 'map(select(.args[2] == "thread")) | .[0].from_other_thread'
  holds '[.[-1].pid, .[-1].tid] | map(tostring) | join(" ")
         == "'"$(cat said)"'"'
  # Not every kernel executes what its first file system cannot name.
  if execs memfd; then
    watch -- execs memfd
    holds 'map(select(.args == ["innocent", "done"]))
      | .[0].exe == "memfd:payload" and .[0].exe_deleted'
    watch -- execs deleted ./copy
    holds 'map(select(.args == ["gone", "done"]))
      | (.[0].exe | endswith("/copy")) and .[0].exe_deleted'
  fi
}

check_sees_failures_with_what_was_tried() {
  execsnoop -v -d 10ms 2>&1 | grep failures
  watch -x --probes -- execs fail /no/such/file 7
  holds '(map(select(.file == "/no/such/file")) | length) == 7 and
    (map(select(.file == "/no/such/file")) | all(.error == "ENOENT"
     and .args == ["tried", "a b", "", "-x"]))'
  watch -x -- execs fail /no/such/file 7
  holds 'map(select(.file == "/no/such/file"))
    | length == 7 and all(.probes == [])'
  watch -x -- env PATH=/no/such/place:/no/other/place:/no/such/place \
    "$(command -v execs)" search nothing.such
  holds 'map(select(.args[0] == "nothing.such"))
    | length == 1 and (.[0].probes | map(.file))
      == ["/no/such/place/nothing.such", "/no/other/place/nothing.such"]'
  watch -x -- execs bare /no/such/file
  holds 'map(select(.file == "/no/such/file"))
    | length == 1 and .[0].args == [] and (.[0].args_unreadable | not)'
}

# A kernel may have no programs of 32 bits; then the call itself says so.
check_sees_failures_of_32_bits() {
  watch -x -- execs compat /no/such/file
  cat said
  [ "$(cat said)" != 2 ] || holds 'map(select(.file == "/no/such/file"))
    | length == 1 and .[0].compat and .[0].args == ["thirty-two"]'
}

check_tells_how_programs_end() {
  watch -l -- sh -c 'execs exit 3; execs kill 9'
  holds "map(select(.outcome == \"exited\" and .exit_code == 3 and .wall_ns > 0
                    and .max_rss_bytes > 0)) | map(.pid) | index($(sed -n 1p said))"
  holds "map(select(.outcome == \"killed\" and .signal == 9)) | map(.pid)
         | index($(sed -n 2p said))"
  # 200 ms of CPU time each; what the kernel has not added up yet is a tick.
  for how in crew team; do
    watch -l -- execs $how 200 3
    holds "map(select(.pid == $(cat said)))[0] | .user_ns + .system_ns
      | . > 560000000 and . < 700000000"
  done
}

# Also by a kernel that preempts BPF programs (7.2).
check_follows_a_storm_in_its_order() {
  watch -- execs storm 400 2
  for worker in 0 1; do
    holds "map(select(.args[1:3] == [\"done\", \"$worker\"]).args[3] | tonumber)
           == [range(400)]"
  done
}

check_folds_the_ancestry() {
  execsnoop -q -f -o out.folded -- execs storm 5 1
  cat out.folded
  grep -q ';execs;execs;execs 5$' out.folded
}
