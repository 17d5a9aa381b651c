#!/usr/bin/env python3
"""kill -9 at random moments while jobs run, with a provider that also loses answers and cuts results. Judged by the
provider's ledger and by the results files: nothing lost, nothing billed twice, nothing created twice. Shows faults 1, 2, 3,
4, 7, 22, 29, 37 and 38; with --chaos also 5, 8, 9, 10, 26, 30, 32 and 33.

    random_kills.py [--kills 15] [--requests 2000] [--seed N] [--batch N] [--life SECONDS] [--chaos]
    random_kills.py --minutes 480 [--seed N]       kills and new jobs for so long: a soak

With --chaos every call may fail in every way, requests expire and fail, and other programs make batches of equal size.

The last line tells the counts; the exit status is 1 where a promise broke.
"""

import argparse
import random
import sys
import time

from harness import World, check_paid_once, check_results, jsonl, merged, simple_requests, wait_until

FAULTS = [
    {"on": "create", "from": 3, "every": 4, "do": {"action": "lose_answer", "when": "after"}},
    {"on": "create", "from": 5, "every": 7, "do": {"action": "error", "status": 502, "shape": "html", "when": "after"}},
    {"on": "results", "from": 2, "every": 5, "do": {"action": "cut", "fraction": 0.6}},
]


def chaos_rules():
    """Every kind of fault on every call, each seldom, so that they come in ever new orders."""
    rules = []
    for call in ("create", "list", "retrieve", "results", "cancel"):
        for when in ("instead", "after", "early") if call == "create" else ("instead",):
            for shape in ("api", "html"):
                for status in (429, 500, 503, 529):
                    rules.append({"on": call, "probability": 0.01,
                                  "do": {"action": "error", "status": status, "when": when, "shape": shape}})
        rules.append({"on": call, "probability": 0.03, "do": {"action": "cut", "fraction": 0.5}})
        rules.append({"on": call, "probability": 0.03, "do": {"action": "reset", "after_body_bytes": 500}})
    for action in ({"action": "lose_answer", "when": "after"}, {"action": "lose_answer", "when": "instead"},
                   {"action": "lag", "for": "200ms"}, {"action": "late", "for": "200ms"},
                   {"action": "foreign_batch", "same_size": True}):
        rules.append({"on": "create", "probability": 0.05, "do": action})
    for form in ("truncated", "text", "empty", "no_id"):
        rules.append({"on": "create", "probability": 0.03, "do": {"action": "garble", "as": form}})
    # No foreign lines: in a batch that was adopted they rightly hold its jobs for a human.
    rules.append({"on": "results", "probability": 0.12, "do": {"action": "lines", "missing": 1, "duplicate": 2, "garbage": 1}})
    rules.append({"on": "list", "probability": 0.12, "do": {"action": "stale", "by": "150ms"}})
    return rules


CHAOS = {"outcomes": {"succeeded": 90, "expired": 3, "errored:overloaded_error": 4, "errored:api_error": 3}}
# The list lags and is stale here, so that a verdict needs its time; and the workspace is shared.
CHAOS_CONFIG = {"provider": {"settle_unknown": "2s", "exclusive": False}, "retry": {"max_attempts": 50}}


def make_jobs(kills, count):
    """The requests in several jobs, dropped one after another, so that kills also meet files being taken in."""
    files = max(1, min(kills // 3, count // 10))
    jobs = []
    for number in range(files):
        size = count // files + (1 if number < count % files else 0)
        jobs.append((f"j{number}", simple_requests(size, f"j{number}", "Hello " + "x" * 50)))
    return jobs


class Run:
    def __init__(self, kills, count, seed, batch, chaos, life=1.5, minutes=None):
        self.kills = kills
        self.minutes = minutes
        self.life = life
        self.chaos = chaos
        self.dice = random.Random(seed)
        # A soak makes its jobs as it goes.
        self.jobs = [] if minutes else make_jobs(kills, count)
        self.count = 0 if minutes else count
        self.job_size = max(1, count // 20)
        config = {"provider": {"settle_unknown": "500ms"}, "log": {"level": "info"},
                  "batch": {"linger": "50ms", "max_requests": batch, "max_open_batches": 4}}
        script = {"faults": FAULTS, "processing_time": "400ms"}
        if chaos:
            script.update(CHAOS, faults=chaos_rules())
            config = merged(config, CHAOS_CONFIG)
        self.world = World(script, config, ["--seed", str(seed)], start=False)
        self.killed = 0
        self.killing_seconds = 0.0
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
        most = self.usual_start * 1.5 if self.dice.random() < 0.5 else self.usual_start + self.life
        time.sleep(self.dice.uniform(0, most))
        assert daemon.alive(), f"the daemon ended by itself with {daemon.process.popen.returncode}"
        daemon.kill9()
        self.killed += 1

    def play(self):
        daemon = self.world.daemon
        self.measure_start()
        began = time.monotonic()
        if self.minutes:
            self.soak(began)
        else:
            self.kill_all()
        self.killing_seconds = time.monotonic() - began
        daemon.start()
        wait_until(lambda: all(daemon.results_of(name) for name, _ in self.jobs),
                   lambda: f"every job is done; {daemon.describe()}", 180 + self.count / 100)

    def soak(self, began):
        """A job, a few kills, and so on until the time is over; at most a handful of jobs are open at a time."""
        daemon = self.world.daemon
        told = 0
        while time.monotonic() - began < self.minutes * 60:
            if sum(not daemon.results_of(name) for name, _ in self.jobs[-8:]) < 4:
                name = f"s{len(self.jobs)}"
                self.jobs.append((name, simple_requests(self.job_size, name, "Hello " + "x" * 50)))
                self.count += self.job_size
                daemon.drop(name + ".jsonl", jsonl(self.jobs[-1][1]))
            self.kill_once()
            minute = int((time.monotonic() - began) / 60)
            if minute > told:
                told = minute
                done = sum(bool(daemon.results_of(name)) for name, _ in self.jobs)
                print(f"random_kills: minute={minute} kills={self.killed} jobs={len(self.jobs)} done={done}", flush=True)

    def kill_all(self):
        daemon = self.world.daemon
        every = max(1, self.kills // len(self.jobs))
        waiting = list(self.jobs)
        for number in range(self.kills):
            if waiting and number % every == 0:
                name, requests = waiting.pop(0)
                daemon.drop(name + ".jsonl", jsonl(requests))
            self.kill_once()
        for name, requests in waiting:
            daemon.drop(name + ".jsonl", jsonl(requests))

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
        for key in ("contents_billed_twice", "contents_overlapped", "contents_created_after_billed"):
            ok = ok and totals[key] == 0
        ok = ok and (self.chaos or totals["contents_created_twice"] == 0)  # in chaos, what expired goes again
        ok = ok and totals["requests_billed"] == self.count
        for problem in lost:
            print(problem)
        print(f"random_kills: kills={self.killed} kills_per_minute={60 * self.killed / max(self.killing_seconds, 0.1):.0f} "
              f"jobs={len(self.jobs)} requests={self.count} outcomes={outcomes} "
              f"lost={self.count - outcomes} billed={totals['requests_billed']} "
              f"billed_twice={totals['contents_billed_twice']} created_twice={totals['contents_created_twice']} "
              f"batches={totals['batches']} answers_lost_or_cut={totals['faults_fired']} -> {'ok' if ok else 'FAILED'}")
        if ok and self.count <= 5000:
            check_paid_once(sim, [one for _, requests in self.jobs for one in requests])
        return ok


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--kills", type=int, default=15)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--chaos", action="store_true", help="every call may fail in every way")
    parser.add_argument("--batch", type=int, default=None, help="requests in a batch (default: a fortieth of all)")
    parser.add_argument("--life", type=float, default=1.5, help="the most that a daemon lives, in seconds behind its start")
    parser.add_argument("--minutes", type=float, default=None, help="go on so long, with ever new jobs")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().getrandbits(32)
    print(f"random_kills: --seed {seed}", flush=True)
    batch = arguments.batch or max(1, arguments.requests // (20 if arguments.chaos else 40))
    run = Run(arguments.kills, arguments.requests, seed, batch, arguments.chaos, arguments.life,
              arguments.minutes)
    ok = False
    try:
        run.play()
        ok = run.judge()
    finally:
        run.world.close(failed=not ok)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
