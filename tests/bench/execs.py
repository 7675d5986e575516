#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what execsnoop costs those that start programs, and everybody else:
a storm of 20,000 programs by itself and beside execsnoop and its peers, in turn;
a system call; the tool's own memory and start. scripts/bench.sh calls it."""

import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 5
COUNT = 10000  # programs of each of two processes

# What the issue allows: slower by percent, MiB of kernel memory, MiB resident,
# milliseconds from the start to the first row.
MOST_SLOWER, MOST_MAPS, MOST_RSS, MOST_START = 10, 4, 12, 40


def storm():
    """Seconds that two processes take to start COUNT programs each."""
    out = subprocess.run(["execs", "storm", str(COUNT), "2"], check=True,
                         stdout=subprocess.PIPE)
    return int(out.stdout) / 1e9


def wait_until_ready(tool, ready):
    """Ours say so; of the others the title is the sign that they run."""
    if ready is not None:
        os.read(ready, 1)
    else:
        time.sleep(2)
    if tool.poll() is not None:
        sys.exit(f"bench: {tool.args[0]} has ended")


def resident_mib(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"VmHWM:\s+(\d+)", file.read())[1]) / 1024


def beside(command, body, ours=True):
    """Runs body while the tool watches. Returns its result and the tool's RSS."""
    read, write = os.pipe()
    extra = ["--ready-fd", str(write)] if ours else []
    tool = subprocess.Popen(command + extra, pass_fds=[write],
                            stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    os.close(write)
    wait_until_ready(tool, read if ours else None)
    try:
        result = body()
    finally:
        rss = resident_mib(tool.pid)
        tool.send_signal(signal.SIGINT)
        tool.wait()
        os.close(read)
    return result, rss


class Report:
    def __init__(self):
        self.over = []

    def line(self, name, value, unit, limit=None):
        met = limit is None or value <= limit
        verdict = "" if limit is None else f"limit {limit}  " + (
            "met" if met else "OVER")
        print(f"  {name:<34}{value:>9.1f} {unit:<6}{verdict}")
        if not met:
            self.over.append(name)


def bench_storm(report, folder):
    out = os.path.join(folder, "out.json")
    tools = {
        "execsnoop": (["execsnoop", "-q", "-o", os.path.join(folder, "a.txt")],
                      True),
        "execsnoop -j": (["execsnoop", "-q", "-j", "-o", out], True),
        "execsnoop --summary": (["execsnoop", "-q", "--summary"], True)}
    peer = "/usr/sbin/execsnoop"  # of libbpf-tools, where it is installed
    if os.path.exists(peer):
        tools["libbpf-tools"] = ([peer], False)
    if shutil.which("bpftrace"):
        tools["bpftrace"] = (["bpftrace", "-e", "tracepoint:syscalls:"
                              "sys_enter_execve { join(args->argv); }"], False)
    alone, times, rss = [], {name: [] for name in tools}, {}
    for _ in range(ROUNDS):
        alone.append(storm())
        for name, (command, ours) in tools.items():
            seconds, rss[name] = beside(command, storm, ours)
            times[name].append(seconds)
    base = statistics.median(alone)
    print(f"\n{2 * COUNT} programs from two processes: {2 * COUNT / base:.0f} "
          f"a second by themselves, medians of {ROUNDS}")
    for name, (_, ours) in tools.items():
        slower = 100 * (statistics.median(times[name]) / base - 1)
        report.line(f"slower beside {name}", slower, "%",
                    MOST_SLOWER if ours else None)
    report.line("resident memory of execsnoop", rss["execsnoop"], "MiB",
                MOST_RSS)
    with open(out) as file:
        ledger = [json.loads(line) for line in file][-1]["ledger"]
    lost = ledger["event_ring_full"] + ledger["scratch_full"]
    report.line("lost", lost, "", 0)


def system_call_ns():
    """The fastest of some turns of a system call that does next to nothing."""
    best = float("inf")
    for _ in range(7):
        begin = time.perf_counter_ns()
        for _ in range(100000):
            os.getppid()
        best = min(best, time.perf_counter_ns() - begin)
    return best / 100000


def bench_system_calls(report):
    print("\nWhat every system call of the machine pays")
    alone = system_call_ns()
    for options in ([], ["--no-failed"]):
        name = " ".join(["execsnoop", *options])
        with_tool, _ = beside(["execsnoop", "-q", *options], system_call_ns)
        report.line(f"beside {name}", with_tool - alone, "ns")


def bench_start(report):
    log = subprocess.run(["execsnoop", "-v", "-l", "-a", "--", "true"],
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                         text=True).stderr
    size, unit = re.search(r"maps take ([0-9.]+) ([KM])iB", log).groups()
    print("\nThe tool itself")
    report.line("kernel memory", float(size) / (1024 if unit == "K" else 1),
                "MiB", MOST_MAPS)
    starts = []
    for _ in range(20):
        begin = time.monotonic()
        tool = subprocess.Popen(["execsnoop", "-q", "--", "true"],
                                stdout=subprocess.PIPE)
        tool.stdout.readline()
        tool.stdout.readline()
        starts.append(1000 * (time.monotonic() - begin))
        tool.communicate()
    report.line("from its start to the first row", statistics.median(starts),
                "ms", MOST_START)


def main():
    if os.geteuid() != 0:
        sys.exit("bench: needs root")
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        bench_start(report)
        bench_storm(report, folder)
        bench_system_calls(report)
    if report.over:
        print("\nOver the limit:", *report.over, sep="\n  ")
    if "--assert" in sys.argv[1:] and report.over:
        sys.exit(1)


if __name__ == "__main__":
    main()
