#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154 # bats: variables of the helpers
# Files of a user's own server (FUSE), which may stop answering: whoever asks it
# anything waits, and SIGKILL does not end that.

bats_require_minimum_version 1.5.0
load helpers

setup() {
  e2e_setup
  ((EUID == 0)) || skip "needs root"
  [ -e /dev/fuse ] || skip "no FUSE"
}

# The server first: with it all waiting for it ends.
teardown() { e2e_teardown; }

# silent FILE: maps one as code that is served by a server that is silent now,
# in a mount namespace of their own; who has mapped it is in $mapper.
silent() {
  mkdir -p "$(dirname "$1")"
  : >"$1"
  mkfifo up
  unshare --mount --propagation private \
    python3 "$BATS_TEST_DIRNAME/silent_server.py" "$1" >up 3>&- 4>&- &
  started+=("$!")
  read -r -t 60 mapper <up
  [[ $mapper == [0-9]* ]] || skip "FUSE cannot be mounted"
  started+=("$mapper")
  grep -q "r-x.* $PWD/$1\$" "/proc/$mapper/maps"
}

has_ended() { ! kill -0 "$1" 2>/dev/null; }

# ends COMMAND...: of itself.
ends() {
  background "$@"
  until_true has_ended "$last"
  wait "$last"
}

@test "tcpconnect --dns looks for a C library in it" {
  silent lib/libc.so.6
  ends tcpconnect --dns -q -d 1
}

@test "cpuprof meets code in it" {
  silent lib/code
  ends cpuprof -q -p "$mapper" -d 1 -f
}
