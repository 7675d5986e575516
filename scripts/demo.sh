#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# demo.sh: cpuprof over a real load that it starts itself: a C++ compiler, a
# Python program and a pipe that keeps the kernel busy, side by side. The table
# comes to the terminal, two more formats into demo-output/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly seconds=10 out=demo-output
work=$(mktemp -d)
loads=()

# timeout puts a load into a process group of its own, passes our TERM on to all
# of it, and ends it even where this script is killed with no chance to.
start_load() {
  timeout --kill-after=1 120 "$@" <&- &>"$work/log" &
  loads+=($!)
}

end_loads() {
  ((!${#loads[@]})) || kill "${loads[@]}" 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap end_loads EXIT

cat >"$work/load.cpp" <<'CPP'
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <regex>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

int main() {
  std::map<std::string, std::vector<std::string>> words;
  std::unordered_map<std::string, std::function<int(int)>> table;
  std::regex pattern("([a-z]+)([0-9]*)");
  std::mt19937 random(1);
  for (std::string line; std::getline(std::cin, line);) {
    std::smatch match;
    if (std::regex_match(line, match, pattern))
      words[match[1]].push_back(match[2]);
    table[line] = [&](int value) { return value + int(random()); };
  }
  for (auto& [word, numbers] : words) {
    std::sort(numbers.begin(), numbers.end());
    std::ostringstream text;
    for (auto& number : numbers) text << number << ' ' << table[word](1);
    std::cout << word << ' ' << text.str() << '\n';
  }
}
CPP

cat >"$work/load.py" <<'PYTHON'
import json


def primes(limit):
    sieve = bytearray([1]) * limit
    for number in range(2, int(limit ** 0.5) + 1):
        if sieve[number]:
            for multiple in range(number * number, limit, number):
                sieve[multiple] = 0
    return sum(sieve[2:])


def documents(count):
    text = json.dumps([{"id": i, "name": str(i)} for i in range(count)])
    return sorted(json.loads(text), key=lambda entry: entry["name"])


def words(count):
    seen = {}
    for word in ("key%d" % (i % 997) for i in range(count)):
        seen[word] = seen.get(word, 0) + 1
    return seen


while True:
    primes(300000)
    documents(30000)
    words(100000)
PYTHON

# As another user than root only sudo makes this work; where there is none,
# cpuprof itself says what is missing.
as_root=()
if ((EUID != 0)) && command -v sudo >/dev/null; then
  if [[ -t 0 ]]; then
    sudo -v && as_root=(sudo)
  else
    sudo -n true 2>/dev/null && as_root=(sudo -n)
  fi
fi

mkdir -p "$out"
# shellcheck disable=SC2016 # the load's own shell expands it
start_load bash -c 'while g++ -O2 -o "$1.o" -c "$1"; do :; done' - \
  "$work/load.cpp"
start_load python3 "$work/load.py"
start_load bash -c 'dd if=/dev/zero bs=4k | dd of=/dev/null bs=4k'

echo "A compiler, a Python program and a busy pipe are running; cpuprof looks" \
  "at them for $seconds s."
status=0
"${as_root[@]}" build/bin/cpuprof -o - -o "$out/cpuprof.folded" \
  -o "$out/cpuprof.json" -o "$out/cpuprof.pb.gz" -o "$out/cpuprof.svg" \
  "$seconds" || status=$?
if ((status)); then
  ((EUID == 0)) || ((${#as_root[@]})) ||
    echo "There is no sudo to use here: run make demo as root." >&2
  exit "$status"
fi

cat <<TEXT

Written beside it:
  $out/cpuprof.folded   stacks, one a line
  $out/cpuprof.json     the whole profile, one object a line
  $out/cpuprof.pb.gz    the same for pprof and speedscope
  $out/cpuprof.svg      a flame graph, for any browser

Next:
  jq 'select(.type == "end")' $out/cpuprof.json
  build/bin/cpuprof --from $out/cpuprof.json --by pid
  sudo build/bin/cpuprof 10        the same over what this machine does now
TEXT
