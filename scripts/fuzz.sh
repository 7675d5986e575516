#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# fuzz.sh [PROGRAM...]: runs each fuzz target for FUZZ_SECONDS (2), all of
# build/fuzz when none is named, and prints a verdict for each. The seeds are
# read from tests/fuzz/corpus/TARGET; what libFuzzer adds to them, and inputs
# that a target breaks on, stay in build/fuzz (FUZZ_STORE).
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
seconds=${FUZZ_SECONDS:-2}
store=${FUZZ_STORE:-build/fuzz}
most_mib=2048 most_seconds=10 most_bytes=16384

# fuzz PROGRAM: a target has passed when it ran to its end over its seeds and
# more; one that was built without instrumentation finds nothing for ever.
fuzz() {
  local target seeds log runs status
  target=$(basename "$1" _fuzz)
  seeds=tests/fuzz/corpus/$target log=$store/log/$target
  mkdir -p "$store"/{log,corpus/"$target",found}
  [[ -d $seeds ]] ||
    { echo "FAIL fuzz $target: no seeds in $seeds"; return; }
  "$1" -max_total_time="$seconds" -rss_limit_mb=$most_mib \
    -timeout=$most_seconds -max_len=$most_bytes -print_final_stats=1 \
    -artifact_prefix="$store/found/$target-" \
    "$store/corpus/$target" "$seeds" >"$log" 2>&1
  status=$?
  runs=$(sed -n 's/^stat::number_of_executed_units: //p' "$log")
  if ((status == 0 && ${runs:-0} > $(find "$seeds" -type f | wc -l))) &&
    grep -q ' cov: [1-9]' "$log"; then
    echo "PASS fuzz $target, $runs runs"
  else
    echo "FAIL fuzz $target: status $status, ${runs:-0} runs, see $log"
    tail -n 30 "$log" | sed 's/^/  | /'
  fi
}

(($#)) || set -- build/fuzz/targets/*_fuzz
for program; do
  fuzz "$program"
done
