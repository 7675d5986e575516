#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # bats: variables of the helpers
# User stacks of the programs that people run: interpreters, compilers,
# databases, runtimes with code of their own. Each prints which version it is.

load ../e2e/helpers
load postgres
setup() {
  ((EUID == 0)) || skip "needs root"
  e2e_setup
  top=$(realpath "$BATS_TEST_DIRNAME/../..")
}
teardown() {
  [ -z "${postgres_data-}" ] || stop_postgres
  [ -z "${started+set}" ] || e2e_teardown
}

need() { command -v "$1" >/dev/null || skip "no $1"; }

clean_ledger() {
  check_ledger out.json table_full recursion stack_missing ring_full \
    sideband_lost scratch_busy kernel_stack_failed
}

# whole PROCESS [ARGUMENT...]: at least 99 % of its stacks.
whole() {
  "$top/tests/stacks.py" out.json --process "${1:0:15}" --samples 500 "${@:2}"
}

# walk PROCESS COMMAND...: a profile of all that the command runs.
walk() {
  local process=$1
  shift
  cpuprof -q -F 499 -o out.json -- "$@" >command.out
  clean_ledger
  whole "$process"
}

@test "heavy unwind: CPython" {
  need python3
  python3 --version
  cat >work.py <<'PY'
import json, re, time
while time.process_time() < 5:
    text = json.dumps([{"id": i, "name": str(i)} for i in range(3000)])
    sorted(json.loads(text), key=lambda entry: entry["name"])
    re.findall("[0-9]+", text)
PY
  # Not a wrapper that is another process.
  walk "$(basename "$(realpath "$(python3 -c 'import sys; print(sys.executable)')")")" \
    "$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')" work.py
}

work_js() {
  cat <<'JS'
function fibonacci(n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
function round(size) {
  const all = Array.from({length: size}, (_, i) => ({id: i * 7919 % 20011}));
  all.sort((a, b) => a.id - b.id);
  return JSON.parse(JSON.stringify(all)).length + fibonacci(22);
}
let sum = 0;
while (process.cpuUsage().user < 5e6) sum += round(5000);
JS
}

@test "heavy unwind: Node, the one that is installed" {
  need node
  node --version
  work_js >work.js
  walk node node work.js
}

@test "heavy unwind: Node, whose interpreter's frames are generated code, too" {
  need node
  work_js >work.js
  walk node node --interpreted-frames-native-stack work.js
}

@test "heavy unwind: Node, Debian's own" {
  (cd "$top" && scripts/make-root.sh bookworm base-files base-passwd nodejs) ||
    skip "no nodejs from Debian's archive"
  root=$top/build/root-bookworm
  chroot "$root" /usr/bin/node --version
  work_js >"$root/tmp/work.js"
  walk node chroot "$root" /usr/bin/node /tmp/work.js
}

@test "heavy unwind: g++" {
  need g++
  g++ --version | head -n 1
  cat >work.cpp <<'CPP'
#include <functional>
#include <iostream>
#include <map>
#include <regex>
int main() {
  std::map<std::string, std::function<int()>> table;
  table["a"] = [] { return std::regex_match("a1", std::regex("[a-z][0-9]")); };
  return table["a"]();
}
CPP
  walk cc1plus sh -c 'for i in 1 2 3; do g++ -O2 -c -o work.o work.cpp; done'
}

@test "heavy unwind: Go, with goroutines and a map that grows" {
  need go
  go version
  cat >main.go <<'GO'
package main

import (
	"fmt"
	"sort"
	"time"
)

func fill(n int) int {
	table := map[int]string{}
	for i := 0; i < n; i++ {
		table[i*7919%20011] = fmt.Sprint(i)
	}
	keys := []int{}
	for key := range table {
		keys = append(keys, key)
	}
	sort.Slice(keys, func(a, b int) bool { return keys[a] < keys[b] })
	return len(keys)
}

func main() {
	done := make(chan int)
	for i := 0; i < 4; i++ {
		go func() {
			sum := 0
			for end := time.Now().Add(4 * time.Second); time.Now().Before(end); {
				sum += fill(3000)
			}
			done <- sum
		}()
	}
	for i := 0; i < 4; i++ {
		<-done
	}
}
GO
  GOCACHE=$PWD/cache GO111MODULE=off go build -o gowork main.go
  walk gowork ./gowork
}

@test "heavy unwind: Rust, with panics that are caught" {
  need rustc
  rustc --version
  cat >main.rs <<'RS'
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

#[inline(never)]
fn fails(n: u64) -> u64 {
    if n % 3 == 0 { std::panic::panic_any(n) } else { n }
}

#[inline(never)]
fn round(n: u64) -> usize {
    let mut table = BTreeMap::new();
    for i in 0..n {
        let value = std::panic::catch_unwind(|| fails(i)).unwrap_or(0);
        table.insert(i * 7919 % 20011, format!("{}", value));
    }
    table.len()
}

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    let start = Instant::now();
    let mut sum = 0;
    while start.elapsed() < Duration::from_secs(5) { sum += round(500); }
    println!("{}", sum);
}
RS
  rustc -O -o rustwork main.rs
  cpuprof -q -F 499 -o out.json -- ./rustwork >command.out
  clean_ledger
  # libgcc writes the handler's registers over those that are saved in its frame
  # (uw_install_context_1), and is there for 2 % of this program's time. perf's
  # copies end in the same place.
  whole rustwork \
    --leave-out '\[stack memory not readable\];(__rustc::)?rust_panic;_Unwind_RaiseException;'
}

@test "heavy unwind: Java with frame pointers in its code" {
  need javac
  java -version 2>&1 | head -n 1
  cat >Work.java <<'JAVA'
import java.util.*;

public class Work {
  static int round(int size) {
    Map<Integer, String> table = new TreeMap<>();
    for (int i = 0; i < size; ++i) table.put(i * 7919 % 20011, "n" + i);
    List<String> all = new ArrayList<>(table.values());
    Collections.sort(all, (a, b) -> b.compareTo(a));
    return all.size();
  }

  public static void main(String[] arguments) {
    long end = System.nanoTime() + 6_000_000_000L, sum = 0;
    while (System.nanoTime() < end) sum += round(3000);
    System.out.println(sum);
  }
}
JAVA
  javac Work.java
  walk java java -XX:+PreserveFramePointer -cp . Work
}

@test "heavy unwind: PostgreSQL under pgbench" {
  new_postgres
  start_postgres -c listen_addresses=
  local bench=("$server/pgbench" -h "$postgres_data" postgres)
  as_postgres "${bench[@]}" -q -i -s 2 2>bench.log
  background as_postgres "${bench[@]}" -c 4 -T 600 >bench.out 2>&1
  cpuprof -q -F 499 -d 8s -o out.json
  clean_ledger
  whole postgres
}

@test "heavy unwind: Redis under redis-benchmark" {
  need redis-benchmark
  # One file is server and checker; its name says which.
  ln -s "$(command -v redis-check-rdb)" redis-server
  ./redis-server --version
  background ./redis-server --port 0 --unixsocket "$PWD/socket" --save '' >redis.log
  until_true test -S socket
  background redis-benchmark -s "$PWD/socket" -q -l -t set,get,lpush,sadd,zadd,hset >bench.log 2>&1
  cpuprof -q -F 499 -d 8s -o out.json
  clean_ledger
  whole redis-server
}

maps() { bpftool map show -j | jq length; }
has_maps() { [ "$(maps)" -eq "$1" ]; }

@test "heavy unwind: 64 threads, 2,000 samples a second, a minute of loading and unloading" {
  need bpftool
  before=$(maps)
  mkdir libraries
  for number in {0..15}; do
    cp "$workloads/swap_a.so" "libraries/swap_a.$number.so"
    cp "$workloads/swap_b.so" "libraries/swap_b.$number.so"
  done
  background "$workloads/random_chains" 64 100000000 libraries >truth
  until_true grep -q swapped_work truth
  cpuprof -q -F $(((2000 + $(nproc) - 1) / $(nproc))) -d 60s -p "$last" -o out.json
  clean_ledger
  # No wrong frame is allowed; of those that are loading a library just now, not
  # every stack is whole.
  whole random_chains --truth truth --least 85 --samples 50000
  # The kernel frees a map a grace period after its last user.
  until_true has_maps "$before"
}
