#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bench.sh [--assert]: speed, memory and cost of cpuprof, with its peers beside
# it on the same load in one run. With --assert it fails where a figure is over
# its limit. Needs root, and a machine that does nothing else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ninja -C build --quiet measure threads
export LC_ALL=C.UTF-8 PATH=$PWD/build/bin:$PWD/build/tests/bench:$PWD/build/tests/workloads:$PATH
exec python3 tests/bench/bench.py "$@"
