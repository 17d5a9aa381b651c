#!/usr/bin/env python3
"""The wall clock jumps, by seconds or by ten years, forward and back, while jobs run, while answers are lost and results
cannot be had for a moment, and over restarts. Nothing is lost, nothing is given up, nothing waits for a time that was only
ever wrong. Judged by the provider's ledger and by the results files. Shows fault 20.

    clock_jumps.py [--jumps 40] [--seed N]
"""

import argparse
import random
import sys
import time

from fault_control import CONFIG, Control, kinds_of
from harness import World, check_paid_once, check_results, jsonl, merged, request, simple_requests, wait_until
from syscall_faults import environment

DAY, YEAR = 86400, 365 * 86400
# A clock that is set back by less than two days makes waits longer by as much, which is too long for a test.
JUMPS = [1, 2, 5, 29 * DAY, 30 * DAY, 60 * DAY, YEAR, 10 * YEAR]
FAULTS = [
    {"on": "create", "from": 3, "every": 5, "do": {"action": "lose_answer", "when": "after"}},
    {"on": "create", "from": 5, "every": 9, "do": {"action": "lose_answer", "when": "instead"}},
    {"on": "results", "every": 2, "do": {"action": "error", "status": 500}},
    {"on": "results", "from": 3, "every": 7, "do": {"action": "cut", "fraction": 0.5}},
    {"on": "results", "from": 5, "every": 11, "do": {"action": "error", "status": 404}},
    {"on": "list", "from": 10, "every": 6, "do": {"action": "error", "status": 529}},
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--jumps", type=int, default=40)
    parser.add_argument("--seed", type=int, default=2)
    arguments = parser.parse_args()
    dice = random.Random(arguments.seed)
    # Few calls, since there is a limit on them in any minute.
    config = merged(CONFIG, {"provider": {"settle_unknown": "500ms"}, "batch": {"max_requests": 60},
                             "poll": {"min_interval": "100ms", "max_interval": "400ms"}})
    with World({"processing_time": "150ms", "faults": FAULTS}, config, start=False) as world:
        daemon = world.daemon
        control = Control(world.folder / "control", kinds_of("syscall_shim.cpp"))
        daemon.env.update(environment(daemon), OFFPEAK_FAULT_CONTROL=str(control.path),
                          ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0")
        daemon.start()
        jobs = {}
        restarts = 0
        for number in range(arguments.jumps):
            if number % 4 == 0:
                name = f"t{number}"
                jobs[name] = simple_requests(5, name) + [request(f"{name}-again", f"{name} [[errored:api_error:1]]")]
                daemon.drop(name + ".jsonl", jsonl(jobs[name]))
            time.sleep(dice.uniform(0, 0.4))
            control.jump(dice.choice([0, dice.choice(JUMPS), -dice.choice(JUMPS)]))
            time.sleep(dice.uniform(0, 0.3))
            if dice.random() < 0.2:
                restarts += 1
                daemon.kill9()
                daemon.start()
        control.jump(0)  # and in the end it is right again
        wait_until(lambda: all(daemon.results_of(name) for name in jobs),
                   lambda: f"every job is done; {daemon.describe()}", 120)
        outcomes = 0
        for name, requests in jobs.items():
            outcomes += sum(check_results(daemon.results_of(name)[0], requests)["counts"].values())
        # Of each job one request goes again because it has to.
        check_paid_once(world.sim, [one for requests in jobs.values() for one in requests], created_twice=len(jobs))
        assert daemon.terminate() == 0
        control.close()
        totals = world.sim.totals()
        total = sum(len(requests) for requests in jobs.values())
        print(f"clock_jumps: --seed {arguments.seed} jumps={arguments.jumps} restarts={restarts} requests={total} "
              f"outcomes={outcomes} lost={total - outcomes} billed_twice={totals['contents_billed_twice']} -> ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
