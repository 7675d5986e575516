#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Inlined calls and lines of 10,000 addresses in a program with hundreds of
megabytes of DWARF: ours and its peers in turn, in one run. scripts/bench.sh
prepares and calls it; what it builds stays in build/bench."""

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile

FOLDER = "build/bench"
UNIT = "tests/bench/dwarf_unit.cpp"
PROGRAM = os.path.join(FOLDER, "large")
ADDRESSES = os.path.join(FOLDER, "addresses")
COPIES = 60
ROUNDS = 3

# How often as long as llvm-symbolizer it may take.
MOST_OF_LLVM = 1.0


def build():
    """Two units, each linked in many times under other names. The linker keeps
    the DWARF of each: some minutes of a compiler in seconds."""
    if newer(ADDRESSES, UNIT) and newer(ADDRESSES, __file__):
        return
    os.makedirs(FOLDER, exist_ok=True)
    units = [os.path.join(FOLDER, f"unit{number}.o") for number in (1, 2)]
    compilers = [subprocess.Popen(
        ["g++", "-std=c++20", "-O2", "-g", f"-DUNIT={number}", "-c", UNIT,
         "-o", unit]) for number, unit in enumerate(units, 1)]
    if any(compiler.wait() for compiler in compilers):
        sys.exit("bench: the compiler failed")
    copies = []
    for number, unit in enumerate(units, 1):
        for copy in range(COPIES):
            copies.append(os.path.join(FOLDER, f"copy{number}-{copy}.o"))
            run("objcopy", f"--prefix-symbols=n{number}c{copy}_", unit,
                copies[-1])
    # It is never run: what the library would have is left open.
    run("ld", "-e", "0", "--unresolved-symbols=ignore-all", "-o", PROGRAM,
        *copies)
    for name in copies + units:
        os.remove(name)
    with open(ADDRESSES, "w") as file:
        file.writelines(f"{address:#x}\n" for address in sample(10_000))


def newer(made, source):
    return (os.path.exists(made) and
            os.path.getmtime(made) > os.path.getmtime(source))


def run(*command):
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def sample(count):
    """Addresses in the program's functions, the same ones each time."""
    table = subprocess.run(["nm", "-S", "--defined-only", PROGRAM], check=True,
                           capture_output=True, text=True).stdout
    found = set()
    for line in table.splitlines():
        fields = line.split()
        if len(fields) == 4 and fields[2] in "tTwW":
            start, size = int(fields[0], 16), int(fields[1], 16)
            found.update(range(start, start + size, 7))
    return sorted(random.Random(1).sample(sorted(found), count))


def measure(command):
    with tempfile.NamedTemporaryFile("r") as out, open(ADDRESSES) as asked:
        subprocess.run(["measure", out.name, "0", "0", *command], check=True,
                       stdin=asked, stdout=subprocess.DEVNULL)
        return {key: float(value) for key, value in
                (line.split() for line in out)}


def main():
    build()
    size = os.path.getsize(PROGRAM) >> 20
    peers = {
        "sightline": ["source_of", PROGRAM],
        "llvm-symbolizer": ["llvm-symbolizer", "--inlines", "--no-demangle",
                            f"--obj={PROGRAM}"],
        "addr2line": ["addr2line", "-i", "-f", "-e", PROGRAM],
    }
    peers = {name: command for name, command in peers.items()
             if shutil.which(command[0])}
    rows = {name: [] for name in peers}
    for _ in range(ROUNDS):
        for name, command in peers.items():
            rows[name].append(measure(command))
    report(rows, size)
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
    print(f"\nInlined calls and lines of 10,000 addresses, {size} MiB of "
          "program and DWARF")
    print(f"  {'':<20}{'wall, ms':>10}{'min - max':>16}{'CPU, ms':>10}"
          f"{'peak, MiB':>12}{'ratio':>8}")
    first = median(rows["sightline"], "wall_ms")
    for name, all_rows in rows.items():
        walls = [row["wall_ms"] for row in all_rows]
        wall = statistics.median(walls)
        print(f"  {name:<20}{wall:>10.0f}"
              f"{f'{min(walls):.0f} - {max(walls):.0f}':>16}"
              f"{median(all_rows, 'cpu_ms'):>10.0f}"
              f"{median(all_rows, 'rss_kib') / 1024:>12.0f}"
              f"{wall / first:>8.2f}", flush=True)


main()
