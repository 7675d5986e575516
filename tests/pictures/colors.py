#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How far apart the colours of a flame graph's kinds are, light and dark, for
those who see all colours and for the colour-blind.

    colors.py FILE

prints the nearest two for each (CIE 1976 distance; 2 is just seen), and fails
where they are nearer than 11. Colour blindness as Machado, Oliveira and
Fernandes model it (2009), severity 1.0."""

import itertools
import math
import re
import sys

LEAST = 11
VISION = {
    "all colours": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868),
                   (0.114503, 0.786281, 0.099216),
                   (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968),
                     (0.280085, 0.672501, 0.047413),
                     (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779),
                   (-0.078411, 0.930809, 0.147602),
                   (0.004733, 0.691367, 0.303900)),
}
# Linear sRGB to XYZ, each over that of white (D65).
XYZ = ((0.4124 / 0.9505, 0.3576 / 0.9505, 0.1805 / 0.9505),
       (0.2126, 0.7152, 0.0722),
       (0.0193 / 1.089, 0.1192 / 1.089, 0.9505 / 1.089))


def times(matrix, vector):
    return [sum(a * b for a, b in zip(row, vector)) for row in matrix]


def linear(channel):
    return (channel / 12.92 if channel <= 0.04045
            else ((channel + 0.055) / 1.055) ** 2.4)


def lab(color, vision):
    rgb = [linear(int(color[at:at + 2], 16) / 255) for at in (1, 3, 5)]
    seen = [min(max(part, 0), 1) for part in times(vision, rgb)]
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116
               for part in times(XYZ, seen))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def main():
    style = open(sys.argv[1], encoding="utf-8").read()
    # The rules stand there twice: light, then dark.
    rules = re.findall(r"^\.([gkujix])0\{fill:(#[0-9a-f]{6})\}", style, re.M)
    assert len(rules) == 12, rules
    near = False
    for mode, kinds in ("light", rules[:6]), ("dark", rules[6:]):
        for vision, matrix in VISION.items():
            distance, pair = min(
                (math.dist(lab(a, matrix), lab(b, matrix)), one + other)
                for (one, a), (other, b) in itertools.combinations(kinds, 2))
            print(f"{mode}, {vision}: {distance:.1f} ({pair})")
            near |= distance < LEAST
    sys.exit(near)


main()
