#!/usr/bin/env python3
"""A large mixed job through the whole of offpeak, against the simulator: how long it takes, how much memory the daemon
needs, and that every request has its outcome, in order, paid for once.

    big_job.py [--requests 100000] [--seed N] [--processing-time 2s]

About 2,500 bytes a request in the mean (100,000 of them: 250 MB). The figures are for the performance section of README.md.
"""

import argparse
import json
import os
import random
import sys
import time

from harness import MODELS, World, wait_until

# Mean about 2,450 bytes: many short requests, some with long documents.
SIZES = [200, 400, 400, 800, 800, 1500, 1500, 3000, 5000, 8500]
WORDS = ("the quick brown fox jumps over a lazy dog while naïve clients wait for batches at half the price of day time "
         "日本語 emoji 🦊 numbers 12345 and 'quotes' so that bytes are varied ").split(" ")


def write_job(path, count, seed):
    """Gives the number of bytes. Lines are made by hand: json.dumps would take longer than the daemon does."""
    dice = random.Random(seed)
    text = " ".join(dice.choice(WORDS) for _ in range(20_000))
    tools = ('"tools":[{"name":"look","input_schema":{"type":"object","properties":{"at":{"type":"string"}}}}],')
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for number in range(count):
            size = dice.choice(SIZES)
            at = dice.randrange(len(text) - 10_000)
            body = text[at:at + size]
            marker = ""
            if number % 100 == 17:
                marker = ("[[errored:overloaded_error:1]]", "[[expired:1]]", "[[stop:max_tokens]]")[number // 100 % 3]
            elif number % 1000 == 333:
                marker = "[[errored:invalid_request_error]]"
            file.write(f'{{"custom_id":"{number}","params":{{"model":"{dice.choice(MODELS)}","max_tokens":'
                       f'{dice.choice((64, 1024, 8000))},{tools if number % 10 == 3 else ""}"messages":[{{"role":"user",'
                       f'"content":"{number} {marker} {body}"}}]}}}}\n')
    return os.path.getsize(path)


def wanted_outcome(number):
    return b"errored" if number % 1000 == 333 and number % 100 != 17 else b"succeeded"


def check_lines(path, count):
    """Every line has its place and its outcome; the number of problems."""
    problems = 0
    seen = 0
    with open(path, "rb") as file:
        for number, line in enumerate(file):
            seen += 1
            head = b'{"custom_id":"%d","result":{"type":"%s"' % (number, wanted_outcome(number))
            if not line.startswith(head):
                # Spelled otherwise is not wrong.
                parsed = json.loads(line)
                if (parsed["custom_id"], parsed["result"]["type"]) != (str(number), wanted_outcome(number).decode()):
                    problems += 1
    return problems + abs(count - seen)


def peak_rss_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processing-time", default="2s", help="of each batch, at the simulated provider")
    arguments = parser.parse_args()
    count = arguments.requests
    config = {"provider": {"settle_unknown": "15m"}, "log": {"level": "info"},
              "batch": {"linger": "1s"}, "poll": {"min_interval": "500ms", "max_interval": "1s"}}
    ok = False
    world = World({"processing_time": arguments.processing_time}, config)
    try:
        daemon = world.daemon
        aside = daemon.spool / ".big.jsonl"
        size = write_job(aside, count, arguments.seed)
        print(f"big_job: {count} requests, {size / 1e6:.0f} MB, seed {arguments.seed}", flush=True)
        began = time.monotonic()
        os.rename(aside, daemon.incoming / "big.jsonl")
        wait_until(lambda: daemon.job_named("big") or daemon.fail_if_rejected("big"), "it is queued", 600)
        queued = time.monotonic()
        wait_until(lambda: all(daemon.job_named("big")["counts"][one] == 0 for one in ("pending", "assigned")), "all is sent", 600)
        sent = time.monotonic()
        slowest = 0.0
        while not daemon.results_of("big"):
            if not daemon.alive():
                raise AssertionError("offpeakd ended")
            if time.monotonic() - began > 600 + count / 50:
                raise AssertionError(f"not done in time: {daemon.describe()}")
            asked = time.monotonic()
            daemon.status()
            slowest = max(slowest, time.monotonic() - asked)
            time.sleep(0.05)
        done = time.monotonic()
        rss = peak_rss_bytes(daemon.process.pid)
        folder = daemon.results_of("big")[0]
        problems = check_lines(folder / "results.jsonl", count)
        summary = json.loads((folder / "summary.json").read_text())
        counted = sum(summary["counts"].values())
        totals = world.sim.totals()
        database = sum(path.stat().st_size for path in daemon.state.iterdir() if path.is_file())
        status = daemon.terminate()
        ok = (problems == 0 and counted == count and status == 0 and totals["contents_billed_twice"] == 0 and
              totals["contents_overlapped"] == 0 and totals["requests_billed"] == summary["counts"]["succeeded"])
        print(f"  queued after {queued - began:.1f} s, sent after {sent - began:.1f} s, results after {done - began:.1f} s")
        print(f"  slowest answer of the status socket meanwhile {slowest * 1000:.0f} ms")
        print(f"  results.jsonl {(folder / 'results.jsonl').stat().st_size / 1e6:.0f} MB, database {database / 1e6:.1f} MB")
        print(f"  counts {json.dumps(summary['counts'])}, {totals['batches']} batches, "
              f"{totals['requests_created']} attempts")
        print(f"big_job: requests={count} bytes={size} wall_s={done - began:.1f} peak_rss_mb={rss / 1e6:.0f} "
              f"problems={problems} billed_twice={totals['contents_billed_twice']} -> {'ok' if ok else 'FAILED'}")
    finally:
        world.close(failed=not ok)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
