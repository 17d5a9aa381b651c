#!/usr/bin/env python3
"""Answers cut at every byte. Of a create call that was done: in its body, in its head, and as a complete transfer of half
a document; of lists, retrieves, results and cancels: in body and head. A create is never repeated: it is settled by the
list; a read is read again. One daemon meets many cuts, each call another one. Judged by the provider's ledger and by the
results files. Shows faults 4, 5 and 29.

    response_cuts.py [--step 8] [--seed N] [--all]      --all: every byte (--step 1)
"""

import argparse
import concurrent.futures
import json
import sys
import time
import traceback

from harness import World, check_results, jsonl, request, simple_requests, wait_until

CONFIG = {
    "provider": {"settle_unknown": "600ms", "answer_timeout": "10s"},
    "batch": {"linger": "1ms", "max_requests": 2, "max_open_batches": 100000, "max_queued_requests": 1000000},
    "poll": {"min_interval": "5ms", "max_interval": "10ms"},
    "retry": {"backoff": "5ms", "max_backoff": "10ms"},
    "intake": {"settle": "10ms", "rescan": "200ms"},
    "log": {"level": "info"},
}
PARTS = ("body", "head", "truncated")


class Counts:
    def __init__(self):
        self.cuts = {}
        self.requests = self.outcomes = self.billed_twice = self.created_twice = self.creates_repeated = 0
        self.violations = []


def cut(on, nth, part, byte):
    if part == "truncated":
        return {"on": on, "nth": nth, "do": {"action": "garble", "as": "truncated", "bytes": byte}}
    return {"on": on, "nth": nth, "do": {"action": "cut", "part": part, "bytes": byte}}


def sizes_of_answers():
    """How long head and body of each small answer are, asked from a simulator as the daemon asks."""
    sizes = {}
    with World({"processing_time": "1h", "list_lag": "0s"}, start=False) as world:
        connection = world.sim.connection()
        headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}

        def ask(name, method, path, body=None):
            connection.request(method, "/v1/messages/batches" + path, body, headers)
            answer = connection.getresponse()
            data = answer.read()
            assert answer.status == 200, (name, data)
            head = len(f"HTTP/1.1 200 OK\r\n\r\n") + sum(len(f"{key}: {value}\r\n") for key, value in answer.getheaders())
            sizes[name] = {"body": len(data), "head": head, "truncated": len(data)}
            return json.loads(data)
        params = json.loads(request("x", "Hello").params)
        made = ask("create", "POST", "", json.dumps({"requests": [{"custom_id": "x", "params": params}] * 1}).encode())
        ask("list", "GET", "?limit=100")
        ask("retrieve", "GET", "/" + made["id"])
        ask("cancel", "POST", "/" + made["id"] + "/cancel", b"")
        world.sim.end_all()
        other = ask("create", "POST", "", json.dumps({"requests": [{"custom_id": "y", "params": params}]}).encode())
        world.sim.end_all()
        ask("results", "GET", "/" + other["id"] + "/results")
        connection.close()
    return sizes


def finish(world, counts, jobs, creates_repeat=False):
    """Every job's results are complete, the ledger is clean; a create was never made again."""
    for name, requests in jobs:
        folder = world.daemon.wait_results(name, seconds=240)
        # First the sum: other worlds add to the counts meanwhile.
        outcomes = sum(check_results(folder, requests)["counts"].values())
        counts.requests += len(requests)
        counts.outcomes += outcomes
    totals = world.sim.totals()
    counts.billed_twice += totals["contents_billed_twice"] + totals["contents_overlapped"]
    counts.created_twice += totals["contents_created_twice"]
    if not creates_repeat:
        counts.creates_repeated += totals["calls"]["create"] - totals["batches"]
    assert world.daemon.status()["unknown_intents"] == 0
    assert world.daemon.terminate() == 0


def creates(part, places, counts):
    """A job of as many batches as there are places to cut; the n-th create's answer is cut at the n-th."""
    rules = [cut("create", nth, part, byte) for nth, byte in enumerate(places, 1)]
    with World({"processing_time": "200ms", "faults": rules}, CONFIG) as world:
        requests = simple_requests(2 * len(places), "c" + part)
        world.daemon.drop(f"c{part}.jsonl", jsonl(requests))
        finish(world, counts, [("c" + part, requests)])
        counts.cuts[f"create_{part}"] = world.sim.totals()["faults_fired"]


def lists(part, places, counts):
    """While a batch is under way, every second list is cut; then the batch ends."""
    with World({"processing_time": "1h"}, CONFIG) as world:
        requests = simple_requests(2, "l" + part)
        world.daemon.drop(f"l{part}.jsonl", jsonl(requests))
        wait_until(lambda: world.daemon.status()["counts"]["submitted"] == 2, "it is under way")
        world.sim.add_faults([cut("list", 2 * nth, part, byte) for nth, byte in enumerate(places, 1)])
        wait_until(lambda: world.sim.totals()["faults_fired"] >= len(places),
                   lambda: f"{world.sim.totals()['faults_fired']} lists of {len(places)} were cut", 240, 0.1)
        counts.cuts[f"list_{part}"] = world.sim.totals()["faults_fired"]
        world.sim.end_all()
        finish(world, counts, [("l" + part, requests)])


def retrieves(part, places, counts):
    """The list does not show the batch, so it is asked about by its id."""
    hidden = {"on": "create", "do": {"action": "lag", "for": "1h", "retrieve": False}}
    with World({"processing_time": "1h", "faults": [hidden]}, CONFIG) as world:
        requests = simple_requests(2, "r" + part)
        world.daemon.drop(f"r{part}.jsonl", jsonl(requests))
        wait_until(lambda: world.daemon.status()["counts"]["submitted"] == 2, "it is under way")
        world.sim.add_faults([cut("retrieve", 2 * nth, part, byte) for nth, byte in enumerate(places, 1)])
        wait_until(lambda: world.sim.totals()["faults_fired"] - 1 >= len(places),
                   lambda: f"{world.sim.totals()['faults_fired'] - 1} retrieves of {len(places)} were cut", 240, 0.1)
        counts.cuts[f"retrieve_{part}"] = world.sim.totals()["faults_fired"] - 1
        world.sim.end_all()
        finish(world, counts, [("r" + part, requests)])


def results(part, places, counts):
    """The download of one batch is cut again and again, each time at another byte."""
    rules = [cut("results", nth, part, byte) for nth, byte in enumerate(places, 1)]
    with World({"processing_time": "100ms", "faults": rules}, CONFIG) as world:
        requests = simple_requests(1, "d" + part)
        world.daemon.drop(f"d{part}.jsonl", jsonl(requests))
        finish(world, counts, [("d" + part, requests)])
        fired = world.sim.totals()["faults_fired"]
        assert fired == len(places), f"{fired} downloads of {len(places)} were cut"
        counts.cuts[f"results_{part}"] = fired


def cancels(part, places, counts):
    """Jobs of one request each are canceled while their batches are under way; the answers are cut."""
    rules = [cut("cancel", nth, part, byte) for nth, byte in enumerate(places, 1)]
    # Alone in its batch, so that the batch is canceled.
    config = {**CONFIG, "batch": {**CONFIG["batch"], "max_requests": 1}}
    with World({"processing_time": "20h", "cancel_time": "50ms", "faults": rules}, config) as world:
        # What the provider had done before the cancel came keeps its true outcome, and is paid for.
        ends = ("canceled", "succeeded")
        jobs = [(f"x{part}{i}", [request(f"x{part}{i}", "Hello", ends)]) for i in range(len(places))]
        for name, one in jobs:
            world.daemon.drop(name + ".jsonl", jsonl(one))
        wait_until(lambda: world.daemon.status()["counts"]["submitted"] == len(jobs), "all are under way", 240)
        for job in world.daemon.jobs():
            world.daemon.post(f"/v1/jobs/{job['id']}/cancel")
        finish(world, counts, jobs)
        totals = world.sim.totals()
        assert totals["rows"]["canceled"] > 0.9 * len(jobs), totals
        counts.cuts[f"cancel_{part}"] = totals["faults_fired"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--step", type=int, default=8, help="every so-many-th byte (default %(default)s)")
    parser.add_argument("--seed", type=int, default=3, help="which of them")
    parser.add_argument("--all", action="store_true", help="every byte")
    parser.add_argument("--only", help="one call and part, as create_body")
    parser.add_argument("--at-once", type=int, default=3)
    arguments = parser.parse_args()
    step = 1 if arguments.all else arguments.step
    sizes = sizes_of_answers()
    counts = Counts()
    kinds = {"create": creates, "list": lists, "retrieve": retrieves, "results": results, "cancel": cancels}

    def one(call, part):
        # A cut behind the last byte of a head is one before the body's first; of a body, none at all.
        places = list(range(arguments.seed % step, sizes[call][part], step))
        if call == "cancel" and not arguments.all:
            places = places[::3]
        began = time.monotonic()
        try:
            kinds[call](part, places, counts)
        except Exception:  # pylint: disable=broad-except
            counts.violations.append(f"{call}_{part}")
            print(f"FAILED: --only {call}_{part}\n{traceback.format_exc()}", flush=True)
        print(f"response_cuts: {call}_{part}={counts.cuts.get(f'{call}_{part}', 0)} of {sizes[call][part]} bytes, "
              f"{time.monotonic() - began:.1f} s", flush=True)

    chosen = [(call, part) for call in kinds for part in PARTS
              if (not arguments.only or arguments.only == f"{call}_{part}") and not (call == "results" and part == "truncated")]
    with concurrent.futures.ThreadPoolExecutor(arguments.at_once) as pool:
        for future in [pool.submit(one, *which) for which in chosen]:
            future.result()
    missing = [f"{call}_{part}" for call, part in chosen if not counts.cuts.get(f"{call}_{part}")]
    if missing:
        print(f"response_cuts: nothing was cut of {', '.join(missing)}", flush=True)
    ok = (not counts.violations and not missing and counts.requests == counts.outcomes and counts.billed_twice == 0
          and counts.created_twice == 0 and counts.creates_repeated == 0 and counts.requests > 0)
    print(f"response_cuts: cuts={sum(counts.cuts.values())} " +
          " ".join(f"{name}={number}" for name, number in sorted(counts.cuts.items())) +
          f" requests={counts.requests} outcomes={counts.outcomes} lost={counts.requests - counts.outcomes} "
          f"billed_twice={counts.billed_twice} created_twice={counts.created_twice} "
          f"creates_repeated={counts.creates_repeated} violations={len(counts.violations)} -> {'ok' if ok else 'FAILED'}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
