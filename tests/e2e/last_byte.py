#!/usr/bin/env python3
"""The last byte of a create leaves within ten seconds of the moment its commit was asked for, or never (faults 81, 82).

last_byte.py                   the daemon stands still between the commit and the byte, for longer than that
last_byte.py --silent-network  in a network namespace of its own: the byte goes into a network that drops everything, the
                               upload is given up, and the network comes back. What the kernel still had of it must not
                               arrive then. Exit 77 where there are no such namespaces.
"""

import signal
import subprocess
import sys
import time

from harness import World, check_paid_once, check_results, jsonl, merged, simple_requests, wait_until

SKIP = 77
STOPPED = "after_committing:1:stop"


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(")")[2].split()[0]


def stopped_after_commit(world):
    """The daemon stands still: `committing` is durable, the last byte is still here."""
    requests = simple_requests(5, "late")
    world.daemon.drop("late.jsonl", jsonl(requests))
    wait_until(lambda: state_of(world.daemon.process.pid) == "T", "the daemon stands still after its commit")
    return requests


def finish(world, requests):
    folder = world.daemon.wait_results("late")
    check_results(folder, requests)
    check_paid_once(world.sim, requests)


def too_late():
    with World(start=False) as world:
        world.daemon.start(crash_at=STOPPED)
        requests = stopped_after_commit(world)
        time.sleep(11)
        assert world.sim.totals()["batches"] == 0
        world.daemon.process.signal(signal.SIGCONT)
        world.daemon.wait_log("the last byte was withheld")
        finish(world, requests)
        created = world.sim.totals()["batches"]
        assert created == 1, f"{created} batches were created for one job"
        assert "create.unknown" not in world.daemon.log_text(), "what never left is a proven no"


def network(state):
    subprocess.run(["ip", "link", "set", "lo", state], check=True, capture_output=True)


def silent_network():
    # So short that the upload is given up while the network is silent, and "not created" comes soon after it is back.
    config = merged({"provider": {"answer_timeout": "3s", "settle_unknown": "1s"}})
    with World(config=config, start=False) as world:
        world.daemon.start(crash_at=STOPPED)
        requests = stopped_after_commit(world)
        network("down")
        world.daemon.process.signal(signal.SIGCONT)
        world.daemon.wait_log("create.unknown", seconds=30)
        time.sleep(4)  # the kernel would try again ever more rarely: 6.4 s and 12.8 s after the byte
        network("up")
        world.daemon.wait_log("intent.not_created")
        time.sleep(15)
        finish(world, requests)


def in_a_namespace():
    """Starts this script again in a network namespace of its own; its exit status."""
    command = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up || exit 77; exec "$0" "$@"',
               sys.executable, __file__, "--inside"]
    if subprocess.run(command[:3] + ["true"], check=False, capture_output=True).returncode != 0:
        return SKIP
    return subprocess.run(command, check=False).returncode


def main():
    if "--silent-network" in sys.argv:
        sys.exit(in_a_namespace())
    if "--inside" in sys.argv:
        silent_network()
    else:
        too_late()
    print("ok")


if __name__ == "__main__":
    main()
