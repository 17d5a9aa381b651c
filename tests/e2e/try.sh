#!/usr/bin/env bash
# offpeak to play with: the daemon and a simulated provider run under one folder until Ctrl-C. No key, no network, no cost.
# Run by ./dev try, after a build.
set -euo pipefail

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
build="${OFFPEAK_BUILD:-$repository/build}"

for program in offpeakd offpeak offpeak-sim; do
  [ -x "$build/$program" ] || { echo "try: $build/$program is missing: run ./dev build" >&2; exit 1; }
done

folder="$(mktemp -d "${TMPDIR:-/tmp}/offpeak-try-XXXXXX")"
pids=()

clean_up() {
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  echo
  echo "Both have ended. What they left is in $folder"
}
trap clean_up EXIT
trap 'exit 0' INT TERM

name=try
. "$repository/tests/e2e/patiently.sh"

cat >"$folder/provider.json" <<'JSON'
{"processing_time": "45s", "progress": true,
 "outcomes": {"succeeded": 950, "expired": 20, "errored:overloaded_error": 20, "errored:invalid_request_error": 5},
 "stop_reasons": {"end_turn": 97, "max_tokens": 2, "refusal": 1}}
JSON
"$build/offpeak-sim" --listen 127.0.0.1:0 --script "$folder/provider.json" >"$folder/sim.out" 2>"$folder/sim.log" &
pids+=($!)
patiently grep -q 'listening on' "$folder/sim.out"
url="$(sed -n 's/^listening on //p' "$folder/sim.out")"

ANTHROPIC_API_KEY=none-is-needed "$build/offpeakd" --root "$folder" --set "provider.base_url=$url" \
  --set poll.min_interval=2s --set poll.max_interval=5s --set retry.backoff=5s 2>"$folder/offpeakd.log" &
pids+=($!)
patiently "$build/offpeak" --socket "$folder/offpeak.sock" status

"$repository/tests/e2e/reviews.py" 1000 >"$folder/reviews.jsonl"
{ head -n 3 "$folder/reviews.jsonl"; echo '{"custom_id": "cut", "params": {"model": "claude-haiku-5-5", "max_tok'; } \
  >"$folder/broken.jsonl"
cat >"$folder/env" <<ENV
export PATH="$build:\$PATH" OFFPEAK_SOCKET="$folder/offpeak.sock"
cd "$folder"
ENV

cat <<TEXT
offpeakd and a simulated provider run until you press Ctrl-C. Nothing leaves this machine, and nothing costs anything.
A batch takes 45 seconds here; the real provider takes minutes, at most 24 hours.

In another terminal:

  . $folder/env                        # goes to the folder, and finds the programs and the socket
  offpeak check reviews.jsonl          # what would be sent; nothing is
  cp reviews.jsonl spool/incoming/     # a job of 1,000 requests
  offpeak status                       # what waits, and why
  offpeak watch                        # until it is done; Ctrl-C leaves the job alone
  offpeak show 1
  head -n 1 spool/results/1-reviews/results.jsonl
  cp broken.jsonl spool/incoming/; sleep 3; offpeak rejected
  cat offpeakd.log
TEXT
wait "${pids[1]}"
