#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# One option table makes help, manual page and completions; what is written by
# hand beside it must know the same names. scripts/generate.sh --check compares
# the generated text itself.

setup() {
  top=$(realpath "$BATS_TEST_DIRNAME/../..")
  tools=("$top"/tools/*/)
  tools=("${tools[@]%/}")
  tools=("${tools[@]##*/}")
  cd "$BATS_TEST_TMPDIR" || return
}

# The options that a text names, one a line, sorted.
long_options() { grep -oE -- '--[a-z][a-z0-9-]+' | sort -u; }
letters() { grep -oE -- '(^| )-[A-Za-z0-9]\b' | tr -d ' -' | sort -u; }

# The lines of --help that list an option, without their explanations.
listed() { "$1" --help | grep -oE '^  (-[A-Za-z0-9], |    )--[a-z0-9-]+'; }

# The OPTIONS of the page, as a reader sees them: tags only.
tags() {
  sed -n '/^\.SH OPTIONS/,/^\.SS More/p' "$top/man/$1.8" |
    grep -A1 '^\.TP' | grep '^\\fB\\-' | sed 's/\\f.//g; s/\\-/-/g'
}

same() { diff <(printf '%s\n' "$1") <(printf '%s\n' "$2"); }

@test "there is a tool to compare, and it has options" {
  [ "${#tools[@]}" -ge 1 ]
  for tool in "${tools[@]}"; do
    [ "$(listed "$tool" | wc -l)" -ge 10 ]
  done
}

@test "help and manual page list the same options" {
  for tool in "${tools[@]}"; do
    same "$(listed "$tool" | long_options)" "$(tags "$tool" | long_options)"
    same "$(listed "$tool" | letters)" "$(tags "$tool" | letters)"
  done
}

@test "help and bash completion know the same options" {
  for tool in "${tools[@]}"; do
    words=$(sed -n "s/.*compgen -W '\(-[^']*\)'.*/\1/p" \
      "$top/completions/bash/$tool" | tr ' ' '\n')
    same "$(listed "$tool" | long_options)" "$(long_options <<<"$words")"
    same "$(listed "$tool" | letters)" "$(letters <<<"$words")"
  done
}

@test "help and zsh completion know the same options" {
  for tool in "${tools[@]}"; do
    specs=$(sed -nE "s/^  '[^']*'\{-(.)\+?,(--[a-z0-9-]+).*/-\1 \2/p;
                     s/^  '\*?(--[a-z0-9-]+).*/\1/p" \
      "$top/completions/zsh/_$tool")
    same "$(listed "$tool" | long_options)" "$(long_options <<<"$specs")"
    same "$(listed "$tool" | letters)" "$(letters <<<"$specs")"
  done
}

@test "help and fish completion know the same options" {
  for tool in "${tools[@]}"; do
    specs=$(sed -nE "s/^complete .*\)'( -s (.))? -l ([a-z0-9-]+) .*/-\2 --\3/p" \
      "$top/completions/fish/$tool.fish")
    same "$(listed "$tool" | long_options)" "$(long_options <<<"$specs")"
    same "$(listed "$tool" | letters)" "$(letters <<<"$specs")"
  done
}

@test "no text names an option that does not exist" {
  for tool in "${tools[@]}"; do
    # Those of other programs stand in the section on differences.
    named=$(sed '/^\.SH DIFFERENCES/,/^\.SH STABILITY/d; s/\\-/-/g' \
      "$top/man/$tool.8" | long_options)
    unknown=$(comm -13 <(listed "$tool" | long_options) <(echo "$named") |
      grep -vxE -- '--(cap-add|pid=host)' || true)
    same "" "$unknown"
  done
}

# What the sources say, each on a line of its own, must be in these files.
has_all() {
  local missing
  [ -n "$1" ]
  missing=$(while IFS= read -r word; do
    grep -qF -- "$word" "$2" || echo "$word"
  done <<<"$1")
  same "" "$missing"
}

@test "sightline(7) explains every reason for an unnamed frame" {
  reasons=$(sed -nE 's/^ *(\{Reason::.*, )?"(.+)"\},$/\2/p' \
    "$top/libcommon/symbol/reason.cpp")
  # All but "none", whose text is empty.
  [ "$(wc -l <<<"$reasons")" -eq $(($(grep -c '{Reason::' "$top/libcommon/symbol/reason.cpp") - 1)) ]
  [ "$(wc -l <<<"$reasons")" -ge 10 ]
  sed '1,/^\.SH UNKNOWN/d; /^\.SH/,$d' "$top/man/sightline.7" >explained
  has_all "$reasons" explained
}

@test "the schema lists every name of the ledger" {
  names=$(sed -nE 's/^ *X\(([a-z_]+), .*/`\1`/p' "$top/bpf/include/ledger.h")
  [ "$(wc -l <<<"$names")" -ge 10 ]
  has_all "$names" "$top/docs/schema.md"
}

@test "the schema lists every key that a view writes" {
  keys=$(grep -ohE '(\{|record\[|\(record, |\.(number|word|text|absent|hex|boolean|value)\()"[a-z_]+"' \
    "$top"/tools/*/json_*.cpp | sed 's/.*"\(.*\)"/`\1`/' | sort -u)
  [ "$(wc -l <<<"$keys")" -ge 30 ]
  has_all "$keys" "$top/docs/schema.md"
}

@test "the schema lists every label of a pprof profile" {
  labels=$(grep -ohE '\b(text|number)\("[a-z_]+"' "$top"/tools/*/pprof_view.cpp |
    sed 's/.*"\(.*\)"/`\1`/' | sort -u)
  [ "$(wc -l <<<"$labels")" -ge 9 ]
  sed '1,/^# pprof$/d' "$top/docs/schema.md" >pprof.md
  has_all "$labels" pprof.md
}

@test "sightline(7) has every exit status that help has" {
  statuses=$(cpuprof --help | sed -n '/^Exit status:/,$p' |
    grep -oE '\b[0-9]{1,3} [a-z]' | grep -oE '[0-9]+')
  [ "$(wc -l <<<"$statuses")" -ge 9 ]
  has_all "$(sed 's/^/.B /' <<<"$statuses")" "$top/man/sightline.7"
}

@test "the gallery shows its pictures, and has no others" {
  diff <(grep -o '(gallery/[^)]*' "$top/docs/gallery.md" | sed 's|(gallery/||' | sort) \
    <(cd "$top/docs/gallery" && printf '%s\n' *)
}
