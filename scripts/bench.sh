#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bench.sh [--assert]: speed, memory and cost of cpuprof, execsnoop and tcpconnect, of naming
# addresses, of reading debug information and of walking stacks, each with its peers beside it
# in one run, and of making the rows that stacks are walked with. With --assert
# it fails where a figure is over its limit. Needs root, and a machine that does
# nothing else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ninja -C build --quiet measure threads execs connects sorting deep symbolize source_of rows_of
export LC_ALL=C.UTF-8 PATH=$PWD/build/bin:$PWD/build/tests/bench:$PWD/build/tests/workloads:$PATH
status=0
for bench in bench execs connects symbols_bench source rows unwind_bench; do
  python3 "tests/bench/$bench.py" "$@" || status=1
done
exit "$status"
