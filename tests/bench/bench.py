#!/usr/bin/env python3
"""The benchmark: every performance goal as one figure, against a floor that is measured in the same run.

    bench.py [--all] [--runs N] [--only PART,...] [--no-report]

Without --all: the job of 100,000 requests, ten thousand jobs of one, and everything short, some five minutes. With it also
the job of a million requests and of ten million short ones, the status socket beside a file of 10 GB, and ten million
queued requests: longer, and 40 GB of disk.

It writes last_run.md and its pictures beside itself (not with --only). Timings of a busy machine are noisy: what is
compared is run alternately, medians are shown with their spread, and only ratios of one run mean something.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import report
import scale
from measure import (BUILD, PROGRAMS, SOURCE, WORK, Asking, Daemon, Provider, Skipped, bench_program, check_results, cpu_seconds, harness,
                     latency, log_time, make_job, median, peak_mib, private_mib, read_bytes, rss_mib, run_timed, spread,
                     stat_ticks, switches)
from nginx import Nginx

JOB_REQUESTS = 100_000
RECORDED_REQUESTS = 1_000, 18_000  # their answers are one file of a download
LARGE_JOB_REQUESTS = 1_000_000
QUEUED_REQUESTS = 10_000_000
CLAIMS = 15


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


# ---- the same job, whole process

class Job:
    """Figures of runs of one kind."""

    def __init__(self):
        self.wall, self.cpu, self.peak = [], [], []
        self.intake, self.upload, self.download = [], [], []

    def add(self, wall, cpu, peak):
        self.wall.append(wall)
        self.cpu.append(cpu)
        self.peak.append(peak)

    def row(self):
        return {"wall": median(self.wall), "cpu": median(self.cpu), "peak": max(self.peak), "spread": spread(self.wall),
                "runs": len(self.wall)}


def run_floor(provider, job, requests, tls=False):
    url = provider.tls_url if tls else provider.url
    trust = ["--cacert", str(provider.authority)] if tls else []
    out = WORK / "raw.out"
    out.unlink(missing_ok=True)
    curl = ["curl", "-sS", *trust]
    up = run_timed([*curl, "-o", "/dev/null", "-H", "Expect:", "-X", "POST", "-T", str(job), url + "/_bench/raw"])
    down = run_timed([*curl, "-o", str(out), f"{url}/_bench/raw?lines={requests}"])
    out.unlink()
    return up[0] + down[0], up[1] + down[1], max(up[2], down[2]), up[0], down[0]


def run_offpeak(provider, job, requests, into, tls=False):
    provider.reset()
    daemon = Daemon(provider, tls=tls)
    try:
        daemon.place(job)
        daemon.start()
        cpu = cpu_seconds(daemon.pid)
        dropped_at = time.time()
        began = time.monotonic()
        daemon.drop_placed()
        folder = daemon.wait_for_results()
        wall = time.monotonic() - began
        into.add(wall, cpu_seconds(daemon.pid) - cpu, peak_mib(daemon.pid))
        into.intake.append(log_time(daemon, "job.accepted") - dropped_at)
        first = provider.counted()["uploads"][0]
        into.upload.append(first["bytes"] / first["seconds"])
        check_results(provider, job, folder, requests)
        if daemon.terminate() != 0:
            raise AssertionError("offpeakd did not end with 0")
    finally:
        daemon.remove()


def install_peers():
    """The SDK and its companion from npm, into the build folder."""
    for tool in ("node", "npm"):
        if not shutil.which(tool):
            raise Skipped(f"{tool} is not installed")
    folder = WORK / "peers"
    folder.mkdir(parents=True, exist_ok=True)
    for file in (SOURCE / "tests" / "bench" / "peers").iterdir():
        shutil.copy(file, folder)
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    def there(name):
        package = folder / "node_modules" / name / "package.json"
        return package.exists() and json.loads(package.read_text())["version"] == wanted[name]
    if not all(there(name) for name in wanted):
        say("installing the peers with npm (a database module may be compiled: some minutes)")
        environment = dict(os.environ)
        if pathlib.Path("/usr/include/node/node.h").exists():
            environment.setdefault("npm_config_nodedir", "/usr")
        command = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Skipped(f"npm install failed: {done.stderr.strip().splitlines()[-1:]}")
    return folder


def run_peer(provider, folder, script, job, requests, into):
    provider.reset()
    out, database = WORK / "peer.out", WORK / "peer.db"
    for path in WORK.glob("peer.*"):
        path.unlink()
    into.add(*run_timed(["node", str(folder / f"{script}.mjs"), str(job), str(out), provider.url, str(database)]))
    counted = provider.counted()
    with open(out, "rb") as file:
        lines = sum(1 for _ in file)
    if counted["requests"] != requests or lines != requests:
        raise AssertionError(f"{script}: {counted['requests']} requests, {lines} results")
    for path in WORK.glob("peer.*"):
        path.unlink()


def recording(provider, runs):
    """Lines a second once they have arrived: what long downloads of one file take more than short ones."""
    few, many = RECORDED_REQUESTS
    took = {requests: median([recorded(provider, requests) for _ in range(runs)]) for requests in RECORDED_REQUESTS}
    return (many - few) / (took[many] - took[few])


def recorded(provider, requests):
    """Seconds from the last byte of a download to the end of its batch."""
    job = make_job(requests)
    provider.reset()
    daemon = Daemon(provider)
    try:
        daemon.place(job)
        daemon.start()
        daemon.drop_placed()
        daemon.wait_for_results()
        arrived = (daemon.state / "downloads" / "1.1.jsonl").stat().st_mtime
        return log_time(daemon, "batch.collected") - arrived
    finally:
        daemon.remove()


def part_job(provider, options, results):
    """Alternately: the floor, offpeakd, the floor over TLS, offpeakd over TLS; then the peers."""
    job = make_job(JOB_REQUESTS)
    kinds = {name: Job() for name in ("floor", "offpeakd", "floor over TLS", "offpeakd over TLS")}
    tls_floor = []
    for number in range(options.runs + 1):
        # The first round is not counted: it warms the machine's memory up.
        warm = {name: Job() for name in kinds} if number == 0 else kinds
        for tls in (False, True):
            suffix = " over TLS" if tls else ""
            wall, cpu, peak, up, down = run_floor(provider, job, JOB_REQUESTS, tls)
            warm["floor" + suffix].add(wall, cpu, peak)
            warm["floor" + suffix].upload.append(job.stat().st_size / up)
            warm["floor" + suffix].download.append(down)
            run_offpeak(provider, job, JOB_REQUESTS, warm["offpeakd" + suffix], tls)
        command = [bench_program("tls_upload"), str(provider.tls_port), str(job), str(provider.authority)]
        upload = subprocess.run(command, capture_output=True, text=True, check=True)
        if number:
            tls_floor.append(job.stat().st_size / float(upload.stdout))
        walls = ", ".join(f"{name} {kind.wall[-1]:.2f} s" for name, kind in warm.items())
        say(f"job, round {number} of {options.runs}: {walls}")
    results["job"] = {name: kind.row() for name, kind in kinds.items()}
    ours = kinds["offpeakd"]
    results["job_bytes"] = job.stat().st_size
    results["intake"] = {"seconds": median(ours.intake), "lines": JOB_REQUESTS / median(ours.intake),
                         "mb": job.stat().st_size / median(ours.intake) / 1e6}
    results["record"] = recording(provider, options.runs)
    results["tls_upload"] = {"ours": median(kinds["offpeakd over TLS"].upload) / 1e6, "floor": median(tls_floor) / 1e6}


def part_peers(provider, options, results):
    """In turn with offpeakd: a machine that slows down does so for all."""
    job = make_job(JOB_REQUESTS)
    folder = install_peers()
    ours, peers = Job(), {report.PLAIN: Job(), report.DURABLE: Job()}
    for _ in range(3 if options.all else 1):
        for label, script in ((report.PLAIN, "plain"), (report.DURABLE, "durable")):
            for _ in range(3):
                run_offpeak(provider, job, JOB_REQUESTS, ours)
            run_peer(provider, folder, script, job, JOB_REQUESTS, peers[label])
            say(f"offpeakd {ours.wall[-1]:.2f} s, {label}: {peers[label].wall[-1]:.1f} s")
    results["peers"] = {label: kind.row() for label, kind in peers.items()}
    results["beside_peers"] = ours.row()


def part_calls(provider, _options, results):
    """fdatasync and pwrite of the same job, in a run of its own."""
    if not shutil.which("strace"):
        raise Skipped("strace is not installed")
    job = make_job(JOB_REQUESTS)
    provider.reset()
    out = WORK / "strace"
    daemon = Daemon(provider, prefix=["strace", "-f", "--seccomp-bpf", "-c", "-o", str(out), "-e",
                                      "trace=fdatasync,fsync,pwrite64,pwritev,write"])
    try:
        daemon.place(job)
        daemon.start()
        daemon.drop_placed()
        folder = daemon.wait_for_results()
        check_results(provider, job, folder, JOB_REQUESTS)
        child = pathlib.Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()[0]
        os.kill(int(child), signal.SIGTERM)
        daemon.process.wait()
    finally:
        daemon.remove()
    counts = {}
    for line in out.read_text().splitlines():
        words = line.split()
        if words and words[0].replace(".", "").isdigit():
            counts[words[-1]] = int(words[3])
    sync = counts.get("fdatasync", 0) + counts.get("fsync", 0)
    results["syscalls"] = {"sync": sync, "pwrite": counts.get("pwrite64", 0), "write": counts.get("write", 0)}


# ---- the status socket

def part_status(provider, options, results):
    provider.reset()
    nginx = Nginx()
    daemon = Daemon(provider)
    try:
        daemon.start()
        ours, theirs = [], []
        latency(daemon.socket, "/v1/status", 2000)
        latency(nginx.socket, "/", 2000)
        for _ in range(5):
            theirs.append(latency(nginx.socket, "/", 20_000))
            ours.append(latency(daemon.socket, "/v1/status", 20_000))
        results["status"] = {key: median([one[key] for one in ours]) for key in ("p50_us", "p99_us")}
        results["nginx"] = {key: median([one[key] for one in theirs]) for key in ("p50_us", "p99_us")}
        requests = 3_750_000 if options.all else 300_000
        job = make_job(requests)
        daemon.post("/v1/pause")
        daemon.place(job, "large")
        daemon.drop_placed("large")
        asking = Asking(daemon.socket, "/v1/status")
        asking.start()
        while not daemon.job_named("large"):
            daemon.fail_if_rejected("large")
            time.sleep(0.01)
        results["status_busy"] = {"gigabytes": job.stat().st_size / 1e9, **asking.stop()}
        daemon.terminate()
    finally:
        nginx.close()
        daemon.remove()
        if options.all:
            make_job(3_750_000).unlink()


# ---- idle, and calls to the provider

def part_idle(provider, _options, results):
    provider.reset()
    # Everything as it is by default.
    defaults = {"batch": {"linger": "10s"}, "poll": {"min_interval": "10s", "max_interval": "60s"}}
    daemon = Daemon(provider, defaults)
    try:
        daemon.start()
        time.sleep(3)
        ticks, woken = stat_ticks(daemon.pid), switches(daemon.pid)
        precise = cpu_seconds(daemon.pid)
        time.sleep(20)
        results["idle"] = {"rss": rss_mib(daemon.pid), "private": private_mib(daemon.pid),
                           "ticks": round((stat_ticks(daemon.pid) - ticks) * 100),
                           "woken": switches(daemon.pid) - woken,
                           "cpu_ms": (cpu_seconds(daemon.pid) - precise) * 1000}
        daemon.terminate()
    finally:
        daemon.remove()
    daemon = Daemon(provider, defaults, tls=True)
    try:
        daemon.start()
        time.sleep(3)
        results["idle"].update(tls_rss=rss_mib(daemon.pid), tls_private=private_mib(daemon.pid))
        daemon.terminate()
    finally:
        daemon.remove()


def part_polls(provider, _options, results):
    """Fifty batches in flight; list and retrieve calls a poll, without watchers and with ten."""
    job = make_job(5000, short=True)
    provider.reset(processing_ms=60_000)
    config = {"batch": {"linger": "1ms", "max_requests": 100}, "poll": {"min_interval": "500ms", "max_interval": "500ms"}}
    daemon = Daemon(provider, config)
    watchers = []
    try:
        daemon.start()
        daemon.place(job)
        daemon.drop_placed()
        harness.wait_until(lambda: len(daemon.batches()) == 50, "fifty batches", 60)
        time.sleep(1)
        def rate():
            before = provider.counted()["calls"]
            time.sleep(6)
            after = provider.counted()["calls"]
            return sum(after[name] - before[name] for name in ("list", "retrieve", "results", "create")) / 12
        alone = rate()
        for _ in range(10):
            command = [harness.program("offpeak"), "--socket", str(daemon.socket), "watch"]
            quiet = subprocess.DEVNULL
            watchers.append(subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet))
        time.sleep(1)
        watched = rate()
        results["polls"] = {"batches": len(daemon.batches()), "alone": alone, "watched": watched,
                            "watchers": sum(one.poll() is None for one in watchers)}
        daemon.terminate()
    finally:
        for one in watchers:
            one.kill()
            one.wait()
        daemon.remove()
        provider.reset()


# ---- large

def part_million(provider, options, results):
    """A job of a million requests, whole process; the floor beside it."""
    requests = LARGE_JOB_REQUESTS
    job = make_job(requests)
    kinds = {"floor": Job(), "offpeakd": Job()}
    for _ in range(1):
        kinds["floor"].add(*run_floor(provider, job, requests)[:3])
        provider.reset()
        daemon = Daemon(provider, {"batch": {"max_queued_requests": 2_000_000}})
        try:
            daemon.place(job)
            daemon.start()
            cpu, began = cpu_seconds(daemon.pid), time.monotonic()
            daemon.drop_placed()
            folder = daemon.wait_for_results()
            kinds["offpeakd"].add(time.monotonic() - began, cpu_seconds(daemon.pid) - cpu, peak_mib(daemon.pid))
            check_results(provider, job, folder, requests)
            daemon.terminate()
        finally:
            daemon.remove()
    results["million"] = {name: kind.row() for name, kind in kinds.items()}


def queued(provider, requests, name):
    """A daemon, killed, on which so many requests wait; figures of the intake and the restart."""
    job = make_job(requests, short=True)
    daemon = Daemon(provider, name=name)
    figures = {}
    try:
        daemon.place(job)
        daemon.start()
        daemon.post("/v1/pause")
        began, first_byte = time.monotonic(), read_bytes(daemon.pid)
        daemon.drop_placed()
        size = job.stat().st_size
        marks = {}
        while not daemon.job_named("job"):
            done = (read_bytes(daemon.pid) - first_byte) / size
            for mark in (0.1, 0.9, 1.0):
                if done >= mark:
                    marks.setdefault(mark, time.monotonic() - began)
            time.sleep(0.005)
        figures["intake_s"] = time.monotonic() - began
        figures["first"], figures["last"] = marks[0.1], marks.get(1.0, figures["intake_s"]) - marks[0.9]
        figures["intake_peak"] = peak_mib(daemon.pid)
        daemon.kill9()
        figures["restart_s"] = restart(daemon)
        figures["database"] = sum(path.stat().st_size for path in daemon.state.iterdir() if path.is_file()) / requests
        figures["resting"] = rss_mib(daemon.pid)
        daemon.kill9()
    except BaseException:
        daemon.remove()
        raise
    return daemon, figures


def restart(daemon):
    began = time.monotonic()
    daemon.start()
    return time.monotonic() - began


def claim(daemon):
    """From the word to go on to the durable intent of the first full batch; what was claimed and not sent waits again."""
    restart(daemon)
    before = daemon.log_text().count(" intent.written ")
    began = time.monotonic()
    daemon.post("/v1/resume")
    while daemon.log_text().count(" intent.written ") == before:
        if time.monotonic() - began > 60:
            raise AssertionError(f"nothing was claimed\n{harness.tail(daemon.log)}")
        time.sleep(0.0005)
    took = time.monotonic() - began
    daemon.post("/v1/pause")
    peak = peak_mib(daemon.pid)
    daemon.kill9()
    return took, peak


def part_queue(provider, _options, results):
    provider.reset()
    small, _ = queued(provider, 100_000, "small")
    try:
        large, figures = queued(provider, QUEUED_REQUESTS, "large")
        try:
            # In turn: a machine that slows down does so for both.
            took = [(claim(small)[0], *claim(large)) for _ in range(CLAIMS)]
        finally:
            large.remove()
    finally:
        small.remove()
    figures["small_claim_s"] = median([each[0] for each in took])
    figures["claim_s"] = median([each[1] for each in took])
    figures["peak"] = max(each[2] for each in took)
    results["queue"] = figures
    make_job(QUEUED_REQUESTS, short=True).unlink()


PARTS = {"job": part_job, "peers": part_peers, "calls": part_calls, "status": part_status, "idle": part_idle,
         "polls": part_polls, "many": scale.part_many, "scale": scale.part_scale, "million": part_million,
         "queue": part_queue}
LONG = ("million", "queue")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--all", action="store_true", help="the long ones too, with 40 GB of disk")
    parser.add_argument("--runs", type=int, default=5, help="rounds of the main comparison (default 5)")
    parser.add_argument("--only", default="", help="parts, with commas: " + ", ".join(PARTS))
    parser.add_argument("--no-report", action="store_true", help="print, but write no files")
    options = parser.parse_args()
    chosen = options.only.split(",") if options.only else [name for name in PARTS if options.all or name not in LONG]
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}")
    for path in (BUILD / "offpeakd", PROGRAMS / "bench_make_job"):
        if not path.exists():
            parser.error(f"{path} is missing: use ./dev bench")
    WORK.mkdir(parents=True, exist_ok=True)
    results = {"load": [f"{os.getloadavg()[0]:.1f}"], "skipped": {}, "runs": options.runs}
    began = time.monotonic()
    provider = Provider()
    try:
        for name in chosen:
            say(f"{name} ...")
            try:
                PARTS[name](provider, options, results)
            except Skipped as reason:
                say(f"{name} is skipped: {reason}")
                results["skipped"][name] = str(reason)
            results["load"].append(f"{os.getloadavg()[0]:.1f}")
    finally:
        provider.close()
    results["took"] = time.monotonic() - began
    text = report.markdown(results)
    print(text)
    (WORK / "last_run.json").write_text(json.dumps(results, indent=1))
    if not options.only and not options.no_report:
        report.write(results, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
