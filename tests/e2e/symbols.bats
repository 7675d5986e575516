#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # bats: variables of the helpers
# Names of frames: generated code, inlined calls, lines, separate debug files,
# other languages' programs.

load helpers
setup() { e2e_setup; }
teardown() { e2e_teardown; }

need() { command -v "$1" >/dev/null || skip "no $1"; }

fibonacci_js() {
  cat <<'JS'
function fibonacci(n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
const end = process.cpuUsage().user + 1500000;
let sum = 0;
while (process.cpuUsage().user < end) sum += fibonacci(20);
JS
}

@test "node: generated code by its perf map, and by its jitdump" {
  need node
  fibonacci_js >fibonacci.js
  for way in --perf-basic-prof --perf-prof; do
    cpuprof -q -F 999 -o out.json -- node $way fibonacci.js
    rm -f /tmp/perf-"$(records 'select(.process == "node").pid' out.json | head -n 1)".map
    named=$(samples '.frames | any(.object == "[jit]" and (.name | . != null and contains("fibonacci")))' out.json)
    generated=$(samples '.frames[-1].object == "[jit]"' out.json)
    echo "$way: $named with the function, $generated in generated code"
    [ "$named" -gt 500 ]
    holds "named > generated * 0.9" named="$named" generated="$generated"
  done
}

@test "node without a map: generated code that says what is missing" {
  need node
  fibonacci_js >fibonacci.js
  cpuprof -q -F 999 -o out.json -- node fibonacci.js
  [ "$(samples '.frames[-1] | .object == "[jit]" and .name == null and (.name_reason | contains("perf map"))' out.json)" -gt 300 ]
  cpuprof -q -F 999 -f -- node fibonacci.js | grep -q '\[jit: [^;]*perf map\]_\[j\]'
}

@test "--inline and --line: each call and its place, in every format" {
  inlining_c >code.c
  gcc -O2 -g -fno-omit-frame-pointer -o code code.c
  cpuprof -q -F 999 --inline --line -o out.json -o out.folded -o out.txt -- ./code
  [ "$(samples '[.frames[] | select(.object == "code") | [.name, .inlined, .line]] | .[-3:] == [["outer", false, 5], ["middle", true, 4], ["inner", true, 3]]' out.json)" -gt 200 ]
  grep -q ';outer:code.c:5;middle:code.c:4_\[i\];inner:code.c:3_\[i\]' out.folded
  grep -q 'inner (inlined) code.c:3' out.txt
  cpuprof -q -F 999 -f -- ./code >plain.folded
  [ "$(grep -c 'middle\|code\.c' plain.folded)" -eq 0 ]
}

@test "debug information that is corrupt is told once, and where it is missing" {
  inlining_c >code.c
  gcc -O2 -g -fno-omit-frame-pointer -o code code.c
  # Nothing but the sections' bytes is bent.
  python3 - <<'PY'
import re, subprocess
text = subprocess.run(["readelf", "-SW", "code"], capture_output=True,
                      text=True, check=True).stdout
data = bytearray(open("code", "rb").read())
for row in re.finditer(r"\.debug_(?:info|line|abbrev)\s+\S+\s+\w+\s+(\w+)\s+(\w+)", text):
    at, size = int(row[1], 16), int(row[2], 16)
    data[at:at + size] = b"\xff" * size
open("code", "wb").write(data)
PY
  cpuprof -F 999 --line -o out.json -- ./code 2>err
  [ "$(samples '.frames[-1] | .object == "code" and .name != null and .file_reason == "corrupt debug information" and .line_reason == .file_reason' out.json)" -gt 200 ]
  [ "$(grep -c '^cpuprof: code: corrupt debug information$' err)" -eq 1 ]
}

@test "a stripped program, named by its debug file beside it" {
  inlining_c >code.c
  gcc -O2 -g -fno-omit-frame-pointer -o code code.c
  mkdir .debug
  objcopy --only-keep-debug code .debug/code.debug
  objcopy --strip-all --add-gnu-debuglink=.debug/code.debug code
  cpuprof -q -F 999 --inline -o out.json -- ./code
  [ "$(samples '.frames | map(.name) | contains(["outer", "middle", "inner"])' out.json)" -gt 200 ]
  # Another build's debug file is not believed.
  inlining_c | sed s/outer/wrong/ >other.c
  gcc -O2 -g -fno-omit-frame-pointer -o other other.c
  objcopy --only-keep-debug other .debug/code.debug
  cpuprof -q -F 999 -o out.json -- ./code
  [ "$(samples '.frames | any(.name == "wrong")' out.json)" -eq 0 ]
  [ "$(samples '.frames[-1] | .object == "code" and .name_reason == "stripped, debug file of another build"' out.json)" -gt 200 ]
}

@test "--no-demangle: names as the linker has them" {
  cat >code.cpp <<'CPP'
namespace shop { struct Cart { __attribute__((noinline)) void total(int n) { for (int i = 0; i < n; ++i) sum = sum * 31 + i; } volatile unsigned long sum; }; }
int main() { shop::Cart cart{}; for (int i = 0; i < 2000; ++i) cart.total(100000); }
CPP
  g++ -O2 -fno-omit-frame-pointer -o code code.cpp
  cpuprof -q -F 999 -f -- ./code | grep -q ';shop::Cart::total '
  cpuprof -q -F 999 -f --no-demangle -- ./code | grep -q ';_ZN4shop4Cart5totalEi '
}

@test "Go: stacks and names, also of a stripped program" {
  need go
  cat >main.go <<'GO'
package main

import "fmt"

//go:noinline
func churn(n int) (sum int) {
	for i := 0; i < n; i++ {
		sum = sum*31 + i
	}
	return sum
}

func main() {
	sum := 0
	for i := 0; i < 4000; i++ {
		sum += churn(100000)
	}
	fmt.Println(sum)
}
GO
  export HOME=$PWD GO111MODULE=off GOFLAGS=
  for flags in '' '-s -w'; do
    go build -ldflags="$flags" -o code main.go
    cpuprof -q -F 999 -o out.json -- ./code
    [ "$(samples '.frames | map(.name) | contains(["runtime.main", "main.churn"])' out.json)" -gt 200 ]
  done
}

@test "Rust: names without their hash" {
  need rustc
  cat >main.rs <<'RUST'
mod shop {
    #[inline(never)]
    pub fn total(n: u64) -> u64 {
        (0..n).fold(0u64, |sum, i| std::hint::black_box(sum.wrapping_mul(31) + i))
    }
}
fn main() {
    println!("{}", (0..3000).map(|_| shop::total(100_000) & 1).sum::<u64>());
}
RUST
  rustc -O -C force-frame-pointers=yes -o code main.rs
  cpuprof -q -F 999 -f -- ./code | grep -q ';main::shop::total '
}

# Whoever connects to that port waits for ever.
silent_server() {
  cat <<'PY'
import signal, socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
signal.pause()
PY
}

@test "a debuginfod server that does not answer: the report waits, sampling does not" {
  need python3
  inlining_c >code.c
  gcc -O2 -fno-omit-frame-pointer -Wl,--build-id -s -o code code.c
  silent_server >server.py
  background python3 server.py >port
  until_true test -s port
  background sh -c 'while ./code; do :; done'
  DEBUGINFOD_URLS=http://127.0.0.1:$(<port)
  export DEBUGINFOD_URLS no_proxy=127.0.0.1
  export DEBUGINFOD_CACHE_PATH=$PWD/cache
  from=$EPOCHREALTIME
  cpuprof -q -F 199 -d 1s --debuginfod 3s -o out.json || { [ $? -eq 4 ] && skip "no libdebuginfod.so.1"; false; }
  took=$(awk -v from="$from" -v to="$EPOCHREALTIME" 'BEGIN { print to - from }')
  duration=$(records 'select(.type == "end").duration_ns' out.json)
  echo "measured $duration ns, took $took s"
  holds "duration < 2e9 && took > 3" duration="$duration" took="$took"
  check_ledger out.json table_full skipped
  [ "$(samples '.frames[-1] | .object == "code" and .name_reason == "debuginfod gave no answer"' out.json)" -gt 50 ]
}
