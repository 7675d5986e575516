#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""exporters.py CASE: a recording that is made up, shown by cpuprof --from in
every format, each read by somebody else: json, an XML parser, go tool pprof, and
the expression that flamegraph.pl splits lines by."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree

HOSTILE = ["a;b", "new\nline", "\x1b]0;title\x07", "</svg><script>alert(1)</script>",
           "]]>", "&amp;<!--", "\u202eright to left", "nul\0", "\x9b31m", "12 34",
           " ", "x" * 70000, "\ud7ff\ufffd", "_[k]", "%s%n", "'\"`$(id)"]


def function(name, **more):
    return {"name": name, "object": "a.out", "kernel": False, "address": "0x1", **more}


def raw_bytes(value):
    """A name that is no UTF-8, as JSON has it."""
    return {**function(value.decode(errors="replace")), "name_hex": value.hex()}


# Stacks with their counts.
CASES = {
    "empty": [],
    "one-sample": [([function("main")], 1)],
    "no-frames": [([], 3)],
    "deep": [([function(f"f{i}") for i in range(1000)], 7)],
    "recursion": [([function("f")] * 1000, 7)],
    "wide": [([function("main"), function(f"f{i}")], 1) for i in range(5000)],
    "heavy": [([function("main"), function("a")], 1 << 62),
              ([function("main"), function("b")], 1 << 62)],
    "hostile": [([function(name), raw_bytes(b"\xff\xfe\xc0" + name.encode()[:9])], 2)
                for name in HOSTILE],
}


def recording(stacks, comm):
    total = sum(count for _, count in stacks)
    ledger = {"entered": total}
    yield {"type": "begin", "tool": "cpuprof", "version": "0.1.0", "schema": 1,
           "start": "2026-01-02T03:04:05.000000006Z", "host": comm, "kernel": comm,
           "arguments": ["cpuprof", comm], "events": ["cpu-clock"],
           "frequency_hz": 99, "cpus": 1, "by": ["comm"]}
    for frames, count in stacks:
        yield {"type": "stack", "pid": 1, "comm": comm, "process": comm, "uid": 0,
               "event": "cpu-clock", "count": count, "cpu_ns": count, "frames": frames}
    yield {"type": "end", "from_ns": 0, "to_ns": 1000, "duration_ns": 1000,
           "samples": total, "busy_ns": 1, "idle_ns": 1, "steal_ns": 0, "ledger": ledger}


def show(document, *options):
    run = subprocess.run(["cpuprof", "--from", "-", *options], input=document,
                         capture_output=True, check=False)
    assert run.returncode == 0, (options, run.stderr)
    no_controls(run.stderr, options)
    return run.stdout


def no_controls(data, what):
    found = re.search(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", data)
    assert not found, (what, data[max(0, found.start() - 40):found.end() + 40])


def check_json(document, stacks):
    records = [json.loads(line) for line in show(document, "-j").splitlines()]
    shown = [record for record in records if record["type"] == "stack"]
    wanted = sorted(json.dumps([[(f["name"], f.get("name_hex")) for f in frames], count])
                    for frames, count in stacks)
    assert wanted == sorted(
        json.dumps([[(f["name"], f.get("name_hex")) for f in s["frames"]], s["count"]])
        for s in shown)


def check_folded(document, stacks):
    data = show(document, "-f")
    no_controls(data.replace(b"\n", b""), "folded")
    total = 0
    for line in data.decode().splitlines():
        stack, count = re.fullmatch(r"(.*)\s+?(\d+(?:\.\d*)?)", line).groups()
        assert not re.fullmatch(r".*\s+?\d+(?:\.\d*)?", stack), line
        total += int(count)
    assert total == sum(count for _, count in stacks)
    return len(data.splitlines())


def check_table(document, stacks):
    data = show(document, "--width", "80")
    no_controls(data.replace(b"\n", b""), "table")
    count = f"{sum(count for _, count in stacks):,} samples"
    count = count[:-1] if count == "1 samples" else count
    assert count in data.decode().splitlines()[0], data.splitlines()[0]


def check_svg(document, stacks):
    data = show(document, "--format", "svg")
    no_controls(data.replace(b"\n", b"").replace(b"\t", b""), "svg")
    root = xml.etree.ElementTree.fromstring(data)
    space = "{http://www.w3.org/2000/svg}"
    assert root.tag == space + "svg"
    assert len(root.findall(f".//{space}script")) == 1
    assert len(data) < 5 << 20
    boxes = root.findall(f".//{space}g[@id='graph']//{space}rect")
    # The root, the program, and each frame once, but for those that are too
    # narrow. A box for what is narrow may take the place of many.
    wanted = {tuple(frame["name"] for frame in frames[:depth + 1])
              for frames, _ in stacks for depth in range(len(frames))}
    if len(wanted) <= 1000:
        assert len(boxes) == (2 if stacks else 1) + len(wanted), (len(boxes), len(wanted))
    else:
        assert 3 <= len(boxes) < 100
    text = "".join(root.itertext())
    for frames, _ in stacks[:50]:
        for name in (frame["name"] for frame in frames):
            if re.fullmatch(r"[a-z][a-z0-9]{0,99}", name) and len(wanted) <= 1000:
                assert name in text, name


def pprof(*options):
    return subprocess.run(["go", "tool", "pprof", *options, "exporter.pb.gz"],
                          capture_output=True, check=True, text=True, errors="replace").stdout


def check_pprof(document, stacks):
    data = show(document, "--format", "pprof")
    with open("exporter.pb.gz", "wb") as file:
        file.write(data)
    raw = pprof("-raw")
    samples = re.search(r"^Samples:\n.*?\n(.*?)^Locations", raw, re.S | re.M)[1]
    total = sum(int(n) for n in re.findall(r"^ +(\d+) +\d+:", samples, re.M))
    wanted = sum(count for _, count in stacks)
    # It does not list samples without a frame, but counts them.
    if stacks and not any(frames for frames, _ in stacks):
        total = int(re.search(r"Total samples = (\d+)", pprof("-sample_index=samples", "-top"))[1])
    assert total == min(wanted, (1 << 63) - 1), (total, wanted)
    if wanted < 1 << 63:
        check_table(data, stacks)
    else:
        assert "values were cut" in raw


def main():
    stacks = CASES[sys.argv[1]]
    comm = HOSTILE[2] + HOSTILE[3] if sys.argv[1] == "hostile" else "program"
    document = "".join(json.dumps(record) + "\n"
                       for record in recording(stacks, comm)).encode()
    check_json(document, stacks)
    check_folded(document, stacks)
    check_table(document, stacks)
    check_svg(document, stacks)
    check_pprof(document, stacks)


main()
