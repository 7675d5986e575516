# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced: apt for another Debian suite than this machine's, beside it and
# without touching it. The archive is the one this machine is configured with
# (asked of apt at run time), its signatures are checked with Debian's keyring,
# and lists, cache and package state live in DIRECTORY alone.

# The archive that this machine's own Debian suite comes from.
suite_archive() {
  local uri
  for _ in 1 2; do
    uri=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' \
      'Created-By: Packages' 2>/dev/null |
      awk '$2 == "Debian" && $3 == "Debian" { print $1; exit }')
    [[ -n $uri ]] && break
    # Before the first update apt does not know whose archive is whose.
    apt-get update -qq >&2 || return 1
  done
  [[ -n $uri ]] && printf '%s\n' "$uri"
}

# suite_open DIRECTORY SUITE [MACHINE]: afterwards suite_apt works on that suite,
# of this machine or another. Fails when the archive does not carry it (any more).
suite_open() {
  suite_dir=$1
  suite_machine=${3:-$(dpkg --print-architecture)}
  local suite=$2 archive
  archive=$(suite_archive) || return 1
  mkdir -p "$suite_dir"/{lists/partial,cache/archives/partial}
  : >"$suite_dir/status"
  printf 'deb [arch=%s signed-by=%s] %s %s main\n' "$suite_machine" \
    /usr/share/keyrings/debian-archive-keyring.gpg "$archive" "$suite" \
    >"$suite_dir/sources.list"
  # An archive that answers late must not hold the whole run.
  suite_apt get update -qq -o Acquire::Retries=2 -o Acquire::http::Timeout=60 \
    >"$suite_dir/update.log" 2>&1 && ! grep -q '^[EW]:' "$suite_dir/update.log"
}

# suite_apt get|cache ARGUMENT...
suite_apt() {
  local command=apt-$1
  shift
  "$command" -o Dir::Etc::SourceList="$suite_dir/sources.list" \
    -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::Preferences=/dev/null \
    -o Dir::Etc::PreferencesParts=/dev/null -o Dir::State::Lists="$suite_dir/lists" \
    -o Dir::State::Status="$suite_dir/status" \
    -o APT::Architecture="$suite_machine" \
    -o APT::Architectures="$suite_machine" \
    -o Dir::Cache="$suite_dir/cache" -o APT::Sandbox::User=root \
    -o APT::Update::Post-Invoke-Success::= "$@"
}
