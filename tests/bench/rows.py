#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the rows that stacks are walked with cost: CPU time to make them, and
bytes for each. The limits are of the files that everybody has."""

import os
import re
import subprocess
import sys

from bench import Report

LIBRARIES = "/usr/lib/x86_64-linux-gnu/"
FILES = [LIBRARIES + name for name in (
    "libc.so.6", "libstdc++.so.6", "libpython3.11.so.1.0", "libLLVM-14.so.1")]
FILES += ["/usr/bin/node"]
RUNS = 5

# 95,000 functions.
MOST_CPU_MS = {"libLLVM-14.so.1": 80}
MOST_BYTES = 6
MOST_UNSUPPORTED = 0.1  # percent


def figures(path):
    """One run's figures, by name."""
    line = subprocess.run(["rows_of", path], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    return {name: float(value) for name, value in
            re.findall(r" ([a-z_]+) ([0-9.]+)", line)}


def main():
    report = Report()
    found = {path: [figures(path) for _ in range(RUNS)]
             for path in FILES if os.path.exists(path)}

    def rows(title, figure, unit, limit):
        report.section(title)
        for path, runs in found.items():
            name = os.path.basename(path)
            report.row(f"{name}, {runs[0]['functions']:,.0f} functions",
                       [run[figure] for run in runs], unit, limit(name))

    rows("Rows to walk stacks with: CPU time to make them", "cpu_ms", "ms",
         MOST_CPU_MS.get)
    rows("The same: memory for a row, all in", "bytes_per_row", "bytes",
         lambda name: MOST_BYTES)
    rows("The same: rows that no rule expresses", "unsupported", "%",
         lambda name: MOST_UNSUPPORTED)
    if report.over:
        print("\nOver the limit:", *report.over, sep="\n  ")
    if "--assert" in sys.argv[1:] and report.over:
        sys.exit(1)


if __name__ == "__main__":
    main()
