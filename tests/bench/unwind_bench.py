#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many user stacks are whole, and what that costs: perf by frame pointers,
perf by copies of the stack, and cpuprof, each in turn over the same programs.
scripts/bench.sh prepares and calls it.

    unwind_bench.py [--seconds N] [--rounds N] [--assert]"""

import argparse
import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

from bench import CPP, PYTHON, BpfStats, number

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import stacks  # noqa: E402  tests/stacks.py

RATE = 199

# What a stack may cost in BPF: 10 us one of 30 frames.
BPF_NS_STACK, BPF_FRAMES = 10_000, 30
# And the whole run, as a share of perf record with copies, and perf script.
MOST_CPU, MOST_BYTES = 1 / 10, 1 / 100
LEAST_WHOLE = 99

JAVASCRIPT = """
function fibonacci(n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
function round(size) {
  const all = Array.from({length: size}, (_, i) => ({id: i * 7919 % 20011}));
  all.sort((a, b) => a.id - b.id);
  return JSON.parse(JSON.stringify(all)).length + fibonacci(22);
}
for (let sum = 0; ;) sum += round(5000);
"""


class Program:
    """One of those that are measured, in an endless loop."""

    def __init__(self, title, names, command):
        self.title, self.names, self.command = title, names, command

    def __enter__(self):
        self._group = subprocess.Popen(
            ["nice", "-n", "19", *self.command], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        return self

    def __exit__(self, *_):
        os.killpg(self._group.pid, signal.SIGKILL)
        self._group.wait()


def programs(folder):
    source = os.path.join(folder, "load.cpp")
    with open(source, "w") as file:
        file.write(CPP)
    compile_it = 'while g++ -O2 -c -o "$0.o" "$0"; do :; done'
    found = [
        Program("C, qsort", {"sorting"}, ["sorting", "100000000"]),
        Program(f"CPython {version('python3')}", {"python3"},
                ["python3", "-c", PYTHON]),
        Program(f"Node {version('node')}", {"node"},
                ["node", "-e", JAVASCRIPT]),
        Program(f"g++ {version('g++', '-dumpfullversion')}", {"cc1plus", "as"},
                ["bash", "-c", compile_it, source])]
    return [program for program in found if shutil.which(
        "g++" if program.command[0] == "bash" else program.command[0])]


def version(program, option="--version"):
    if not shutil.which(program):
        return "absent"
    text = subprocess.run([program, option], capture_output=True, text=True)
    return text.stdout.split()[-1].lstrip("v")


class Run:
    """One run of a tool: what it kept, and what it took."""

    def __init__(self, profile, kept_bytes, cpu_s):
        self.profile, self.kept_bytes, self.cpu_s = profile, kept_bytes, cpu_s

    def stacks(self):
        with open(self.profile, errors="replace") as file:
            return [stack for stack in stacks.read(file)
                    if stacks.has_user_stack(stack)]

    def samples(self):
        if self.profile.endswith(".pb.gz"):
            text = subprocess.run(
                ["go", "tool", "pprof", "-sample_index=samples", "-top",
                 self.profile], capture_output=True, text=True).stdout
            total = re.search(r"Showing nodes accounting for .* of (\d+) total",
                              text)
            return int(total[1]) if total else 0
        if not self.profile.endswith(".folded"):
            return sum(stack.count for stack in self.stacks())
        with open(self.profile, errors="replace") as file:
            return sum(int(line.rsplit(" ", 1)[1]) for line in file)

    def whole(self, names):
        """The share of these processes' stacks."""
        return stacks.whole_share(
            [stack for stack in self.stacks()
             if stack.process in names and stacks.user_frames(stack)],
            stacks.FIRST_FUNCTIONS)


def run(command, out=subprocess.DEVNULL):
    """What a command and its children took, in seconds of CPU."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out,
                          stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)}: {done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime +
            after.ru_stime - before.ru_stime)


def perf(folder, seconds, graph):
    data = os.path.join(folder, "perf.data")
    text = os.path.join(folder, "perf.txt")
    took = run(["perf", "record", "-q", "-a", "-F", str(RATE), "-e",
                "cpu-clock", "--call-graph", graph, "-o", data, "--", "sleep",
                str(seconds)])
    with open(text, "w") as out:
        took += run(["perf", "script", "-i", data, "--no-inline", "-F",
                     stacks.PERF_FIELDS], out)
    found = Run(text, os.path.getsize(data), took)
    os.remove(data)
    return found


def ours(folder, seconds, form="json"):
    out = os.path.join(folder, f"out.{form}")
    took = run(["cpuprof", "-q", "-F", str(RATE), "-d", f"{seconds}s", "-o",
                out])
    return Run(out, os.path.getsize(out), took)


PERF = {
    "perf, frame pointers": lambda *where: perf(*where, "fp"),
    "perf, stack copies": lambda *where: perf(*where, "dwarf,16384"),
}
# JSON has what tells whether a stack is whole. What people keep is what
# flamegraph.pl takes, or what holds everything, as perf.data does.
WAYS = PERF | {"cpuprof": ours}
WAYS_TO_KEEP = PERF | {
    "cpuprof, folded": lambda *where: ours(*where, "folded"),
    "cpuprof, pprof": lambda *where: ours(*where, "pb.gz")}
COPIES = "perf, stack copies"


class Verdicts:
    def __init__(self):
        self.over = []

    def judge(self, name, value, limit, unit, at_least=False):
        met = value >= limit if at_least else value <= limit
        print(f"  {name}: {number(value)} {unit}, "
              f"{'at least' if at_least else 'at most'} {number(limit)}: "
              f"{'met' if met else 'OVER'}", flush=True)
        if not met:
            self.over.append(name)


def bench_whole(folder, seconds, rounds, verdicts):
    """The table of README: the share of stacks that reach a thread's root."""
    print(f"\nUser stacks that reach a thread's root, %, medians of {rounds} "
          f"runs of {seconds} s at {RATE} Hz")
    print(f"  {'':<20}" + "".join(f"{way:>22}" for way in WAYS))
    for program in programs(folder):
        cells, missing = [], None
        with program:
            for way, measure in WAYS.items():
                shares = [measure(folder, seconds).whole(program.names)
                          for _ in range(rounds)]
                cells.append(statistics.median(s.percent() for s in shares))
                missing = shares[-1]
        print(f"  {program.title:<20}" +
              "".join(f"{cell:>22.1f}" for cell in cells), flush=True)
        verdicts.judge(program.title, cells[-1], LEAST_WHOLE, "% whole", True)
        for what, count in missing.bad.most_common(3):
            print(f"    {count:6} not: {what}")


class AllPrograms:
    """The four at once."""

    def __init__(self, folder):
        self._programs = programs(folder)

    def __enter__(self):
        for program in self._programs:
            program.__enter__()

    def __exit__(self, *_):
        for program in self._programs:
            program.__exit__()


def bench_cost(folder, seconds, rounds, verdicts):
    """CPU time with loading and report, and what is kept."""
    runs = {way: [] for way in WAYS_TO_KEEP}
    samples_of = {way: [] for way in WAYS_TO_KEEP}
    with AllPrograms(folder):
        for _ in range(rounds):
            for way, measure in WAYS_TO_KEEP.items():
                runs[way].append(measure(folder, seconds))
                samples_of[way].append(runs[way][-1].samples())
    print(f"\nAll of them at once, the whole machine for {seconds} s at {RATE} "
          "Hz; perf record and perf script, cpuprof with everything")
    print(f"  {'':<24}{'CPU s':>8}{'bytes':>14}{'samples':>9}"
          f"{'bytes a sample':>16}")
    cpu, kept = {}, {}
    for way, found in runs.items():
        cpu[way] = statistics.median(run.cpu_s for run in found)
        kept[way] = statistics.median(run.kept_bytes for run in found)
        samples = statistics.median(samples_of[way])
        print(f"  {way:<24}{cpu[way]:>8.2f}{kept[way]:>14,.0f}{samples:>9.0f}"
              f"{kept[way] / max(samples, 1):>16,.0f}")
    for way in WAYS_TO_KEEP:
        if way in PERF:
            continue
        verdicts.judge(f"{way}: CPU of perf's", cpu[way] / cpu[COPIES],
                       MOST_CPU, "of it")
        verdicts.judge(f"{way}: bytes of perf's", kept[way] / kept[COPIES],
                       MOST_BYTES, "of them")


def programs_of(pid):
    """Run time and count of the BPF programs that a process holds."""
    ids = set()
    for name in os.listdir(f"/proc/{pid}/fdinfo"):
        with open(f"/proc/{pid}/fdinfo/{name}") as file:
            ids.update(int(line.split()[1]) for line in file
                       if line.startswith("prog_id"))
    listed = json.loads(subprocess.run(
        ["bpftool", "prog", "show", "-j"], capture_output=True, text=True,
        check=True).stdout)
    return [program for program in listed if program["id"] in ids]


def bench_bpf(folder, seconds, verdicts):
    """The time in BPF a sample, of a process with stacks of 30 frames."""
    out = os.path.join(folder, "deep.json")
    # The frames of the C library and of the clock make it 30.
    deep = subprocess.Popen(["deep", "25", "100000000"],
                            stdout=subprocess.DEVNULL)
    tool = subprocess.Popen(
        ["cpuprof", "-q", "-F", "999", "-p", str(deep.pid), "-o", out],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        with BpfStats():
            # At least the last third lies in the statistics.
            subprocess.run(["sleep", str(max(seconds, 3))], check=True)
            used = programs_of(tool.pid)
        tool.send_signal(signal.SIGINT)
        tool.wait()
    finally:
        for process in (tool, deep):
            process.kill()
            process.wait()
    print("\nBPF, samples of 30 frames")
    samples = max((p for p in used if p.get("run_cnt")),
                  key=lambda p: p["run_time_ns"], default=None)
    if samples is None:
        return print("  no statistics")
    with open(out) as file:
        depth = statistics.median(
            len(stacks.user_frames(stack)) for stack in stacks.read(file))
    verdicts.judge(
        f"{samples['name']}, {samples['run_cnt']} runs, {depth:.0f} frames",
        samples["run_time_ns"] / samples["run_cnt"], BPF_NS_STACK, "ns")
    if depth < BPF_FRAMES:
        verdicts.judge("frames found", depth, BPF_FRAMES, "frames", True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--assert", action="store_true", dest="judge")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench: needs root")
    print(f"Linux {os.uname().release}, {os.cpu_count()} CPUs, load average "
          f"{os.getloadavg()[0]:.2f} before")
    verdicts = Verdicts()
    with tempfile.TemporaryDirectory() as folder:
        bench_whole(folder, options.seconds, options.rounds, verdicts)
        bench_cost(folder, options.seconds, options.rounds, verdicts)
        bench_bpf(folder, options.seconds, verdicts)
    if verdicts.over:
        print("\nOver the limit:", *verdicts.over, sep="\n  ")
    sys.exit(1 if options.judge and verdicts.over else 0)


if __name__ == "__main__":
    main()
