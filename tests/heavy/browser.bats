#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Flame graphs in a real browser: tests/pictures/browser.py says what is done
# there. Its Python is Debian's, which has the driver's package.

setup() {
  command -v chromium >/dev/null || skip "no chromium"
  command -v chromedriver >/dev/null || skip "no chromedriver"
  /usr/bin/python3 -c 'import selenium' 2>/dev/null || skip "no python3-selenium"
  top=$(realpath "$BATS_TEST_DIRNAME/../..")
  cd "$BATS_TEST_TMPDIR" || return
  export HOME=$PWD
}

# in_browser CHECK CASE [ARGUMENT...]
in_browser() {
  "$top/build/tests/flame_cases" "${@:2}" >out.svg
  timeout 300 /usr/bin/python3 "$top/tests/pictures/browser.py" "$1" out.svg
}

@test "browser: hover, click, reset" { in_browser pointer kinds; }
@test "browser: search, and the share that matches" { in_browser search kinds; }
@test "browser: keys alone" { in_browser keys kinds; }
@test "browser: dark where the system is" { in_browser dark kinds; }
@test "browser: a picture without a script" { in_browser static kinds; }
@test "browser: names run nothing" { in_browser hostile hostile; }
@test "browser: 100,000 stacks" { in_browser many many; }
@test "browser: as large as a file gets" { in_browser full full; }
@test "browser: a thousand frames deep" { in_browser deep deep; }
@test "browser: as wide as the window" { in_browser width kinds; }
@test "browser: a difference says what it was before" {
  in_browser difference difference
}
