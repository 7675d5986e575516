#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures how long names take: 20,000 addresses of a big library that has a
symbol table and no DWARF, each program cold, in turn with its peers."""

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile

from bench import Report, measure

LIBRARY = "/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1"
ADDRESSES = 20_000
# The others need seconds for a run.
RUNS, SLOW_RUNS = 21, 1


def functions(library):
    """Where the functions begin that the dynamic symbol table names."""
    table = subprocess.run(["nm", "-DS", "--defined-only", library],
                           stdout=subprocess.PIPE, text=True, check=True)
    rows = (line.split() for line in table.stdout.splitlines())
    return sorted({int(row[0], 16) + int(row[1], 16) // 2
                   for row in rows if len(row) == 4 and row[2] in "TtWwi"})


def programs(library):
    llvm = next((name for name in ("llvm-symbolizer-14", "llvm-symbolizer")
                 if shutil.which(name)), "llvm-symbolizer")
    commands = {
        "ours": (["symbolize", library], RUNS),
        "llvm-symbolizer": ([llvm, "--no-inlines", "--obj=" + library], RUNS),
        "addr2line": (["addr2line", "-fC", "-e", library], SLOW_RUNS),
        "eu-addr2line": (["eu-addr2line", "-fC", "-e", library], SLOW_RUNS)}
    return {name: command for name, command in commands.items()
            if shutil.which(command[0][0])}


def bench_names(report, library, addresses):
    commands = programs(library)
    found = {name: [] for name in commands}
    for turn in range(RUNS):
        for name, (command, runs) in commands.items():
            if turn < runs:
                found[name].append(measure(command, stdin=addresses))
    title = f"{ADDRESSES:,} addresses of {os.path.basename(library)}"
    wall = {name: statistics.median(row["wall_ms"] for row in rows)
            for name, rows in found.items()}
    report.section(f"{title}: wall time")
    for name, rows in found.items():
        report.row(name, [row["wall_ms"] for row in rows], "ms",
                   wall.get("llvm-symbolizer", 0) / 2 if name == "ours" and
                   "llvm-symbolizer" in wall else None)
    report.section("The same runs: CPU time")
    for name, rows in found.items():
        report.row(name, [row["cpu_ms"] for row in rows], "ms")
    report.section("The same runs: peak resident memory")
    for name, rows in found.items():
        report.row(name, [row["rss_kib"] / 1024 for row in rows], "MiB")
    for name, median in wall.items():
        if name != "ours":
            print(f"  wall time, {name} / ours: {median / wall['ours']:.1f}")


def main():
    if not os.path.exists(LIBRARY):
        print(f"symbols_bench: skipped, no {LIBRARY}")
        return
    report = Report()
    with tempfile.NamedTemporaryFile("w") as addresses:
        places = functions(LIBRARY)
        chosen = random.Random(1).sample(places, min(ADDRESSES, len(places)))
        addresses.writelines(f"{place:#x}\n" for place in chosen)
        addresses.flush()
        bench_names(report, LIBRARY, addresses.name)
    if report.over:
        print("\nOver the limit:", *report.over, sep="\n  ")
    if "--assert" in sys.argv[1:] and report.over:
        sys.exit(1)


if __name__ == "__main__":
    main()
