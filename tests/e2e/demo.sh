#!/usr/bin/env bash
# The whole of offpeak against a simulated provider, without a key: a job of 1,000 requests goes in, some of them expire or
# fail for a passing reason and are sent again, and a folder of results comes out. Run by ./dev demo, after a build.
set -euo pipefail

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
build="${OFFPEAK_BUILD:-$repository/build}"
requests="${1:-1000}"

for program in offpeakd offpeak offpeak-sim; do
  [ -x "$build/$program" ] || { echo "demo: $build/$program is missing: run ./dev build" >&2; exit 1; }
done

folder="$(mktemp -d "${TMPDIR:-/tmp}/offpeak-demo-XXXXXX")"
sim_pid=""
daemon_pid=""

# Ends what still runs, whatever happened.
clean_up() {
  local status=$?
  for pid in $daemon_pid $sim_pid; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in $daemon_pid $sim_pid; do wait "$pid" 2>/dev/null || true; done
  if [ "$status" -ne 0 ]; then
    echo "demo: failed; the logs are in $folder" >&2
    tail -n 20 "$folder"/*.log >&2 || true
  fi
}
trap clean_up EXIT

step() { printf '\n== %s\n' "$*"; }

name=demo
. "$repository/tests/e2e/patiently.sh"

step "A simulated provider: batches take 4 seconds, a few requests expire or fail"
cat >"$folder/script.json" <<'JSON'
{"processing_time": "4s", "progress": true,
 "outcomes": {"succeeded": 950, "expired": 20, "errored:overloaded_error": 20, "errored:invalid_request_error": 5},
 "stop_reasons": {"end_turn": 97, "max_tokens": 2, "refusal": 1}}
JSON
"$build/offpeak-sim" --listen 127.0.0.1:0 --script "$folder/script.json" >"$folder/sim.out" 2>"$folder/sim.log" &
sim_pid=$!
patiently grep -q 'listening on' "$folder/sim.out"
url="$(sed -n 's/^listening on //p' "$folder/sim.out")"
echo "offpeak-sim listens on $url"

step "The daemon, under one folder"
ANTHROPIC_API_KEY=demo "$build/offpeakd" --root "$folder" --set "provider.base_url=$url" --set batch.max_requests=250 \
  --set batch.linger=500ms --set poll.min_interval=300ms --set poll.max_interval=1s --set retry.backoff=500ms \
  2>"$folder/offpeakd.log" &
daemon_pid=$!
export OFFPEAK_SOCKET="$folder/offpeak.sock"
patiently "$build/offpeak" status
echo "offpeakd --root $folder"

step "A job file of $requests requests is dropped into $folder/spool/incoming"
"$repository/tests/e2e/reviews.py" "$requests" >"$folder/spool/.reviews"
head -c 300 <(sed -n 2p "$folder/spool/.reviews") && echo
mv "$folder/spool/.reviews" "$folder/spool/incoming/reviews.jsonl"
patiently "$build/offpeak" show 1

step "offpeak watch 1"
"$build/offpeak" watch 1 --interval 500ms

step "offpeak show 1"
"$build/offpeak" show 1
"$build/offpeak" batches

results="$(echo "$folder"/spool/results/1-reviews)"
step "The summary"
python3 - "$results/summary.json" <<'PYTHON'
import json, sys

summary = json.load(open(sys.argv[1], encoding="utf-8"))
for name in ("counts", "stop_reasons", "usage", "cost_usd"):
    print(f"{name:13} {json.dumps(summary[name])}")
print(f"{'batches':13} {len(summary['batches'])}")
PYTHON

lines="$(wc -l <"$results/results.jsonl")"
[ "$lines" -eq "$requests" ] || { echo "demo: $lines result lines for $requests requests" >&2; exit 1; }
python3 - "$url" <<'PYTHON'
import json, sys, urllib.request

totals = json.load(urllib.request.urlopen(sys.argv[1] + "/_sim/ledger?summary=1"))["totals"]
print(f"the provider's ledger: {totals['requests_billed']} requests billed, {totals['contents_billed_twice']} of them twice")
sys.exit(totals["contents_billed_twice"] != 0)
PYTHON

step "Both are asked to end"
kill -TERM "$daemon_pid"
wait "$daemon_pid"
daemon_pid=""
kill -TERM "$sim_pid"
wait "$sim_pid"
sim_pid=""

step "Done. The results: one line for every request, in input order"
ls -l "$results"
echo "$results"
