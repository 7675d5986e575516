# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# What the end-to-end tests share. Nothing here waits for a time: it waits for
# --ready-fd, for the end of a process, or for a condition.

e2e_setup() {
  workloads=$(realpath "$BATS_TEST_DIRNAME/../../build/tests/workloads")
  cd "$BATS_TEST_TMPDIR" || return
  started=()
}

# Ends what a test has started and left.
e2e_teardown() {
  local pid
  for pid in "${started[@]}"; do
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  restore_sysctls
}

# background COMMAND...: starts it; its pid is in $last.
background() {
  "$@" 3>&- 4>&- &
  last=$!
  started+=("$last")
}

# profile ARGUMENT...: starts cpuprof with its output in `out` and `err`, and
# returns once it measures. Its pid is in $tool.
profile() {
  rm -f ready
  mkfifo ready
  # SIGHUP would stay ignored where nohup started the tests.
  env --default-signal=HUP cpuprof --ready-fd 9 "$@" \
    >out 2>err </dev/null 3>&- 4>&- 9>ready &
  tool=$!
  started+=("$tool")
  await_ready
}

# One byte, not the end of file that a tool leaves which gives up.
await_ready() {
  local byte
  IFS= read -r -t 60 byte <ready || { cat err; return 1; }
}

# finish [SIGNAL]: ends the tool (or waits for it); its status is in $status.
finish() {
  [ -z "${1:-}" ] || kill -s "$1" "$tool"
  status=0
  wait "$tool" || status=$?
}

# until_true COMMAND...: waits for a condition, at most a minute.
until_true() {
  local tries=1200
  until "$@"; do
    ((tries--)) || { echo "never true: $*"; return 1; }
    read -r -t 0.05 <> <(:) || true
  done
}

state_of() { sed 's/.*) \(.\).*/\1/' "/proc/$1/stat"; }
has_state() { [ "$(state_of "$1")" = "$2" ]; }

# records FILTER FILE: one result a line.
records() { jq -rc "$1" "$2"; }

# check_ledger FILE [KEY...]: samples that entered = delivered + left out +
# lost, from the records of the file and its end; and these keys are 0.
check_ledger() {
  local file=$1
  shift
  jq -es '
    (map(select(.type == "stack").count) | add // 0) as $delivered
    | last as $closing | $closing.ledger as $l
    | if .[0].type != "begin" or $closing.type != "end"
      then error("not a whole document") else . end
    | if $closing.samples != $delivered
      then error("samples: \($closing.samples), in stacks: \($delivered)")
      else . end
    | ($delivered + $l.idle + $l.self + $l.not_target + $l.not_matching
       + $l.table_full) as $known
    | if $l.entered != $known or $l.unaccounted != 0
      then error("entered \($l.entered), known \($known): \($l)") else . end
    | $ARGS.positional | map(select($l[.] != 0))
    | if . != [] then error("not 0: \(.) in \($l)") else true end
  ' "$file" --args "$@" >/dev/null
}

# samples FILTER FILE: how many samples have a stack that matches.
samples() {
  jq -s "map(select(.type == \"stack\") | select($1).count) | add // 0" "$2"
}

# holds EXPRESSION [VARIABLE=VALUE...]: arithmetic with fractions.
holds() {
  local expression=$1
  shift
  awk "${@/#/-v}" "BEGIN { exit !($expression) }" ||
    { echo "does not hold: $expression ($*)"; return 1; }
}

# within_five_sigma COUNT TOTAL SHARE: a binomial count of a known share.
within_five_sigma() {
  awk -v k="$1" -v n="$2" -v p="$3" 'BEGIN {
    sigma = sqrt(n * p * (1 - p)); off = (k - n * p) / sigma
    printf "%d of %d where %.1f were expected: %+.1f sigma\n", k, n, n * p, off
    exit !(off <= 5 && off >= -5)
  }'
}

# set_sysctl NAME VALUE: until the end of the test. Fails when the kernel does
# not take it; kernel.perf_event_max_stack waits until no profiler runs.
set_sysctl() {
  local path=/proc/sys/${1//./\/} saved=$BATS_TEST_TMPDIR/sysctl-$1
  [ -e "$saved" ] || cp "$path" "$saved"
  until_true write_to "$path" "$2"
}
write_to() { echo "$2" 2>/dev/null >"$1"; }

restore_sysctls() {
  local saved name
  for saved in "$BATS_TEST_TMPDIR"/sysctl-*; do
    [ -e "$saved" ] || continue
    name=${saved##*/sysctl-}
    until_true write_to "/proc/sys/${name//./\/}" "$(<"$saved")"
    rm "$saved"
  done
}

# A program whose calls are inlined, each on a line of its own.
inlining_c() {
  cat <<'C'
static volatile unsigned long sink;
#define INLINE static inline __attribute__((always_inline))
INLINE void inner(int n) { for (int i = 0; i < n; ++i) sink = sink * 31 + i; }
INLINE void middle(int n) { inner(n); inner(n); }
__attribute__((noinline, noclone)) static void outer(int n) { middle(n); }
int main(void) { for (int i = 0; i < 5000; ++i) outer(sink ? 100000 : 100001); }
C
}
