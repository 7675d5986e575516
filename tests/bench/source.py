#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Inlined calls and lines of 10,000 addresses in a program with hundreds of
megabytes of DWARF: ours and its peers in turn, in one run. scripts/bench.sh
prepares and calls it."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile

from dwarf_program import ADDRESSES, COUNT, PROFILE, PROGRAM, prepare

ROUNDS = 3

# How often as long as llvm-symbolizer it may take.
MOST_OF_LLVM = 1.0

# perf takes minutes, and so has one round only. When its time is over, its row
# says how far it came and what it had used by then.
PERF_SECONDS = int(os.environ.get("BENCH_PERF_SECONDS", 600))
OUT_OF_TIME = 124


def filters():
    """Each reads the addresses from its input."""
    commands = {
        "sightline": ["source_of", PROGRAM],
        "llvm-symbolizer": ["llvm-symbolizer", "--inlines", "--no-demangle",
                            f"--obj={PROGRAM}"],
        "addr2line": ["addr2line", "-i", "-f", "-e", PROGRAM],
    }
    return {name: command for name, command in commands.items()
            if shutil.which(command[0])}


def perf_scripts(span):
    """perf cannot be asked for addresses: it gets the samples that they come
    from. What that takes without inlined calls and lines is the second row."""
    script = ["timeout", str(PERF_SECONDS), "perf", "script", "-i", PROFILE,
              "--dsos", os.path.basename(PROGRAM), "--time", span,
              "--max-stack", "1"]
    return {
        "perf script": [*script, "--inline", "-F", "ip,sym,srcline"],
        "perf, only names": [*script, "--no-inline", "-F", "ip,sym"],
    }


def measure(command):
    with (tempfile.NamedTemporaryFile("r") as out, open(ADDRESSES) as asked,
          tempfile.TemporaryFile("w+") as answers):
        run = subprocess.run(
            ["measure", out.name, "0", "0", *command], stdin=asked,
            stdout=answers, stderr=subprocess.PIPE, text=True)
        if run.returncode not in (0, OUT_OF_TIME):
            sys.exit(f"bench: {command[0]}: {run.stderr}")
        row = {key: float(value) for key, value in
               (line.split() for line in out)}
        if run.returncode == OUT_OF_TIME:
            row["answered"] = addresses_in(answers)
        return row


def addresses_in(answers):
    """How many addresses perf script has written a stack of."""
    answers.seek(0)
    return len({line.split()[0] for line in answers if line[0] == "\t"})


def main():
    span = prepare()
    peers = filters()
    rows = {name: [] for name in peers}
    for _ in range(ROUNDS):
        for name, command in peers.items():
            rows[name].append(measure(command))
    for name, command in perf_scripts(span).items():
        rows[name] = [measure(command)]
    report(rows, os.path.getsize(PROGRAM) >> 20)
    ours, llvm = (median(rows.get(name), "wall_ms")
                  for name in ("sightline", "llvm-symbolizer"))
    if ours > llvm * MOST_OF_LLVM:
        print("\nOver the limit: inlined calls, slower than llvm-symbolizer")
        if "--assert" in sys.argv[1:]:
            sys.exit(1)


def median(rows, key):
    return (statistics.median(row[key] for row in rows) if rows
            else float("inf"))


def report(rows, size):
    print(f"\nInlined calls and lines of {COUNT:,} sampled addresses, {size} "
          "MiB of program and DWARF")
    print(f"  {'':<20}{'wall, ms':>10}{'min - max':>18}{'CPU, ms':>10}"
          f"{'peak, MiB':>12}{'ratio':>8}")
    first = median(rows["sightline"], "wall_ms")
    for name, all_rows in rows.items():
        walls = [row["wall_ms"] for row in all_rows]
        wall = statistics.median(walls)
        print(f"  {name:<20}{wall:>10.0f}"
              f"{f'{min(walls):.0f} - {max(walls):.0f}':>18}"
              f"{median(all_rows, 'cpu_ms'):>10.0f}"
              f"{median(all_rows, 'rss_kib') / 1024:>12.0f}"
              f"{wall / first:>8.2f}"
              f"{unfinished(all_rows[0])}", flush=True)
    print("  perf reads and unwinds the samples that have these addresses, and "
          "looks each\n  address up once, by an addr2line that it starts. Peak "
          "is of the largest process.")


def unfinished(row):
    if "answered" not in row:
        return ""
    return (f"  did not finish in {PERF_SECONDS} s: {row['answered']:,.0f} of "
            f"{COUNT:,}")


main()
