#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bench.sh [--assert]: speed, memory and cost of cpuprof and of its naming, with
# their peers beside them on the same load in one run. With --assert it fails
# where a figure is over its limit. Needs root, and a machine that does nothing
# else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ninja -C build --quiet measure threads symbolize
export LC_ALL=C.UTF-8 PATH=$PWD/build/bin:$PWD/build/tests/bench:$PWD/build/tests/workloads:$PATH
status=0
for bench in tests/bench/*bench.py; do
  python3 "$bench" "$@" || status=1
done
exit "$status"
