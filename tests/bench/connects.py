#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what tcpconnect costs those that connect, and everybody else: a storm
of connections on loopback by itself and beside tcpconnect and its peers, in turn;
a system call; the tool's own memory and start. scripts/bench.sh calls it."""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from execs import Report, beside, system_call_ns

ROUNDS = 5
COUNT = 30000  # connections of each of two processes

# What the issue allows: slower by percent; and what the tool is to take: MiB of
# kernel memory, MiB resident, milliseconds from its start to the first row.
MOST_SLOWER, MOST_MAPS, MOST_RSS, MOST_START = 10, 8, 24, 80

BPFTRACE = "kprobe:tcp_v4_connect { @[tid] = nsecs; } " \
    "kretprobe:tcp_v4_connect { printf(\"%d %s %d\\n\", pid, comm, retval); }"


def storm():
    """Seconds that two processes take for COUNT connections each."""
    out = subprocess.run(["connects", "storm", str(COUNT), "2"], check=True,
                         stdout=subprocess.PIPE)
    return int(out.stdout) / 1e9


def runs(command):
    """Whether a peer starts at all: most need kprobes."""
    tool = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    time.sleep(3)
    if tool.poll() is not None:
        return False
    tool.terminate()
    tool.wait()
    return True


def tools_beside(folder):
    """What is compared: its command, and whether it is ours."""
    ours = "tcpconnect"
    tools = {
        ours: ([ours, "-q", "-o", os.path.join(folder, "a.txt")], True),
        f"{ours} -j": ([ours, "-q", "-j", "-o",
                        os.path.join(folder, "out.json")], True),
        f"{ours} --summary": ([ours, "-q", "--summary"], True),
        f"{ours} -x": ([ours, "-q", "-x"], True)}
    peers = {"libbpf-tools": ["/usr/sbin/tcpconnect"],
             "bpftrace": ["bpftrace", "-e", BPFTRACE]}
    for name, command in peers.items():
        if shutil.which(command[0]) and runs(command):
            tools[name] = (command, False)
        else:
            print(f"{name} does not run on this kernel")
    return tools


def bench_storm(report, folder):
    tools = tools_beside(folder)
    alone, times, rss = [], {name: [] for name in tools}, {}
    for _ in range(ROUNDS):
        alone.append(storm())
        for name, (command, ours) in tools.items():
            seconds, rss[name] = beside(command, storm, ours)
            times[name].append(seconds)
    base = statistics.median(alone)
    print(f"\n{2 * COUNT} connections from two processes: "
          f"{2 * COUNT / base:.0f} a second by themselves, medians of {ROUNDS}")
    for name, (_, ours) in tools.items():
        slower = 100 * (statistics.median(times[name]) / base - 1)
        report.line(f"slower beside {name}", slower, "%",
                    MOST_SLOWER if ours else None)
    report.line("resident memory of tcpconnect", rss["tcpconnect"], "MiB",
                MOST_RSS)
    with open(os.path.join(folder, "out.json")) as file:
        end = json.loads(file.readlines()[-1])
    ledger = end["ledger"]
    lost = ledger["event_ring_full"] + ledger["attempts_full"]
    report.line("lost", lost + max(0, 2 * COUNT - end["established"]), "", 0)


def bench_system_calls(report):
    print("\nWhat every system call of the machine pays")
    alone = system_call_ns()
    with_tool, _ = beside(["tcpconnect", "-q"], system_call_ns)
    report.line("beside tcpconnect", with_tool - alone, "ns")


def first_row_ms():
    """From the start of the tool to the first row of the command's."""
    begin = time.monotonic()
    tool = subprocess.Popen(["tcpconnect", "-q", "--", "connects", "refused",
                             "1"], stdout=subprocess.PIPE, text=True)
    for line in tool.stdout:
        if "refused" in line:
            break
    took = 1000 * (time.monotonic() - begin)
    tool.communicate()
    return took


def bench_start(report):
    log = subprocess.run(["tcpconnect", "-v", "--", "true"],
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                         text=True).stderr
    size, unit = re.search(r"maps take ([0-9.]+) ([KM])iB", log).groups()
    print("\nThe tool itself")
    report.line("kernel memory", float(size) / (1024 if unit == "K" else 1),
                "MiB", MOST_MAPS)
    report.line("from its start to the first row",
                statistics.median(first_row_ms() for _ in range(20)), "ms",
                MOST_START)


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
