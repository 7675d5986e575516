#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # bats: variables of the helpers
# A profile for pprof as speedscope imports it, in a browser: npm's package is
# the page alone.

load ../e2e/helpers
setup() {
  ((EUID == 0)) || skip "needs root"
  local program
  for program in npm chromium; do
    command -v "$program" >/dev/null || skip "no $program"
  done
  e2e_setup
  timeout 120 npm install --ignore-scripts --no-audit --no-fund --prefix . \
    speedscope >npm.log 2>&1 </dev/null || skip "npm cannot get speedscope"
}
teardown() { [ -z "${started+set}" ] || e2e_teardown; }

# page_of FILE: the texts of the page that shows it as a table of functions, one
# a line. It takes the file from a script, as its own command does.
page_of() {
  printf 'speedscope.loadFileFromBase64("%s", "%s")' "$1" \
    "$(base64 -w0 "$1")" >profile.js
  local index=$PWD/node_modules/speedscope/dist/release/index.html
  timeout 120 chromium --headless --no-sandbox --disable-gpu \
    --disable-dev-shm-usage --user-data-dir="$PWD/browser" \
    --allow-file-access-from-files --virtual-time-budget=20000 --dump-dom \
    "file://$index#localProfilePath=$PWD/profile.js&view=sandwich" \
    </dev/null 2>browser.log | sed 's/<[^>]*>/\n/g' | grep -v '^ *$'
}

@test "speedscope shows each function's time as the JSON has it" {
  cpuprof -q -F 999 -o a.json -o a.pb.gz -- "$workloads/spin" -r 60 >/dev/null
  page_of a.pb.gz >page
  for function in hot_sixty hot_thirty hot_ten; do
    # Total, self, name.
    ours=$(jq -rs --arg name $function 'map(select(.type == "stack"))
      | map(select(.frames | any(.name == $name)).cpu_ns | . / 1e6) | add' a.json)
    theirs=$(grep -B 2 -x "$function" page | head -n 1)
    echo "$function: $ours ms, on the page $theirs"
    [ "${theirs%% *}" = "$(printf '%.2fms' "$ours")" ]
  done
}
