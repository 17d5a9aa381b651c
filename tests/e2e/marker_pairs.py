#!/usr/bin/env python3
"""kill -9 at a named moment, and once more at another during the recovery which that causes: all ordered pairs of the
crash_point() markers of lib/, with a provider that answers, one that loses answers of batches it made, and one that loses
them without making any. A second marker that the recovery never passes is counted as not reached. Judged by the provider's
ledger and the results files. Shows faults 1, 2, 3, 4, 37 and 38.

    marker_pairs.py [--pairs N] [--seconds S] [--seed N] [--all] [--pair FIRST,SECOND]
"""

import argparse
import concurrent.futures
import itertools
import random
import sys
import time
import traceback

from crash_markers import LOSES_AFTER, LOSES_BEFORE, LOSES_OFTEN, NEEDS, markers, play

BOTH_REACHED_SHARE = 0.6  # of the pairs, at the least: a kill that never comes shows nothing
PROVIDERS = {"answers": [], "loses_after": LOSES_AFTER, "loses_before": LOSES_BEFORE, "loses_often": LOSES_OFTEN}


class Pair:
    def __init__(self, first, second, provider):
        self.first, self.second, self.provider = first, second, provider

    def __str__(self):
        return f"{self.first},{self.second},{self.provider}"

    def play(self):
        """Which markers were not reached, the requests, the ledger's totals."""
        missed = []
        requests, totals = play([self.first, self.second], PROVIDERS[self.provider], note_passed=missed)
        return missed, requests, totals


def provider_for(first, second, number):
    """One with which both can be passed, else each in turn."""
    for marker in (first, second):
        if marker in NEEDS:
            return "loses_after" if NEEDS[marker] is LOSES_AFTER else "loses_often"
    return ("answers", "loses_after", "loses_before")[number % 3]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--pairs", type=int, default=60, help="how many, of fixed seed (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=60, help="begin none after so long (default %(default)s)")
    parser.add_argument("--least", type=int, default=10,
                        help="fewer pairs are a failure, and are begun whatever the time (default %(default)s)")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--all", action="store_true", help="every ordered pair")
    parser.add_argument("--pair", action="append", help="only this one: FIRST,SECOND[,PROVIDER]")
    parser.add_argument("--at-once", type=int, default=4)
    arguments = parser.parse_args()
    every = [Pair(first, second, provider_for(first, second, number))
             for number, (first, second) in enumerate(itertools.product(markers(), repeat=2))]
    if arguments.pair:
        chosen = [Pair(*(text.split(",") + ["answers"])[:3]) for text in arguments.pair]
    elif arguments.all:
        chosen = every
    else:
        chosen = random.Random(arguments.seed).sample(every, min(arguments.pairs, len(every)))
    print(f"marker_pairs: --seed {arguments.seed}, {len(markers())} markers, {len(every)} pairs", flush=True)
    until = None if arguments.all or arguments.pair else time.monotonic() + arguments.seconds
    counts = dict.fromkeys(["pairs", "kills", "both_reached", "second_not_reached", "first_not_reached", "requests",
                            "billed_twice", "created_twice", "violations"], 0)

    least = min(arguments.least, len(chosen))
    begun = itertools.count(1)

    def one(pair):
        if next(begun) > least and until is not None and time.monotonic() > until:
            return
        counts["pairs"] += 1
        try:
            missed, requests, totals = pair.play()
        except Exception:  # pylint: disable=broad-except
            counts["violations"] += 1
            print(f"FAILED: --pair {pair}\n{traceback.format_exc()}", flush=True)
            return
        counts["kills"] += 2 - len(missed)
        counts["both_reached"] += not missed
        first_missed = pair.first in missed and (pair.first != pair.second or len(missed) == 2)
        counts["first_not_reached"] += first_missed
        counts["second_not_reached"] += bool(missed) and not first_missed
        counts["requests"] += requests
        counts["billed_twice"] += totals["contents_billed_twice"] + totals["contents_overlapped"]
        # Of each world one request goes again because it has to.
        counts["created_twice"] += max(0, totals["contents_created_twice"] - 1)

    with concurrent.futures.ThreadPoolExecutor(arguments.at_once) as pool:
        for future in [pool.submit(one, pair) for pair in chosen]:
            future.result()
    # A run in which a request has no outcome, or the wrong one, is a violation: play() checks every line.
    ok = (counts["violations"] == 0 and counts["billed_twice"] == 0 and counts["created_twice"] == 0
          and counts["first_not_reached"] == 0 and counts["pairs"] >= least
          and counts["both_reached"] >= BOTH_REACHED_SHARE * counts["pairs"])
    text = " ".join(f"{name}={value}" for name, value in counts.items())
    print(f"marker_pairs: {text} lost={'0' if counts['violations'] == 0 else 'see above'} -> {'ok' if ok else 'FAILED'}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
