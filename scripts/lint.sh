#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# lint.sh [BUILD [tidy]]: reads every tracked file with the tools that know it,
# and prints one verdict a rule, or a file: PASS or FAIL, a name, and what is
# wrong. With `tidy` it is clang-tidy's turn; BUILD (default: build) holds the
# compile_commands.json for it.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
build=${1:-build}

tracked() { git ls-files --cached --others --exclude-standard -- "$@"; }

# verdict NAME COMMAND...: passes when the command succeeds and says nothing.
verdict() {
  local name=$1 output
  shift
  if output=$("$@" 2>&1 </dev/null) && [[ -z $output ]]; then
    echo "PASS $name"
  else
    echo "FAIL $name"
    sed 's/^/  | /' <<<"$output"
  fi
}

has_licence() {
  tracked ':!LICENSES' ':!tests/fuzz/corpus' ':!docs/gallery' ':!*.md' ':!*.json' ':!*.tsv' ':!.gitignore' ':!.clang-format' |
    while read -r file; do
      head -n 3 "$file" | grep -q 'SPDX-License-Identifier: ' ||
        echo "$file: no SPDX line"
    done
}

is_formatted() {
  tracked '*.h' '*.c' '*.cpp' |
    xargs -r clang-format-19 --dry-run --Werror
}

shell_is_sound() {
  tracked '*.sh' '*.bats' .ci/run tests/kernels/init |
    xargs -r shellcheck --external-sources --source-path=SCRIPTDIR
}

script_is_sound() {
  tracked '*.js' | xargs -r -n 1 node --check
}

# A page must render without a word from groff, in 80 columns.
page_renders() {
  MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$1" >/dev/null
}

# Nearly all of clang-tidy's time goes into the standard library's headers, so
# the sources of one folder are read as one: room_units writes, for each folder,
# a unit that includes them all, and its entry in a compile_commands.json.
room_units() {
  rm -rf "$1"
  mkdir -p "$1"
  jq --arg top "$PWD" --arg units "$PWD/$1" '
    map(select(.file | test("^\($top)/(libcommon|tools)/")))
    | map(. + {unit: (.file | ltrimstr("\($top)/") | sub("/[^/]*$"; "")
                      | gsub("/"; "-") | "\($units)/\(.).cpp")})
    | group_by(.unit)
    | map({directory: .[0].directory, file: .[0].unit,
           command: (.[0].file as $first | .[0].unit as $unit
                     | ([.[].command | scan(" (?:-D|-I|-isystem )[^ ]+")]
                        | unique | add) as $flags
                     | .[0].command | split($first) | join($unit)
                     | split(" -o ") | join($flags + " -o ")),
           sources: map(.file)})' \
    "$build/compile_commands.json" >"$1/units.json"
  # clang-tidy drops a whole database over one key that it does not know.
  jq 'map(del(.sources))' "$1/units.json" >"$1/compile_commands.json"
  jq -r '.[] | .file as $unit | .sources[] | "\($unit) \(.)"' "$1/units.json" |
    while read -r unit source; do
      printf '#include "%s"\n' "$source" >>"$unit"
    done
}

# What clang-tidy always says: how many warnings it found in others' headers.
tidy() {
  clang-tidy-19 --quiet -p "$1" "$2" 2>&1 |
    grep -vE '^[0-9]+ warnings?( and [0-9]+ errors?)? generated\.$'
}

# Two sources of a folder may give one name two meanings, which a unit of both
# cannot: then each is read alone.
is_tidy() {
  local unit=$1 output source
  output=$(tidy "${unit%/*}" "$unit")
  if grep -q 'clang-diagnostic-error' <<<"$output"; then
    output=$(sed -n 's/^#include "\(.*\)"$/\1/p' "$unit" |
      while read -r source; do tidy "$build" "$source"; done)
  fi
  printf '%s' "$output"
}

lint_all() {
  verdict "licence of every file" has_licence
  verdict "format of C and C++" is_formatted
  verdict "shell scripts" shell_is_sound
  verdict "scripts in pictures" script_is_sound
  while read -r page; do
    verdict "manual page $page" page_renders "$page"
  done < <(tracked 'man/*.[1-8]')
}

tidy_all() {
  units=$build/tidy
  verdict "a unit for each folder" room_units "$units"
  export build
  export -f verdict tidy is_tidy
  jq -r '.[].file' "$units/compile_commands.json" |
    xargs -r -P "$(nproc)" -I{} bash -c \
      'verdict "clang-tidy $(basename "$1" .cpp | tr - /)" is_tidy "$1"' lint {}
}

if [[ ${2-} == tidy ]]; then tidy_all; else lint_all; fi
