#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# generate.sh [--check] [BIN]: makes the manual pages from man/*.in and the
# shell completions, with what the tools in BIN (default: build/bin) say about
# their own options. --check makes them elsewhere, shows how the committed
# files differ, and fails when they do.
#
# In man/*.in a line of its own may be
#   @OPTIONS@  @EXIT_STATUS@   the tool's own, as `TOOL --generate` gives them
#   @INCLUDE FILE@             a file below man/, with these lines too
#   @LEDGER CLASS@             the names of one class in bpf/include/ledger.h
# and anywhere @TOOL@ and @VERSION@.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=$(sed -n 's/^project(.* VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)

ledger() {
  # An entry may go on in a second line.
  awk '{ sub(/ *\\$/, ""); entry = entry $0 }
       entry !~ /X\(/ || /\)$/ { print entry; entry = "" }' \
    bpf/include/ledger.h |
    sed -nE "s/^ *X\(([a-z_]+), [A-Z]+, $1, *\"(.*)\"\).*/.TP\n.B \1\n\2/p"
}

expand() {
  local tool=$1 line
  while IFS= read -r line; do
    case $line in
      @OPTIONS@) "$bin/$tool" --generate man-options ;;
      @EXIT_STATUS@) "$bin/$tool" --generate man-exit-status ;;
      @LEDGER\ *@) ledger "${line:8:-1}" ;;
      @INCLUDE\ *@) grep -v '^\.\\"' "man/${line:9:-1}" | expand "$tool" ;;
      *)
        line=${line//@TOOL@/$tool}
        printf '%s\n' "${line//@VERSION@/$version}"
        ;;
    esac
  done
}

# The licence stands in front, or in zsh behind the line that must be first.
completion() {
  "$bin/$1" --generate "complete-$2" | awk '
    NR == 1 && /^#compdef / { print; head = 1 }
    NR == 1 { print "# SPDX-License-Identifier: Apache-2.0"
              print "# Made by scripts/generate.sh." }
    !head { print } { head = 0 }'
}

generate() {
  local out=$1 page tool
  mkdir -p "$out"/man "$out"/completions/{bash,zsh,fish}
  for page in man/*.in; do
    page=$(basename "$page" .in)
    expand "${page%.*}" <"man/$page.in" >"$out/man/$page"
  done
  for tool in tools/*/; do
    tool=$(basename "$tool")
    completion "$tool" bash >"$out/completions/bash/$tool"
    completion "$tool" zsh >"$out/completions/zsh/_$tool"
    completion "$tool" fish >"$out/completions/fish/$tool.fish"
  done
}

# Both ways: a file that nothing makes any more differs too.
check() {
  local made
  made=$(mktemp -d)
  # shellcheck disable=SC2064 # the directory of now
  trap "rm -rf '$made'" EXIT
  generate "$made"
  mkdir "$made/committed"
  cp -r completions "$made/committed/"
  install -D -m 644 -t "$made/committed/man" man/*.[1-8]
  (cd "$made" && mkdir made && mv man completions made/ &&
    diff -ru committed made) ||
    { echo "run scripts/generate.sh and commit what it makes" >&2; return 1; }
}

action=generate
if [[ ${1:-} == --check ]]; then
  action=check
  shift
fi
bin=$(realpath "${1:-build/bin}")
if [[ $action == check ]]; then check; else generate .; fi
