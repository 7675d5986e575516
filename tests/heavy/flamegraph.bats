#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # bats: variables of the helpers
# What Brendan Gregg's flamegraph.pl and difffolded.pl make of collapsed stacks.
# No package has them; unit tests check their grammar (folded_test.cpp).

load ../e2e/helpers
setup() { e2e_setup; }
teardown() { e2e_teardown; }

need() { command -v "$1" >/dev/null || skip "no $1 in PATH"; }

@test "heavy flamegraph.pl: draws every frame, with its samples" {
  need flamegraph.pl
  cpuprof -q -F 999 -o a.folded -- sh -c "'$workloads/spin' 0.5 & '$workloads/syscalls' 0.5; wait"
  flamegraph.pl --minwidth 0 a.folded >a.svg 2>err
  [ ! -s err ]
  python3 - <<'PY'
import collections, html, re
drawn = collections.Counter()
for name, count in re.findall(r"<title>(.*?) \(([\d,]+) samples?, [\d.]+%\)</title>",
                              open("a.svg", errors="replace").read()):
    drawn[html.unescape(name)] += int(count.replace(",", ""))
nodes = collections.Counter()
for line in open("a.folded", errors="replace"):
    stack, count = line.rstrip("\n").rsplit(" ", 1)
    frames = stack.split(";")
    for depth in range(len(frames)):
        nodes[tuple(frames[:depth + 1])] += int(count)
wanted = collections.Counter()
for path, count in nodes.items():
    wanted[re.sub(r"_\[[kwij]\]$", "", path[-1])] += count
del drawn["all"]
assert len(wanted) > 20 and drawn == wanted, drawn - wanted or wanted - drawn
PY
}

@test "heavy flamegraph.pl: --diff writes what difffolded.pl does" {
  need flamegraph.pl
  need difffolded.pl
  cpuprof -q -F 999 -o a.folded -- "$workloads/spin" 0.5
  cpuprof -q -F 999 -o b.folded -- "$workloads/syscalls" 1
  cpuprof --diff a.folded b.folded -o ours.folded
  difffolded.pl -n a.folded b.folded >theirs.folded
  python3 - <<'PY'
def read(path):
    return {stack: (float(before), float(after)) for stack, before, after in
            (line.rstrip("\n").rsplit(" ", 2) for line in open(path, errors="replace"))}
ours, theirs = read("ours.folded"), read("theirs.folded")
assert len(ours) > 10 and ours.keys() == theirs.keys()
# Theirs are cut to whole samples.
assert all(abs(ours[key][side] - theirs[key][side]) <= 1 for key in ours for side in (0, 1))
PY
  flamegraph.pl ours.folded >diff.svg 2>err
  [ ! -s err ]
  grep -q '<title>' diff.svg
}
