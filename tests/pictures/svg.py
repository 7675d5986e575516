#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads a flame graph with an XML parser and checks that it is what it says.

    svg.py FILE [--folded FILE] [--most-bytes N]

The file must need nothing from elsewhere and run nothing but its own script;
each frame lies within its caller, beside its siblings, and weighs as much as
what is drawn and hidden of it. With --folded, the same stacks have the same
weights there. Prints what it found, as JSON."""

import argparse
import collections
import json
import os
import re
import sys
import xml.etree.ElementTree

SVG = "{http://www.w3.org/2000/svg}"
# What a picture is made of; no <a>, <image>, <use>, <foreignObject>.
ELEMENTS = {"svg", "title", "style", "text", "tspan", "g", "rect", "metadata",
            "script"}
ROUNDING = 0.7  # pixels: a gap of half a one, and rounded numbers

Box = collections.namedtuple(
    "Box", "parent row x width kind name object reason total self rect")


def fail(text):
    sys.exit(f"svg.py: {text}")


def check_harmless(root):
    scripts = 0
    for element in root.iter():
        name = element.tag.removeprefix(SVG)
        if name not in ELEMENTS:
            fail(f"element {element.tag}")
        scripts += name == "script"
        for key, value in element.attrib.items():
            if key.startswith("on") or "href" in key or "url(" in value:
                fail(f"attribute {key}={value}")
        if name == "style" and re.search(r"url\(|@import|@font-face",
                                         element.text):
            fail("the style wants something from elsewhere")
    if scripts != 1:
        fail(f"{scripts} scripts")


def by_id(root, name):
    return next(e for e in root.iter() if e.get("id") == name)


def rects_of(graph):
    """Each rectangle with the number of its row, from the root on."""
    for row, group in enumerate(graph.findall(f"{SVG}g")):
        for rect in group.iter(f"{SVG}rect"):
            yield row, rect


def lines_of(root, name):
    return [line for line in by_id(root, name).text.split("\n") if line]


def read_boxes(root):
    frames = [(line[0], *line[1:].split("\t"))
              for line in lines_of(root, "frames")]
    boxes, parent = [], 0
    rects = list(rects_of(by_id(root, "graph")))
    lines = lines_of(root, "boxes")
    if len(rects) != len(lines):
        fail(f"{len(rects)} rectangles, {len(lines)} lines")
    for (row, rect), line in zip(rects, lines):
        step, frame, total, own, *_ = map(int, line.split(" "))
        parent += step
        boxes.append(Box(parent, row, float(rect.get("x")),
                         float(rect.get("width")), *frames[frame], total, own,
                         rect))
    return boxes


def check_geometry(boxes):
    right = {}  # of what is drawn of each box's children
    for box in boxes[1:]:
        parent = boxes[box.parent]
        if box.row != parent.row + 1:
            fail(f"{box} is not next to its caller")
        if (box.x < parent.x - ROUNDING or
                box.x + box.width > parent.x + parent.width + ROUNDING):
            fail(f"{box} is not within {parent}")
        if box.x < right.get(box.parent, 0) - ROUNDING:
            fail(f"{box} is not beside its siblings")
        right[box.parent] = box.x + box.width
    whole = boxes[0]
    for box in boxes:
        share = box.total / whole.total if whole.total else 1
        if whole.total < 2**64 - 1 and abs(box.width - share * whole.width) > 1:
            fail(f"{box} is not as wide as its weight")


def check_weights(boxes, hidden):
    drawn = [box.self for box in boxes]
    for box in boxes[1:]:
        drawn[box.parent] += box.total
    missing = sum(box.total - sum_ for box, sum_ in zip(boxes, drawn)
                  if box.kind != "m")
    merged = sum(box.total for box in boxes if box.kind == "m")
    if boxes[0].total == 2**64 - 1:
        return
    if missing + merged != hidden:
        fail(f"{missing} left out, {merged} merged, but {hidden} hidden")


def path_of(boxes, index):
    names = []
    while index:
        names.append(boxes[index].name)
        index = boxes[index].parent
    return tuple(reversed(names))


def compare_folded(boxes, file):
    """Names as the folded ones are: those of one path are one there."""
    folded, total = collections.Counter(), 0
    for line in open(file, encoding="utf-8"):
        stack, count = line.rstrip("\n").rsplit(" ", 1)
        total += int(count)
        names = [re.sub(r"_\[[kijw]\]$", "", name) for name in stack.split(";")]
        for length in range(1, len(names) + 1):
            folded[tuple(names[:length])] += int(count)
    if boxes[0].total != total:
        fail(f"{boxes[0].total} samples, {total} in {file}")
    ours = collections.Counter()
    for index, box in enumerate(boxes):
        if index and box.kind != "m":
            path = tuple(name.replace(";", ":") for name in path_of(boxes, index))
            ours[path] += box.total
    for path, count in ours.items():
        if count > folded[path]:
            fail(f"{path}: {count}, {folded[path]} in {file}")
    return sum(folded[path] == count for path, count in ours.items())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--folded")
    parser.add_argument("--most-bytes", type=int)
    arguments = parser.parse_args()
    root = xml.etree.ElementTree.parse(arguments.file).getroot()
    check_harmless(root)
    boxes = read_boxes(root)
    hidden = int(root.get("data-hidden"))
    check_geometry(boxes)
    check_weights(boxes, hidden)
    size = os.path.getsize(arguments.file)
    if arguments.most_bytes and size > arguments.most_bytes:
        fail(f"{size} bytes")
    found = {"bytes": size, "frames": len(boxes), "total": boxes[0].total,
             "hidden": hidden, "rows": 1 + max(box.row for box in boxes),
             "kinds": "".join(sorted({box.kind for box in boxes})),
             "classes": " ".join(sorted({b.rect.get("class") for b in boxes})),
             "lines": [" ".join("".join(text.itertext()).split())
                       for text in root.iter(f"{SVG}text")
                       if text.get("class") in ("title", "line")]}
    if arguments.folded:
        found["same"] = compare_folded(boxes, arguments.folded)
    print(json.dumps(found))


main()
