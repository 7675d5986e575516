# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# Runs each tool's checks on the kernel underneath, once for each VARIANT of the
# binaries, and prints one verdict a check:
#
#   PASS VARIANT TOOL CHECK      FAIL VARIANT TOOL CHECK, then its output
#
# A check is a function check_NAME of checks/TOOL.sh, or of another folder's
# that $checks names. It runs in a directory of
# its own with the variant's binaries first in PATH, and passes by ending with
# status 0. Written for busybox, which is all that a guest has.
lab=$(cd "$(dirname "$0")" && pwd)

# checks_of FILE VARIANT: the static programs have the same BPF programs and the
# same libraries as the dynamic ones, so in an emulated machine, which is slow,
# they run the first two: what they find there, and a workload with its answer.
checks_of() {
  sed -n 's/^check_\([a-z0-9_]*\)() {$/\1/p' "$1" |
    if [ "${GUEST:-}$2" = 1static ]; then head -n 2; else cat; fi
}

# A check that hangs is a failed one: the guest as a whole has a limit too, but
# then the checks behind it would say nothing.
run_check() {
  (
    cd "$(mktemp -d)" || exit
    PATH=$lab/$2:$PATH timeout -s KILL "${CHECK_SECONDS:-60}" \
      sh -e -c ". '$1'; check_$3" >log 2>&1
    status=$?
    [ "$status" = 0 ] || sed 's/^/  | /' log
    rm -rf "$PWD"
    exit "$status"
  )
}

for variant; do
  for file in "$lab/${checks:-checks}"/*.sh; do
    tool=$(basename "$file" .sh)
    for check in $(checks_of "$file" "$variant"); do
      if output=$(run_check "$file" "$variant" "$check"); then
        echo "PASS $variant $tool $check"
      else
        echo "FAIL $variant $tool $check"
        echo "$output"
      fi
    done
  done
done

# The kernel must not have complained about anything it was made to run. Only a
# guest's log begins and ends with the test.
if [ -n "${GUEST:-}" ]; then
  if splats=$(dmesg | grep -E -A20 'WARNING:|BUG:|Oops|RIP:|lockdep'); then
    echo "FAIL kernel log quiet"
    echo "$splats" | sed 's/^/  | /'
  else
    echo "PASS kernel log quiet"
  fi
fi
