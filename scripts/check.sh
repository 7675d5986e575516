#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check.sh [LANE...]: builds what the lanes need and runs them. A lane gives
# verdicts: passed, failed, or skipped with a reason. Ends with
# "N passed, N failed, N skipped", and with status 1 when anything failed or a
# lane had nothing that passed. Without a lane: all that make check runs; all:
# those and the heavy ones. tests/cli/check.bats shows that each kind of lane
# can fail.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
export LC_ALL=C.UTF-8 PATH=$PWD/build/bin:$PATH
unset COLUMNS NO_COLOR
# The builds differ in how they link: what one compiled, ccache gives the other.
export CCACHE_NOHASHDIR=1

lanes=(unit cli e2e kernels static fuzz lint tidy drift)
heavy_lanes=(heavy dev many_cpus)
passed=0 failed=0 skipped=0

# tally LOG: adds up a log's verdicts, and shows those that did not pass with
# what was said about them. A verdict is a line PASS, FAIL or SKIP and a name;
# the lines behind it that begin with two spaces belong to it.
tally() {
  passed=$((passed + $(grep -c '^PASS ' "$1")))
  failed=$((failed + $(grep -c '^FAIL ' "$1")))
  skipped=$((skipped + $(grep -c '^SKIP ' "$1")))
  awk '/^(PASS|FAIL|SKIP) / { show = !/^PASS/; if (show) print }
       /^  / { if (show) print }' "$1"
}

# lane NAME COMMAND...: runs the command, which prints verdicts, and counts them.
lane() {
  local name=$1 log=$logs/$1.log start=$SECONDS
  local before=("$passed" "$failed" "$skipped")
  shift
  echo "== $name"
  "$@" >"$log" 2>&1 </dev/null
  tally "$log"
  if ((passed == before[0])); then
    echo "FAIL $name: nothing passed, see $log"
    tail -n 20 "$log" | sed 's/^/  | /'
    failed=$((failed + 1))
  fi
  echo "-- $name: $((passed - before[0])) passed," \
    "$((failed - before[1])) failed, $((skipped - before[2])) skipped" \
    "($((SECONDS - start)) s)"
}

# bats_verdicts FILE...: one file after the other, each test at most 2 minutes,
# or $test_seconds.
bats_verdicts() {
  local status
  BATS_TEST_TIMEOUT=${test_seconds-120} bats --formatter tap "$@" | awk '
    /^ok [0-9]+ .* # skip/ { sub(/^ok [0-9]+ /, "SKIP "); print; next }
    /^ok [0-9]+ / { sub(/^ok [0-9]+ /, "PASS "); print; next }
    /^not ok [0-9]+ / { sub(/^not ok [0-9]+ /, "FAIL "); print; next }
    { print "  | " $0 }'
  status=${PIPESTATUS[0]}
  ((status <= 1)) || echo "FAIL bats ended with status $status"
}

# expect COUNT NAME COMMAND...: passes the command's verdicts on, under NAME,
# and fails when there are not COUNT of them: what dies early has not passed.
expect() {
  local count=$1 name=$2 output found
  shift 2
  output=$("$@" 2>&1 | tr -d '\r')
  found=$(grep -cE '^(PASS|FAIL|SKIP) ' <<<"$output")
  sed -E "s/^(PASS|FAIL|SKIP) /\\1 $name: /; t; s/^( *\| )?/  | /" <<<"$output"
  ((found == count)) ||
    echo "FAIL $name: $found verdicts where $count were expected"
}

checks_in() { cat "$@" | grep -c '^check_[a-z0-9_]*() {$'; }

lane_unit() { scripts/gtest-verdicts.py build/tests/unit_*; }

lane_cli() { bats_verdicts tests/cli/*.bats; }

lane_e2e() {
  ((EUID == 0)) || { echo "SKIP e2e: needs root"; return; }
  bats_verdicts tests/e2e/*.bats
}

# What takes minutes.
lane_heavy() {
  local test_seconds=900
  bats_verdicts tests/heavy/*.bats
}

lane_kernels() {
  local store=build/kernels count suite tools
  ((EUID == 0)) || { echo "SKIP kernels: needs root"; return; }
  mkdir -p "$store"
  scripts/fetch-kernels.sh
  tests/kernels/make-guest.sh build/bin build/static/bin \
    build/tests/workloads/spin_static "$store" || return
  count=$(checks_in tests/kernels/checks/*.sh)
  # See tests/kernels/verdicts.sh for what the static programs run.
  tools=(tests/kernels/checks/*.sh)
  for suite in bullseye bookworm trixie sid; do
    if [[ -e $store/$suite/vmlinuz ]]; then
      expect $((count + 2 * ${#tools[@]} + 1)) "$suite" scripts/run-kernel.sh \
        "$store/$suite/vmlinuz" "$store/initramfs.cpio" 300
    else
      echo "SKIP $suite: $(cat "$store/$suite/skip" 2>/dev/null)"
    fi
  done
  expect $((2 * count)) "this kernel" scripts/run-root.sh "$store/root" dynamic static
}

# A machine with more CPUs than a mask of 128 bits holds.
lane_many_cpus() {
  local store=build/kernels count tools
  ((EUID == 0)) || { echo "SKIP many_cpus: needs root"; return; }
  mkdir -p "$store"
  scripts/fetch-kernels.sh
  [[ -e $store/bookworm/vmlinuz ]] ||
    { echo "SKIP many_cpus: $(cat "$store/bookworm/skip")"; return; }
  tests/kernels/make-guest.sh build/bin build/static/bin \
    build/tests/workloads/spin_static "$store" || return
  tools=(tests/kernels/many-cpus/*.sh)
  count=$(($(checks_in "${tools[@]}") + 2 * ${#tools[@]} + 1))
  expect "$count" "132 CPUs" scripts/run-kernel.sh "$store/bookworm/vmlinuz" \
    "$store/initramfs.cpio" 900 132 many-cpus
}

lane_static() {
  local root=build/root-trixie tool
  ((EUID == 0)) || { echo "SKIP static: needs root"; return; }
  scripts/make-root.sh trixie base-files base-passwd libc6 libc-bin dash \
    coreutils sed grep ||
    { echo "SKIP static: no root of a newer Debian to run in"; return; }
  rm -rf "$root/lab"
  mkdir -p "$root"/lab/{bin,checks,static}
  cp tests/kernels/verdicts.sh "$root/lab/"
  cp tests/static/*.sh "$root/lab/checks/"
  install build/tests/workloads/spin_static "$root/lab/bin/spin"
  install build/tests/workloads/connects "$root/lab/bin/"
  for tool in build/static/bin/*; do
    file -L "$tool" | grep -q 'statically linked' &&
      echo "PASS $tool is static" || echo "FAIL $tool is not static"
    install "$tool" "$root/lab/static/"
  done
  expect "$(checks_in tests/static/*.sh)" "Debian 13" \
    scripts/run-root.sh "$root" static
}

lane_fuzz() { scripts/fuzz.sh; }

lane_lint() { scripts/lint.sh build; }

# Takes minutes of CPU time, of which emulated machines leave some: it begins
# with them when both are asked for, and has what they do not want.
begin_tidy() {
  nice -n 19 scripts/lint.sh build tidy >"$logs/tidy.early" 2>&1 </dev/null &
  tidy=$!
}

lane_tidy() {
  [[ -n ${tidy-} ]] || { scripts/lint.sh build tidy; return; }
  wait "$tidy"
  cat "$logs/tidy.early"
}

lane_drift() {
  local output
  if output=$(scripts/generate.sh --check 2>&1); then
    echo "PASS generated files are what their sources say"
  else
    echo "FAIL generated files are what their sources say"
    sed 's/^/  | /' <<<"$output"
  fi
}

lane_dev() {
  scripts/gtest-verdicts.py build/dev/tests/unit_*
  PATH=$PWD/build/dev/bin:$PATH lane_cli
}

# build_preset NAME DIRECTORY: what does not compile has failed before any lane.
build_preset() {
  local start=$SECONDS
  if cmake --log-level=NOTICE --preset "$1" >"$logs/build-$1.log" 2>&1 &&
    ninja -C "$2" >>"$logs/build-$1.log" 2>&1; then
    echo "-- build $1 ($((SECONDS - start)) s)"
  else
    tail -n 60 "$logs/build-$1.log"
    failed=$((failed + 1))
    finish
  fi
}

finish() {
  ((passed > 0 && failed == 0))
  local status=$?
  echo "$passed passed, $failed failed, $skipped skipped"
  exit $status
}

# Where the machine has no tracefs mounted, the tests have one of their own, in
# a mount namespace that ends with them.
with_tracefs() {
  local place=/sys/kernel/tracing
  ((EUID == 0)) && [[ -d $place && ! -e $place/events ]] || return 0
  [[ -n ${CHECK_UNSHARED-} ]] ||
    CHECK_UNSHARED=1 exec unshare --mount scripts/check.sh "$@"
  mount -t tracefs tracefs "$place" || true
}

main() {
  local name
  (($#)) || set -- "${lanes[@]}"
  [[ $* != all ]] || set -- "${lanes[@]}" "${heavy_lanes[@]}"
  for name; do
    declare -F "lane_$name" >/dev/null ||
      { echo "check.sh: no lane '$name'" >&2; exit 2; }
  done
  with_tracefs "$@"
  logs=$PWD/build/check
  mkdir -p "$logs"
  # The sources of the tests are read with what the release build was told.
  [[ $* == dev || $* == fuzz ]] || build_preset release build
  [[ ! " $* " =~ \ (kernels|many_cpus|static)\  ]] || build_preset static build/static
  [[ ! " $* " =~ \ fuzz\  ]] || build_preset fuzz build/fuzz
  [[ ! " $* " =~ \ dev\  ]] || build_preset dev build/dev
  for name; do
    [[ $name != kernels || ! " $* " =~ \ tidy\  ]] || begin_tidy
    lane "$name" "lane_$name"
  done
  finish
}

[[ ${BASH_SOURCE[0]} != "$0" ]] || main "$@"
