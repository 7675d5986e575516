#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Flame graphs of made-up profiles, read with an XML parser: tests/pictures.

setup() {
  top=$(realpath "$BATS_TEST_DIRNAME/../..")
  cd "$BATS_TEST_TMPDIR" || return
}

# draw CASE [ARGUMENT...]: out.svg, and what is found in it, in `found`.
draw() {
  "$top/build/tests/flame_cases" "$@" >out.svg
  "$top/tests/pictures/svg.py" out.svg --most-bytes 5000000 >found
}

# found EXPRESSION: of jq, true.
found() { jq -e "$1" found >/dev/null || { cat found; return 1; }; }

@test "svg: an empty profile is the root alone" {
  draw empty
  found '.total == 0 and .frames == 1 and .hidden == 0'
}

@test "svg: one sample of one function" {
  draw single
  found '.total == 1 and .frames == 2 and .rows == 2 and .kinds == "gu"'
}

@test "svg: each kind of frame has a colour of its own" {
  draw kinds
  found '.kinds == "gijkux" and ([.classes | scan("[a-z]")] | unique | length == 6)'
}

@test "svg: the colours are apart for the colour-blind" {
  draw kinds
  "$top/tests/pictures/colors.py" out.svg
}

@test "svg: the root is on top with --icicle only" {
  local kind
  for kind in flame icicle; do
    draw kinds $kind
    # The rows as they stand in the file, from the root on.
    grep -A 100 'id="graph"' out.svg | sed -n 's/^<g transform="translate(0,\([0-9]*\))">$/\1/p' >$kind
  done
  [ "$(xargs <icicle)" = "0 16 32 48 64" ]
  [ "$(xargs <flame)" = "64 48 32 16 0" ]
}

@test "svg: a stack of a thousand frames" {
  draw deep
  found '.rows == 1001 and .total == 1000 and .hidden == 0'
}

@test "svg: weights whose sum no number holds" {
  draw huge
  found '.frames == 4 and .total == 18446744073709551615'
}

@test "svg: names that strangers choose are text and nothing else" {
  draw hostile
  iconv -f UTF-8 -t UTF-8 out.svg >/dev/null
  [ "$(LC_ALL=C grep -c '[[:cntrl:]]' <(tr -d '\t' <out.svg))" -eq 0 ]
  [ "$(grep -c '<script' out.svg)" -eq 1 ]
  found '.frames == 32 and .hidden == 0'
  found '.lines | index("</text></svg>") and index("\"'"'"'><image href=\"x\" onerror=\"document.title='"'pwned'"'\"/>")'
}

@test "svg: in a difference red grew and blue shrank" {
  draw difference
  found '.classes == "b3 n0 r1 r3 r4"'
}

@test "svg: 100,000 stacks, and what is too narrow is said" {
  draw many
  found '.total == 100000 and .frames > 300 and .hidden > 0'
  found '.lines[-1] | test("^not drawn: [0-9,]+ samples \\([0-9.]+ %\\) in frames narrower than a pixel, merged or left out$")'
}

@test "svg: as many frames as a file has room for" {
  draw full
  found '.frames == 60301 and .hidden == 0 and .bytes > 3500000'
}

@test "svg: a file that would be too large leaves more out" {
  draw wide
  found '.frames < 100000 and .hidden == 660 and (.lines[-1] | test("narrower than 2.25 pixels"))'
}
