#!/usr/bin/env python3
"""kill -9 at random moments while jobs run, with a provider that also loses answers and cuts results. Judged by the
provider's ledger and by the results files: nothing lost, nothing billed twice, nothing created twice.

    random_kills.py [--kills 15] [--requests 2000] [--seed N] [--batch N]

The last line tells the counts; the exit status is 1 where a promise broke.
"""

import argparse
import random
import sys
import time

from harness import World, check_paid_once, check_results, jsonl, simple_requests, wait_until

FAULTS = [
    {"on": "create", "from": 3, "every": 4, "do": {"action": "lose_answer", "when": "after"}},
    {"on": "create", "from": 5, "every": 7, "do": {"action": "error", "status": 502, "shape": "html", "when": "after"}},
    {"on": "results", "from": 2, "every": 5, "do": {"action": "cut", "fraction": 0.6}},
]


def make_jobs(kills, count):
    """The requests in several jobs, dropped one after another, so that kills also meet files being taken in."""
    files = max(1, min(kills // 3, count // 10))
    jobs = []
    for number in range(files):
        size = count // files + (1 if number < count % files else 0)
        jobs.append((f"j{number}", simple_requests(size, f"j{number}", "Hello " + "x" * 50)))
    return jobs


class Run:
    def __init__(self, kills, count, seed, batch):
        self.kills = kills
        self.dice = random.Random(seed)
        self.jobs = make_jobs(kills, count)
        self.count = count
        config = {"provider": {"settle_unknown": "500ms"}, "log": {"level": "info"},
                  "batch": {"linger": "50ms", "max_requests": batch, "max_open_batches": 4}}
        self.world = World({"faults": FAULTS, "processing_time": "400ms"}, config, start=False)
        self.killed = 0
        self.usual_start = 0.0

    def measure_start(self):
        """How long a start takes here decides how long a daemon may live, so that slow machines are treated alike."""
        began = time.monotonic()
        self.world.daemon.start()
        self.usual_start = time.monotonic() - began
        assert self.world.daemon.terminate() == 0

    def kill_once(self):
        daemon = self.world.daemon
        daemon.start(wait=False)
        # Half of them soon after the start, in the midst of recovery; the others later.
        most = self.usual_start * 1.5 if self.dice.random() < 0.5 else self.usual_start + 1.5
        time.sleep(self.dice.uniform(0, most))
        assert daemon.alive(), f"the daemon ended by itself with {daemon.process.popen.returncode}"
        daemon.kill9()
        self.killed += 1

    def play(self):
        daemon = self.world.daemon
        self.measure_start()
        every = max(1, self.kills // len(self.jobs))
        waiting = list(self.jobs)
        for number in range(self.kills):
            if waiting and number % every == 0:
                name, requests = waiting.pop(0)
                daemon.drop(name + ".jsonl", jsonl(requests))
            self.kill_once()
        for name, requests in waiting:
            daemon.drop(name + ".jsonl", jsonl(requests))
        daemon.start()
        wait_until(lambda: all(daemon.results_of(name) for name, _ in self.jobs),
                   lambda: f"every job is done; {daemon.describe()}", 120 + self.count / 100)

    def judge(self):
        daemon, sim = self.world.daemon, self.world.sim
        outcomes = 0
        lost = []
        for name, requests in self.jobs:
            folders = daemon.results_of(name)
            if len(folders) != 1:
                lost.append(f"{name}: {len(folders)} results folders")
                continue
            try:
                outcomes += sum(check_results(folders[0], requests)["counts"].values())
            except AssertionError as error:
                lost.append(f"{name}: {error}")
        totals = sim.totals()
        ok = not lost and outcomes == self.count
        for key in ("contents_billed_twice", "contents_overlapped", "contents_created_after_billed",
                    "contents_created_twice"):
            ok = ok and totals[key] == 0
        ok = ok and totals["requests_billed"] == self.count
        for problem in lost:
            print(problem)
        print(f"random_kills: kills={self.killed} requests={self.count} outcomes={outcomes} "
              f"lost={self.count - outcomes} billed={totals['requests_billed']} "
              f"billed_twice={totals['contents_billed_twice']} created_twice={totals['contents_created_twice']} "
              f"batches={totals['batches']} answers_lost_or_cut={totals['faults_fired']} -> {'ok' if ok else 'FAILED'}")
        if ok and self.count <= 5000:
            check_paid_once(sim, [one for _, requests in self.jobs for one in requests], created_twice=0)
        return ok


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--kills", type=int, default=15)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--batch", type=int, default=None, help="requests in a batch (default: a fortieth of all)")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().getrandbits(32)
    print(f"random_kills: --seed {seed}", flush=True)
    run = Run(arguments.kills, arguments.requests, seed, arguments.batch or max(1, arguments.requests // 40))
    ok = False
    try:
        run.play()
        ok = run.judge()
    finally:
        run.world.close(failed=not ok)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
