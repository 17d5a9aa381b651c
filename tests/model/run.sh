#!/usr/bin/env bash
# Checks submit.pml with spin, exhaustively: the protocol must hold, and each broken rule must be found out, by the
# property that it breaks. Prints two tables; exits 1 where anything is otherwise. Needs spin and a C compiler.
set -euo pipefail

model="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/submit.pml"
depth=10000 # executions are far shorter; a longer one is an error
memory=3000 # MB

fail() {
  echo "model: $*" >&2
  exit 1
}

if ! command -v spin >/dev/null; then
  echo "model: skipped: spin is missing: ./dev setup" >&2
  exit 77
fi
compiler=""
for candidate in gcc clang-19 clang cc; do
  if command -v "$candidate" >/dev/null; then
    compiler="$candidate"
    break
  fi
done
[ -n "$compiler" ] || fail "there is no C compiler: ./dev setup"

folder="$(mktemp -d "${TMPDIR:-/tmp}/offpeak-model-XXXXXX")"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cp "$model" submit.pml

wrong=0

# Generates, compiles and runs the checker: FOR_CC FOR_PAN FOR_SPIN..., into the file `told`, which alone counts.
search() {
  local for_cc="$1" for_pan="$2"
  shift 2
  spin -a "$@" submit.pml >generated 2>&1 || { cat generated >&2; fail "spin refuses the model with $*"; }
  # shellcheck disable=SC2086
  "$compiler" -w -DMEMLIM="$memory" $for_cc -o pan pan.c || fail "pan.c does not compile"
  # shellcheck disable=SC2086
  ./pan -b -w23 -m"$depth" $for_pan >told 2>&1 || true
}

number() { sed -nE "s/$1/\\1/p" told | head -n 1 | tr -d ' '; }

# NAME FOR_CC FOR_PAN FOR_SPIN...: a search that must go to its end without an error.
holds() {
  local name="$1" verdict="holds"
  shift
  search "$@"
  if ! grep -q 'errors: 0' told || grep -qE 'not completed|search depth too small' told; then
    verdict="FAILED"
    wrong=1
  fi
  printf '%-58s %10s %11s %7s  %s\n' "$name" "$(number '^ *([0-9]+) states, stored.*')" \
    "$(number '^ *([0-9]+) transitions.*')" "$(number '.*errors: ([0-9]+).*')" "$verdict"
  [ "$verdict" = holds ] || grep -E '^pan|not completed' told || true
}

# NAME PROPERTY PATTERN FOR_SPIN...: a rule is broken, and the search must find PATTERN.
found() {
  local name="$1" property="$2" pattern="$3" verdict="found"
  shift 3
  search "-O1 -DSAFETY" "" -DONLY_DOUBLES "$@"
  if ! grep -qE "^pan:1: .*($pattern)" told; then
    verdict="NOT FOUND"
    wrong=1
  fi
  printf '%-58s %-31s %s\n' "$name" "$property" "$verdict"
  [ "$verdict" = found ] || grep -E '^pan|errors:' told || true
}

double='may_run'
twice='posted'
printf '%-58s %10s %11s %7s\n' "the protocol" states transitions errors
holds "two faults in one execution: every state" "-O2 -DSAFETY" ""
holds "one fault: every execution ends" "-O2 -DNP" -l -DFAULTS=1
holds "two requests, another tenant's batch: every state" "-O2 -DSAFETY" "" -DFOREIGN=1 -DREQUESTS=2
holds "the list has pages of one batch: every state" "-O2 -DSAFETY" "" -DPAGE=1 -DFAULTS=1
holds "two requests, pages of one batch, two faults" "-O2 -DSAFETY" "" -DPAGE=1 -DREQUESTS=2
holds "two requests, an old state is put back: every state" "-O2 -DSAFETY" "" -DRESTORE=1 -DREQUESTS=2 -DFAULTS=1
holds "an old state is put back: every execution ends" "-O2 -DNP" -l -DRESTORE=1 -DREQUESTS=2 -DFAULTS=1

printf '\n%-58s %-31s %s\n' "one rule broken" "breaks" "so"
found "lists lag longer than settle_unknown" "C1 in two batches" "$double" -DLAG=3
found "an unknown create is simply sent again" "C1 in two batches" "$double" -DSABOTAGE_BLIND_RETRY
found "a start takes committing for not created" "C1 in two batches" "$double" -DSABOTAGE_FORGET_COMMITTING
found "the last byte leaves before committing is durable" "C1 in two batches" "$double" -DSABOTAGE_LATE_COMMIT
found "a start goes on with the intent it finds uploading" "C2 a nonce POSTed twice" "$twice" -DSABOTAGE_REUSE_NONCE
found "unsettled intents of one count" "C1 in two batches" "$double" -DSABOTAGE_EQUAL_COUNTS
found "a failed list counts as a clean one" "C1 in two batches" "$double" -DSABOTAGE_FAILED_LIST_COUNTS
found "clean lists of one moment count" "C1 in two batches" "$double" -DSABOTAGE_ONE_MOMENT
found "not created, but the requests are not pending again" "C4, C5 a request is lost" "invalid end state|submitted" \
  -DSABOTAGE_LOSE_REQUESTS
found "the count of an unproven adoption is free, another tenant" "C1 in two batches" "$double" \
  -DSABOTAGE_UNPROVEN_COUNT_FREE -DFOREIGN=1 -DREQUESTS=2
found "a server's error counts as a no" "C1 in two batches" "$double" -DSABOTAGE_BAD_IS_NO
found "a create that is broken off counts as not sent" "C1 in two batches" "$double" -DSABOTAGE_INTERRUPTED_IS_NO
found "the first page is taken for the whole list" "C1 in two batches" "$double" -DSABOTAGE_FIRST_PAGE_ONLY -DPAGE=1
found "a list that ends before the watermark counts as clean" "C1 in two batches" "$double" -DSABOTAGE_SHORT_LIST_COUNTS \
  -DPAGE=1
found "the count of a batch proves it ours, another tenant" "C7 a proven batch is another's" "proven" \
  -DSABOTAGE_COUNT_IS_PROOF -DFOREIGN=1 -DREQUESTS=2
found "of several the first that ends is ours" "C7 a proven batch is another's" "proven" \
  -DSABOTAGE_FIRST_ENDED_IS_OURS -DFOREIGN=1 -DREQUESTS=2
found "a candidate is excluded before it has ended" "C1 in two batches" "$double" -DSABOTAGE_EXCLUDE_RUNNING -DFOREIGN=1 \
  -DREQUESTS=2
found "a disproved batch's requests are free" "C1 in two batches" "$double" -DSABOTAGE_DISPROVED_IS_FREE -DFOREIGN=1 \
  -DREQUESTS=2
found "a canceled job cancels what it adopted by count" "C8 a stranger is canceled" "nonce" -DSABOTAGE_CANCEL_UNPROVEN \
  -DFOREIGN=1 -DREQUESTS=2
found "behind a verdict any batch of its count is canceled" "C8 a stranger is canceled" "audited" -DSABOTAGE_CANCEL_BY_COUNT \
  -DFOREIGN=1 -DREQUESTS=2
found "an old state: what a count explains holds nothing" "C1 in two batches" "$double" -DSABOTAGE_COUNT_EXPLAINS \
  -DRESTORE=1 -DREQUESTS=2 -DFAULTS=1
found "an old state: forgotten batches hold nothing" "C1 in two batches" "$double" -DSABOTAGE_STRANGE_HOLDS_NOTHING \
  -DRESTORE=1 -DREQUESTS=2 -DFAULTS=1
found "an old state: the settler adopts before the guard looks" "C1 in two batches" "$double" \
  -DSABOTAGE_SETTLES_BEFORE_THE_GUARD -DRESTORE=1 -DREQUESTS=2 -DFAULTS=1
found "an old state: the list at the start shows all" "C1 in two batches" "$double" -DSABOTAGE_SENDS_AT_ONCE \
  -DRESTORE=1 -DREQUESTS=2 -DFAULTS=1
found "an old state: the last list while a batch is unproven" "C1 in two batches" "$double" \
  -DSABOTAGE_UNPROVEN_IS_DECIDED -DRESTORE=1 -DREQUESTS=2 -DFAULTS=1

[ "$wrong" -eq 0 ] || fail "something is not as it must be"
