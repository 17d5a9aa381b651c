"""How offpeakd grows: the whole job of short requests from ten thousand to ten million of them, and ten thousand jobs of one
request, each with somebody who asks for the status all the time. Parts of bench.py."""

import os
import time

from measure import Asking, Daemon, Skipped, check_results, cpu_seconds, latency, log_time, make_job, peak_mib
from nginx import Nginx

SIZES = (10_000, 100_000, 1_000_000)
LARGEST = 10_000_000
JOBS = 10_000


def database_bytes(daemon):
    return sum(path.stat().st_size for path in daemon.state.iterdir() if path.name.startswith("offpeak.db"))


def whole_job(provider, requests, asked=None):
    """`asked`: another (socket, path) that is asked all the time, instead of the status."""
    job = make_job(requests, short=True)
    provider.reset()
    daemon = Daemon(provider, {"batch": {"max_queued_requests": 2 * LARGEST}})
    try:
        daemon.place(job)
        daemon.start()
        cpu, dropped_at = cpu_seconds(daemon.pid), time.time()
        asking = Asking(*(asked or (daemon.socket, "/v1/status")))
        asking.start()
        daemon.drop_placed()
        folder = daemon.wait_for_results()
        status = asking.stop()
        figures = {"requests": requests, "cpu_s": cpu_seconds(daemon.pid) - cpu, "peak": peak_mib(daemon.pid),
                   "wall_s": log_time(daemon, "job.done") - dropped_at, "database": database_bytes(daemon), **status}
        check_results(provider, job, folder, requests)
        daemon.terminate()
    finally:
        daemon.remove()
        if requests == LARGEST:
            job.unlink()
    return figures


def part_scale(provider, options, results):
    results["scale"] = [whole_job(provider, requests) for requests in SIZES + ((LARGEST,) if options.all else ())]
    try:
        nginx = Nginx()
    except Skipped:
        return
    try:
        # What an answer that takes no work needs while the machine is that busy.
        results["scale_nginx"] = whole_job(provider, SIZES[-1], (nginx.socket, "/"))
    finally:
        nginx.close()


def part_many(provider, _options, results):
    """Ten thousand jobs of one request each, all dropped at once."""
    lines = make_job(JOBS, short=True).read_bytes().splitlines(keepends=True)
    provider.reset()
    daemon = Daemon(provider, {"batch": {"linger": "1s"}})
    try:
        daemon.incoming.mkdir(parents=True, exist_ok=True)
        aside = daemon.spool / ".aside"
        aside.mkdir()
        for place, line in enumerate(lines):
            (aside / f"{place}.jsonl").write_bytes(line)
        os.sync()
        daemon.start()
        cpu = cpu_seconds(daemon.pid)
        asking = Asking(daemon.socket, "/v1/status")
        asking.start()
        began = time.monotonic()
        for place in range(JOBS):
            os.rename(aside / f"{place}.jsonl", daemon.incoming / f"{place}.jsonl")
        while (done := sum(not name.startswith(".") for name in os.listdir(daemon.results))) < JOBS:
            if time.monotonic() - began > 1800 or not daemon.alive():
                raise AssertionError(f"{done} of {JOBS} jobs are done")
            time.sleep(0.05)
        wall, status = time.monotonic() - began, asking.stop()
        counted = provider.counted()
        if counted["requests"] != JOBS or counted["ids_twice"] != 0:
            raise AssertionError(f"the provider got {counted['requests']} requests, {counted['ids_twice']} twice")
        results["many"] = {"jobs": JOBS, "wall_s": wall, "cpu_s": cpu_seconds(daemon.pid) - cpu, "peak": peak_mib(daemon.pid),
                           "batches": counted["batches"], "database": database_bytes(daemon), **status}
        daemon.terminate()
    finally:
        daemon.remove()
