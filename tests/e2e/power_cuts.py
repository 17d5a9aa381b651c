#!/usr/bin/env python3
"""Power cuts on a real ext4 (or XFS) in an image on a loop device: the daemon is frozen, the file system is shut down
without writing its log, taken off and mounted again, as after a power cut; then the daemon starts on what is left. The
provider loses answers and cuts results meanwhile. Judged by the provider's ledger and by the results files; and what the
daemon has acknowledged (201 on its socket) must still be there. Shows faults 1, 3, 22, 37, 38 and 59.

    power_cuts.py [--cuts 40] [--requests 800] [--seed N] [--fs ext4|xfs]

Needs root, a loop device and mount; where they are not to be had it says so and exits 77. Freezing first is what makes
the cut honest: an fdatasync that is under way while the file system shuts down can return 0, a real power cut cannot
acknowledge anything behind itself.
"""

import argparse
import fcntl
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

from harness import World, check_paid_once, check_results, jsonl, simple_requests, wait_until
from random_kills import FAULTS

SKIPPED = 77
SHUT_DOWN = 0x8004587D  # _IOR('X', 125, __u32), of ext4, XFS and others
WITHOUT_LOG_FLUSH = 2
MAKE = {"ext4": ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"], "xfs": ["mkfs.xfs", "-q", "-f"]}
SIZE = {"ext4": 192 * 1024 * 1024, "xfs": 320 * 1024 * 1024}
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def command(*words):
    done = subprocess.run(words, capture_output=True, check=False, env={**os.environ, "PATH": PATH})
    if done.returncode != 0:
        raise OSError(f"{' '.join(map(str, words))}: {done.stderr.decode().strip() or done.returncode}")


class Disk:
    """An image with a file system, mounted at a folder."""

    def __init__(self, image, folder, kind):
        self.image, self.folder, self.mounted = pathlib.Path(image), pathlib.Path(folder), False
        with open(image, "wb") as file:
            file.truncate(SIZE[kind])
        command(*MAKE[kind], str(image))
        self.mount()

    def mount(self):
        command("mount", "-o", "loop", str(self.image), str(self.folder))
        self.mounted = True

    def shut_down(self):
        fd = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, SHUT_DOWN, struct.pack("I", WITHOUT_LOG_FLUSH))
        finally:
            os.close(fd)

    def unmount(self):
        # What was killed may take a moment to let go of its files.
        def try_once():
            try:
                command("umount", str(self.folder))
                return True
            except OSError:
                return False
        if self.mounted:
            wait_until(try_once, "it can be unmounted", 20)
            self.mounted = False


def why_not(kind):
    """Why this machine cannot do it, or nothing. Also proves that a cut forgets what was not synced."""
    if os.geteuid() != 0:
        return "needs root"
    if shutil.which(MAKE[kind][0], path=PATH) is None:
        return f"{MAKE[kind][0]} is not installed"
    folder = pathlib.Path(tempfile.mkdtemp(prefix="offpeak-cut-"))
    try:
        (folder / "at").mkdir()
        disk = Disk(folder / "image", folder / "at", kind)
        try:
            (folder / "at" / "unsynced").write_text("x")
            disk.shut_down()
            disk.unmount()
            disk.mount()
            if (folder / "at" / "unsynced").exists():
                return "a shut-down file system still had what was never synced"
        finally:
            disk.unmount()
    except OSError as error:
        return str(error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return None


class Run:
    def __init__(self, cuts, count, seed, kind):
        self.cuts_wanted = cuts
        self.dice = random.Random(seed)
        self.cuts = self.acknowledged = self.in_recovery = 0
        files = max(2, min(cuts // 2, count // 10))
        self.jobs = [(f"p{i}", simple_requests(count // files, f"p{i}", "Hello " + "x" * 50)) for i in range(files)]
        config = {"provider": {"settle_unknown": "500ms"}, "log": {"level": "info"},
                  "batch": {"linger": "20ms", "max_requests": max(1, count // 60), "max_open_batches": 4},
                  "poll": {"min_interval": "50ms", "max_interval": "100ms"}}
        self.world = World({"faults": FAULTS, "processing_time": "150ms"}, config, ["--seed", str(seed)], start=False)
        self.disk = Disk(self.world.folder / "image", self.world.daemon.root, kind)
        self.world.daemon.write_config()
        command("sync", "-f", str(self.world.daemon.root))
        self.usual_start = 0.0

    def close(self, failed):
        self.world.daemon.close()
        self.disk.unmount()
        self.world.close(failed)

    def drop(self, name, requests):
        """As a user who wants his file to survive: synced, and its folder too."""
        incoming = self.world.daemon.incoming
        aside = incoming / ("." + name)
        with open(aside, "wb") as file:
            file.write(jsonl(requests))
            file.flush()
            os.fsync(file.fileno())
        os.rename(aside, incoming / (name + ".jsonl"))
        fd = os.open(incoming, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)

    def cut(self):
        daemon = self.world.daemon
        assert daemon.alive(), f"the daemon ended by itself with {daemon.process.popen.returncode}"
        daemon.process.signal(signal.SIGSTOP)
        time.sleep(0.01)
        self.disk.shut_down()
        daemon.kill9()
        self.disk.unmount()
        self.disk.mount()
        self.cuts += 1

    def submit_and_cut(self, name, requests):
        """What was acknowledged a moment before the cut must be there behind it."""
        daemon = self.world.daemon
        daemon.start()
        reply = daemon.call("POST", f"/v1/jobs?name={name}", jsonl(requests))
        assert reply.status == 201, (reply.status, reply.body)
        self.cut()
        self.acknowledged += 1
        daemon.start()
        assert daemon.job_named(name), f"{name} was acknowledged and is gone"

    def live_and_cut(self):
        daemon = self.world.daemon
        if not daemon.alive():
            daemon.start(wait=False)
            if self.dice.random() < 0.5:
                self.in_recovery += 1
                time.sleep(self.dice.uniform(0, self.usual_start * 1.5))
            else:
                time.sleep(self.usual_start + self.dice.uniform(0, 0.8))
        else:
            time.sleep(self.dice.uniform(0, 0.8))
        self.cut()

    def play(self):
        daemon = self.world.daemon
        began = time.monotonic()
        daemon.start()
        self.usual_start = time.monotonic() - began
        assert daemon.terminate() == 0
        command("sync", "-f", str(daemon.root))
        waiting = list(self.jobs)
        every = max(1, self.cuts_wanted // len(waiting))
        while self.cuts < self.cuts_wanted or waiting:
            if waiting and self.cuts % every == 0:
                name, requests = waiting.pop(0)
                if len(waiting) % 3 == 0 and not daemon.alive():
                    self.submit_and_cut(name, requests)
                    continue
                self.drop(name, requests)
            self.live_and_cut()
        if not daemon.alive():
            daemon.start()
        wait_until(lambda: all(daemon.results_of(name) for name, _ in self.jobs),
                   lambda: f"every job is done; {daemon.describe()}", 180)
        wait_until(lambda: all(job["done_at"] for job in daemon.jobs()), "the queue knows it")
        assert daemon.terminate() == 0

    def judge(self):
        daemon, sim = self.world.daemon, self.world.sim
        requests = [one for _, job in self.jobs for one in job]
        outcomes, problems = 0, []
        for name, job in self.jobs:
            folders = daemon.results_of(name)
            try:
                assert len(folders) == 1, f"{len(folders)} results folders"
                outcomes += sum(check_results(folders[0], job)["counts"].values())
            except AssertionError as error:
                problems.append(f"{name}: {error}")
        totals = sim.totals()
        twice = totals["contents_billed_twice"] + totals["contents_overlapped"] + totals["contents_created_after_billed"]
        ok = (not problems and outcomes == len(requests) and twice == 0 and totals["contents_created_twice"] == 0
              and totals["requests_billed"] == len(requests))
        for problem in problems:
            print(problem)
        print(f"power_cuts: cuts={self.cuts} in_recovery={self.in_recovery} acknowledged={self.acknowledged} "
              f"jobs={len(self.jobs)} requests={len(requests)} outcomes={outcomes} lost={len(requests) - outcomes} "
              f"billed={totals['requests_billed']} billed_twice={totals['contents_billed_twice']} "
              f"created_twice={totals['contents_created_twice']} batches={totals['batches']} "
              f"answers_lost_or_cut={totals['faults_fired']} -> {'ok' if ok else 'FAILED'}", flush=True)
        if ok:
            check_paid_once(sim, requests)
        return ok


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cuts", type=int, default=40)
    parser.add_argument("--requests", type=int, default=800)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--fs", choices=sorted(MAKE), default="ext4")
    arguments = parser.parse_args()
    reason = why_not(arguments.fs)
    if reason:
        print(f"power cuts: not run: {reason}")
        return SKIPPED
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().getrandbits(32)
    print(f"power_cuts: --seed {seed} --fs {arguments.fs}", flush=True)
    run = Run(arguments.cuts, arguments.requests, seed, arguments.fs)
    ok = False
    try:
        run.play()
        ok = run.judge()
    finally:
        run.close(failed=not ok)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
