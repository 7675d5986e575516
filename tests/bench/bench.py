#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures cpuprof, and its peers in turn with it, on one load: g++, clang and
a Python program in endless loops. scripts/bench.sh prepares and calls it.

The load has the lowest priority, so that what is measured is the tools and not
their wait for a CPU; it still takes every CPU in full."""

import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

BPF_STATS = "/proc/sys/kernel/bpf_stats_enabled"
CPUS = os.cpu_count()

# What the ledger counts as come in, or left out because it was asked to.
NO_LOSS = {"entered", "entered_idle", "idle", "self", "not_target",
           "not_matching"}

CPP = """
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <unordered_map>
#include <vector>
int main() {
  std::map<std::string, std::vector<std::string>> words;
  std::unordered_map<std::string, std::function<int(int)>> table;
  std::regex pattern("([a-z]+)([0-9]*)");
  for (std::string line; std::getline(std::cin, line);) {
    std::smatch match;
    if (std::regex_match(line, match, pattern))
      words[match[1]].push_back(match[2]);
    table[line] = [&](int value) { return value + int(words.size()); };
  }
  for (auto& [word, numbers] : words) std::sort(numbers.begin(), numbers.end());
  return table["a"](1);
}
"""

PYTHON = """
import json
while True:
    text = json.dumps([{"id": i, "name": str(i)} for i in range(30000)])
    sorted(json.loads(text), key=lambda entry: entry["name"])
    sum(i * i for i in range(300000))
"""


class Load:
    """Endless compilers and a Python program, each a process group."""

    def __init__(self, folder):
        source = os.path.join(folder, "load.cpp")
        with open(source, "w") as file:
            file.write(CPP)
        compile_it = 'while "$0" -O2 -c -o "$1.$0.o" "$1"; do :; done'
        self._groups = [
            self._start("bash", "-c", compile_it, "g++", source),
            self._start("bash", "-c", compile_it, clang(), source),
            self._start("python3", "-c", PYTHON)]

    def _start(self, *command):
        return subprocess.Popen(["nice", "-n", "19", *command],
                                stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL,
                                start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for group in self._groups:
            os.killpg(group.pid, signal.SIGKILL)
            group.wait()


def clang():
    return next((name for name in ("clang", "clang-14") if shutil.which(name)),
                "clang")


class BpfStats:
    """The kernel's clock on BPF programs; off again at the end if it was."""

    def __enter__(self):
        with open(BPF_STATS) as file:
            self._before = file.read()
        self._write("1")

    def __exit__(self, *_):
        self._write(self._before)

    def _write(self, value):
        with open(BPF_STATS, "w") as file:
            file.write(value)


class Report:
    """Prints a row for each figure, and remembers what was over its limit."""

    def __init__(self):
        self.over = []

    def section(self, title):
        self._title = title
        print(f"\n{title}\n  {'':<46}{'median':>8}  {'min - max':<15}"
              f"{'limit':>5}")

    def row(self, name, values, unit, limit=None):
        median = statistics.median(values)
        text = (f"  {f'{name}, {unit}':<46}{number(median):>8}  "
                f"{number(min(values)) + ' - ' + number(max(values)):<15}")
        if limit is not None:
            met = median <= limit
            text += f"{number(limit):>5}  {'met' if met else 'OVER'}"
            if not met:
                self.over.append(f"{self._title}: {name}")
        print(text.rstrip(), flush=True)
        return median


def number(value):
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def measure(command, window=(0, 0), stdin=os.devnull):
    """What tests/bench/measure.c says of one run, as a dictionary."""
    with tempfile.NamedTemporaryFile("r") as out, open(stdin) as given:
        run = subprocess.run(
            ["measure", out.name, *map(str, window), *command],
            stdin=given, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True)
        if run.returncode != 0:
            sys.exit(f"bench: {' '.join(command)}: status {run.returncode}\n"
                     f"{run.stderr}")
        found = {key: float(value) for key, value in
                 (line.split() for line in out)}
    found["stderr"] = run.stderr
    return found


def cpuprof(*arguments):
    return ["cpuprof", "--ready-fd", "3", "-o", "/dev/null", *arguments]


def one_second(folder):
    """The tools that see all CPUs for one second, with both stacks."""
    data = os.path.join(folder, "perf.data")
    tools = {
        "cpuprof": cpuprof("-q", "-d", "1s"),
        "cpuprof, folded": cpuprof("-q", "-f", "-d", "1s"),
        "bpftrace profile:hz:99": [
            "bpftrace", "-e", "profile:hz:99 { @[comm, pid, kstack, ustack] = "
            "count(); } interval:s:1 { exit(); }"],
        "perf record + perf script": [
            "sh", "-c", f"perf record -q -a -g -F 99 -e cpu-clock -o {data} "
            f"-- sleep 1 && perf script -i {data}"],
        # Its sibling profile is not in Debian's package.
        "offcputime (libbpf-tools)": ["offcputime", "1"]}
    return {name: command for name, command in tools.items()
            if shutil.which(command[2].split()[0] if command[0] == "sh"
                            else command[0])}


def bench_second(report, folder, runs=5):
    tools = one_second(folder)
    found = {name: [] for name in tools}
    for _ in range(runs):
        for name, command in tools.items():
            found[name].append(measure(command))

    report.section("A run of one second: its end, beyond that second")
    medians = {}
    for name, rows in found.items():
        medians[name] = report.row(
            name, [row["wall_ms"] - 1000 for row in rows], "ms",
            120 if name.startswith("cpuprof") else None)
    report.section("The same runs: CPU time")
    for name, rows in found.items():
        report.row(name, [row["cpu_ms"] for row in rows], "ms")
    report.section("The same runs: peak resident memory")
    for name, rows in found.items():
        report.row(name, [row["rss_kib"] / 1024 for row in rows], "MiB")
    for name, median in medians.items():
        if not name.startswith("cpuprof"):
            print(f"  beyond the second, {name} / cpuprof: "
                  f"{median / medians['cpuprof']:.1f}")


def bench_ready(report, where, limit=None, runs=15):
    rows = [measure(cpuprof("-q", "-d", "10ms")) for _ in range(runs)]
    report.section(f"From exec to ready, {where}")
    report.row("cpuprof", [row["ready_ms"] for row in rows], "ms", limit)


def bench_cost(report, runs=3, seconds=20):
    """What it costs while it measures, and how much memory it takes."""
    first, length = 2000, 1000 * (seconds - 3)
    with BpfStats():
        rows = [measure(cpuprof("-v", "-d", f"{seconds}s"), (first, length))
                for _ in range(runs)]
        peer = bpftrace_window(first, length)
    report.section(f"{seconds} s at 99 Hz with g++, clang and Python busy")
    report.row("cost while it measures", [share(row) for row in rows],
               "% of all CPUs", 0.3)
    if peer:
        report.row("bpftrace, the same", [share(peer)], "% of all CPUs")
    report.row("  of it BPF programs", [
        percent(row["bpf_ns"], row) for row in rows], "% of all CPUs")
    report.row("  of it the process", [
        percent(row["window_cpu_ns"], row) for row in rows],
        "% of all CPUs")
    report.row("start and report, once", [
        row["cpu_ms"] - row["window_cpu_ns"] / 1e6 for row in rows],
        "ms of CPU")
    report.row("BPF time a run of its program", [
        row["bpf_ns"] / max(row["bpf_runs"], 1) for row in rows], "ns")
    if peer:
        report.row("bpftrace, the same",
                   [peer["bpf_ns"] / max(peer["bpf_runs"], 1)], "ns")
    report.row("peak resident memory",
               [row["rss_kib"] / 1024 for row in rows], "MiB", 40)
    report.row("kernel memory of all maps",
               [mib(r"maps take", row["stderr"]) for row in rows], "MiB", 16)
    # With pieces of 4 MiB, said again at the end: the last is the largest.
    report.row("  beside it for unwinding",
               [mib("iB of", row["stderr"]) for row in rows],
               "MiB")


def bpftrace_window(first, length):
    if not shutil.which("bpftrace"):
        return None
    return measure(["bpftrace", "-e",
                    "profile:hz:99 { @[comm, pid, kstack, ustack] = count(); }"
                    f" interval:ms:{first + length + 1000} {{ exit(); }}"],
                   (first, length))


def percent(nanoseconds, row):
    return nanoseconds / (row["window_ms"] * 1e6 * CPUS) * 100


def share(row):
    return percent(row["bpf_ns"] + row["window_cpu_ns"], row)


def mib(before, log):
    """The last size that the log has behind these words."""
    size, unit = re.findall(before + r" ([0-9.]+) ([KM])iB", log)[-1]
    return float(size) / (1024 if unit == "K" else 1)


def bench_losses(report, folder, seconds=30):
    """2,000 samples a second over 64 threads: nothing missing, nothing cut."""
    out = os.path.join(folder, "losses.json")
    threads = subprocess.Popen(["threads", "64", str(1000 * seconds)],
                               stdout=subprocess.DEVNULL)
    try:
        measure(["cpuprof", "-q", "--ready-fd", "3", "-o", out,
                 "-p", str(threads.pid), "-F", str(-(-2000 // CPUS)),
                 "-d", f"{seconds}s"])
    finally:
        threads.kill()
        threads.wait()
    with open(out) as file:
        end = [json.loads(line) for line in file][-1]
    print(f"\n64 threads, {seconds} s, {end['samples']} samples: the ledger")
    lost = {name: count for name, count in end["ledger"].items()
            if name not in NO_LOSS and count}
    print("  all zero  met" if not lost else f"  {lost}  OVER")
    if lost:
        report.over.append("losses")


def main():
    if os.geteuid() != 0:
        sys.exit("bench: needs root")
    print(f"Linux {os.uname().release}, {CPUS} CPUs, load average "
          f"{os.getloadavg()[0]:.2f} before")
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        bench_ready(report, "CPUs idle", 200)
        with Load(folder):
            bench_ready(report, "all CPUs busy", 200)
            bench_second(report, folder)
            bench_cost(report)
        bench_losses(report, folder)
    if report.over:
        print("\nOver the limit:", *report.over, sep="\n  ")
    if "--assert" in sys.argv[1:] and report.over:
        sys.exit(1)


if __name__ == "__main__":
    main()
