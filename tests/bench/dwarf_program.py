# SPDX-License-Identifier: Apache-2.0
"""A program with hundreds of megabytes of DWARF, and a profile of it that perf
has recorded: the addresses that source.py asks for are those of samples of a
real run. What is built stays in build/bench."""

import os
import subprocess
import sys

SOURCES = [os.path.join("tests/bench", name)
           for name in ("dwarf_unit.cpp", "dwarf_main.cpp", "dwarf_program.py")]
UNIT, MAIN, _ = SOURCES
COPIES = [f"n{unit}c{copy}" for unit in (1, 2) for copy in range(60)]
COUNT = 10_000

# Of the program's CPU time. perf takes a sample each 50 us of it, some of them
# in the libraries.
SECONDS = 5


def made(name):
    return os.path.join("build/bench", name)


PROGRAM = made("large")
PROFILE = made("large.perf.data")
ADDRESSES = made("addresses")
SPAN = made("span")


def prepare():
    """Returns the span of PROFILE, as perf script --time takes it, whose samples
    are of COUNT different addresses in the program: those in ADDRESSES."""
    os.makedirs(made(""), exist_ok=True)
    if not is_new(PROGRAM):
        build()
    if not is_new(SPAN):
        record()
        choose()
    with open(SPAN) as file:
        return file.read()


def is_new(name):
    return os.path.exists(name) and all(
        os.path.getmtime(name) > os.path.getmtime(source)
        for source in SOURCES)


def build():
    """Two units, each linked in many times under other names. The linker keeps
    the DWARF of each: some minutes of a compiler in seconds."""
    units = [made(f"{unit}.o") for unit in (1, 2)]
    compilers = [subprocess.Popen(
        ["g++", "-std=c++20", "-O2", "-g", f"-DUNIT={number}", "-c", UNIT,
         "-o", unit]) for number, unit in enumerate(units, 1)]
    if any(compiler.wait() for compiler in compilers):
        sys.exit("bench: the compiler failed")
    with open(made("copies.h"), "w") as file:
        file.writelines(f"COPY({copy}_run_unit)\n" for copy in COPIES)
    copies = [copy_unit(name) for name in COPIES]
    # Not position-independent: an address in it is one in its file.
    run("g++", "-no-pie", f"-I{made('')}", "-o", PROGRAM, MAIN, *copies)
    for name in copies + units:
        os.remove(name)


def copy_unit(name):
    """What the copy defines has a name of its own, what it uses has not."""
    unit, copy, renamed = made(f"{name[1]}.o"), made(f"{name}.o"), made("names")
    table = output_of("nm", "--defined-only", "--format=posix", unit)
    with open(renamed, "w") as file:
        for symbol in sorted({line.split()[0] for line in table.splitlines()}):
            file.write(f"{symbol} {name}_{symbol}\n")
    run("objcopy", f"--redefine-syms={renamed}", unit, copy)
    os.remove(renamed)
    return copy


def record():
    """With copies of the stack, if only of one word: perf looks for inlined
    calls only where it unwinds. A copy of the program in ~/.debug is not
    wanted (-N)."""
    run("perf", "record", "-q", "-N", "-F", "20000", "-e", "cpu-clock:u",
        "--call-graph", "dwarf,8", "-o", PROFILE, PROGRAM, str(SECONDS))


def choose():
    samples = output_of("perf", "script", "-i", PROFILE, "-G", "--ns", "-F",
                        "time,ip", "--dsos", os.path.basename(PROGRAM))
    chosen = set()
    for line in samples.splitlines():
        time, address = line.split()
        chosen.add(int(address, 16))
        if len(chosen) == COUNT:
            break
    else:
        sys.exit(f"bench: perf sampled {len(chosen)} addresses, not {COUNT}")
    with open(ADDRESSES, "w") as file:
        file.writelines(f"{address:#x}\n" for address in sorted(chosen))
    with open(SPAN, "w") as file:
        file.write("," + time.rstrip(":"))


def output_of(*command):
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True).stdout


def run(*command):
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
