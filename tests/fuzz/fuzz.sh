#!/bin/sh
# Fuzzes one target for so many seconds: tests/fuzz/fuzz.sh TARGET SECONDS [libFuzzer options]
# Builds into build-fuzz/; what it finds new is kept in build-fuzz/corpus/TARGET, a crash in build-fuzz/crashes/.
set -eu
if [ $# -lt 2 ]; then
  sed -n '2,3s/^# //p' "$0" >&2
  exit 2
fi
target=$1
seconds=$2
shift 2
root=$(cd "$(dirname "$0")/../.." && pwd)
build="$root/build-fuzz"
cmake -G Ninja -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Asan -DOFFPEAK_FUZZ=ON >/dev/null
ninja -C "$build" "fuzz_$target"
mkdir -p "$build/corpus/$target" "$build/crashes"
exec "$build/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 \
  -artifact_prefix="$build/crashes/$target-" "$@" "$build/corpus/$target" "$root/tests/fuzz/corpus/$target"
