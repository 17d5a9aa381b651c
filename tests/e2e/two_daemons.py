#!/usr/bin/env python3
"""Two daemons at once. On one state: one of two that start together wins, the other exits 75 at once, again and again
while a job goes through. On one spool with two states: the same. On one incoming folder with two spools and two states:
each file has one winner. Judged by the provider's ledger and by the results files. Shows faults 16 and 17.

    two_daemons.py [--races 25] [--files 60] [--seed N]
"""

import argparse
import os
import random
import sys
import time

from harness import Daemon, World, check_paid_once, check_results, jsonl, simple_requests, wait_until

IN_USE = 75
CONFIG = {"provider": {"settle_unknown": "500ms"}, "batch": {"linger": "20ms", "max_requests": 4},
          "poll": {"min_interval": "50ms", "max_interval": "100ms"}, "log": {"level": "info"}}


def race(first, second):
    """Both start together: the winner. The loser has ended with 75."""
    for one in (first, second):
        one.start(wait=False)
    wait_until(lambda: not first.alive() or not second.alive(), "one of the two has ended", 30, 0.005)
    loser, winner = (first, second) if not first.alive() else (second, first)
    code = loser.process.popen.returncode
    assert code == IN_USE, f"the loser ended with {code}\n{loser.log_text()[-2000:]}"
    winner.wait_ready()  # and the loser has not taken its socket away
    return winner


def same_state(races, dice):
    """Two on one root."""
    requests = simple_requests(40, "race")
    wins = [0, 0]
    with World(config=CONFIG, start=False) as world:
        first = world.daemon
        second = Daemon(first.root, world.sim.url, CONFIG)
        second.log = world.folder / "second.log"
        try:
            for number in range(races):
                winner = race(first, second)
                wins[winner is second] += 1
                if number == 0:
                    winner.drop("race.jsonl", jsonl(requests))
                time.sleep(dice.uniform(0, 0.2))
                if dice.random() < 0.5:
                    winner.kill9()
                else:
                    assert winner.terminate() == 0
            first.start()
            check_results(first.wait_results("race"), requests)
            check_paid_once(world.sim, requests, created_twice=0)
        finally:
            second.close()
    return {"races": races, "won_by_first": wins[0], "won_by_second": wins[1]}, len(requests)


def same_spool(races):
    """Two states on one spool: their job ids would be the same, and so would their claimed files."""
    requests = simple_requests(20, "spool")
    with World(config=CONFIG, start=False) as world:
        first = world.daemon
        second = Daemon(world.folder / "second", world.sim.url, CONFIG, arguments=["--set", f"paths.spool={first.spool}"])
        try:
            for number in range(races):
                winner = race(first, second)
                winner.kill9()
                del number
            first.start()
            first.drop("spool.jsonl", jsonl(requests))
            second.start(wait=False)
            assert second.process.wait(30) == IN_USE
            check_results(first.wait_results("spool"), requests)
            check_paid_once(world.sim, requests, created_twice=0)
        finally:
            second.close()
    return {"spool_races": races}, len(requests)


def same_incoming(files, dice):
    """Two states, two spools, one incoming folder, and a workspace in which neither is alone."""
    config = {**CONFIG, "provider": {**CONFIG["provider"], "exclusive": False}}
    taken = [0, 0]
    with World(config=config, start=False) as world:
        first = world.daemon
        second = Daemon(world.folder / "second", world.sim.url, config)
        try:
            first.incoming.mkdir(parents=True)
            second.spool.mkdir(parents=True)
            os.symlink(first.incoming, second.incoming)
            for one in (first, second):
                one.start()
            jobs = {f"i{number}": simple_requests(3, f"i{number}") for number in range(files)}
            for name, requests in jobs.items():
                first.drop(name + ".jsonl", jsonl(requests))
                if dice.random() < 0.1:
                    one = dice.choice([first, second])
                    one.kill9()
                    one.start(wait=False)
            wait_until(lambda: all(first.results_of(name) or second.results_of(name) for name in jobs),
                       "every file has results", 120)
            for name, requests in jobs.items():
                found = [one.results_of(name) for one in (first, second)]
                assert len(found[0]) + len(found[1]) == 1, f"{name} was taken by {found}"
                taken[bool(found[1])] += 1
                check_results((found[0] or found[1])[0], requests)
            everything = [one for requests in jobs.values() for one in requests]
            check_paid_once(world.sim, everything, created_twice=0)
            for one in (first, second):
                assert not list(one.rejected.iterdir()), list(one.rejected.iterdir())
        finally:
            second.close()
    return {"files": files, "taken_by_first": taken[0], "taken_by_second": taken[1]}, 3 * files


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--races", type=int, default=25)
    parser.add_argument("--files", type=int, default=60)
    parser.add_argument("--seed", type=int, default=4)
    arguments = parser.parse_args()
    dice = random.Random(arguments.seed)
    counts, requests = {}, 0
    for scenario in (lambda: same_state(arguments.races, dice), lambda: same_spool(max(2, arguments.races // 5)),
                     lambda: same_incoming(arguments.files, dice)):
        more, number = scenario()
        counts.update(more)
        requests += number
    # Whatever was lost or paid for twice has ended the program above.
    print("two_daemons: " + " ".join(f"{name}={value}" for name, value in counts.items()) +
          f" requests={requests} lost=0 billed_twice=0 created_twice=0 -> ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
