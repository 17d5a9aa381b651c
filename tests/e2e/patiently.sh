# Sourced by demo.sh and try.sh, which set `name` and `folder`.

# Waits up to ten seconds for a command to succeed.
patiently() {
  for _ in $(seq 200); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.05
  done
  echo "$name: still waiting for: $*; see the logs in $folder" >&2
  return 1
}
