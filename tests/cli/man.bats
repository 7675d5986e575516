#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Manual pages: well formed, 80 columns, and carried in the binary. And the
# other texts that a tool prints without measuring anything.

setup() {
  top=$(realpath "$BATS_TEST_DIRNAME/../..")
  export MANWIDTH=80 LC_ALL=C.UTF-8 MANROFFSEQ='' MANPAGER=cat
  cd "$BATS_TEST_TMPDIR" || return
}

@test "every page renders without a warning" {
  for page in "$top"/man/*.[1-8]; do
    run man --warnings -E UTF-8 -l -Tutf8 -Z "$page"
    [ "$status" -eq 0 ]
    man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>warnings >/dev/null
    [ ! -s warnings ] || { cat warnings; return 1; }
  done
}

@test "a mistake in a page would be a warning" {
  printf '.TH X 8\n.SH NAME\nx \\- y\n.nosuchmacro\n' >x.8
  man --warnings -E UTF-8 -l -Tutf8 -Z x.8 2>warnings >/dev/null
  grep -q nosuchmacro warnings
}

@test "every page has a NAME that apropos can read" {
  for page in "$top"/man/*.[1-8]; do
    lexgrog "$page"
  done
}

@test "every page fits 80 columns" {
  for page in "$top"/man/*.[1-8]; do
    man -E UTF-8 -l "$page" | col -bx >rendered
    [ "$(wc -l <rendered)" -gt 100 ]
    run awk 'length($0) > 80' rendered
    [ -z "$output" ]
  done
}

@test "a page of a tool has all sections, in order" {
  expected="NAME SYNOPSIS DESCRIPTION REQUIREMENTS OPTIONS FIELDS EXAMPLES \
OVERHEAD LIMITATIONS EXIT STATUS SIGNALS ENVIRONMENT FILES \
DIFFERENCES FROM BCC STABILITY SEE ALSO AUTHORS AND REPORTING BUGS"
  for page in "$top"/man/*.8; do
    sections=$(sed -n 's/^\.SH //p' "$page" | tr '\n' ' ')
    [ "${sections% }" = "$expected" ]
  done
}

@test "--man prints the page that is installed" {
  cpuprof --man | cmp - "$top/man/cpuprof.8"
}

@test "--man can be read by man" {
  cpuprof --man | man -E UTF-8 -l - | grep -q '^SYNOPSIS'
}

@test "-h and --help, -V and --version are the same" {
  cmp <(cpuprof -h) <(cpuprof --help)
  cmp <(cpuprof -V) <(cpuprof --version)
  [ -n "$(cpuprof -h)" ]
}

@test "help fits 80 columns" {
  run awk 'length($0) > 80' <(cpuprof --help)
  [ -z "$output" ]
}

@test "-V -v describes the machine" {
  cpuprof -V -v | grep -q '^kernel: '
  cpuprof -V -v | grep -q '^capabilities: '
}

@test "what cannot be written is one message and status 1" {
  for option in --help --version --man; do
    run bash -c "cpuprof $option >/dev/full"
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "cpuprof: cannot write to standard output: "* ]]
  done
}
