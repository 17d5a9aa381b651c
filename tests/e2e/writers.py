"""A job file is taken when its writer is done: real writers of every kind drop files, and every line they wrote is in a
result, in its order, once. Where one writes on after its file was taken, the job, the status and `wait` say so.

One test a place: a folder on a disk, a tmpfs, a daemon that hears no inotify event, a daemon that runs as another user
than the writers (it may not ask the kernel who has a file open). A place that cannot be had here is skipped; the program
exits with 77 where that were all of them, or the one named by --place."""

import argparse
import errno
import json
import mmap
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from fault_control import FOREVER, Control, kinds_of
from harness import BUILD, PATIENCE, World, request, wait_until

SKIPPED = 77
SETTLE = 0.5
PAUSE = 3 * SETTLE  # of a writer between two lines: longer than what is unchanged needs to be
CONFIG = {"intake": {"settle": f"{int(SETTLE * 1000)}ms", "rescan": "1s"}, "poll": {"min_interval": "100ms"}}
NOBODY = 65534


class Skip(Exception):
    pass


# The writers: each drops NAME.jsonl with these lines.

def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


def renamed(folder, name, lines):
    aside = folder.parent / f".{name}.aside"
    aside.write_bytes(b"".join(lines))
    os.rename(aside, folder / f"{name}.jsonl")


def slow_in_place(folder, name, lines):
    with open(folder / f"{name}.jsonl", "wb", buffering=0) as file:
        for line in lines:
            file.write(line)
            time.sleep(PAUSE)


def cut_inside_a_line(folder, name, lines):
    data = b"".join(lines)
    with open(folder / f"{name}.jsonl", "wb", buffering=0) as file:
        for part in (data[:100], data[100:270], data[270:]):
            file.write(part)
            time.sleep(PAUSE)


def preallocated(folder, name, lines):
    data = b"".join(lines)
    with open(folder / f"{name}.jsonl", "w+b", buffering=0) as file:
        file.truncate(len(data))
        time.sleep(PAUSE)
        file.write(data)


def mapped(folder, name, lines):
    data = b"".join(lines)
    fd = os.open(folder / f"{name}.jsonl", os.O_RDWR | os.O_CREAT, 0o660)
    os.ftruncate(fd, len(data))
    view = mmap.mmap(fd, len(data))
    os.close(fd)
    time.sleep(PAUSE)
    view[:] = data
    view.close()


def scp_like(folder, name, lines):
    """In place, cut to its length, then mode and times as they were at home."""
    path = folder / f"{name}.jsonl"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o660)
    for line in lines:
        write_all(fd, line)
        time.sleep(PAUSE)
    os.ftruncate(fd, sum(map(len, lines)))
    os.close(fd)
    os.utime(path, (1_700_000_000, 1_700_000_000))


def rsync_like(folder, name, lines):
    aside = folder / f".{name}.jsonl.Xa81mq"
    with open(aside, "wb", buffering=0) as file:
        for line in lines:
            file.write(line)
            time.sleep(SETTLE)
    os.utime(aside, (1_700_000_000, 1_700_000_000))
    os.rename(aside, folder / f"{name}.jsonl")


def rsync_inplace_like(folder, name, lines):
    fd = os.open(folder / f"{name}.jsonl", os.O_RDWR | os.O_CREAT, 0o660)
    at = 0
    for line in lines:
        os.pwrite(fd, line, at)
        at += len(line)
        time.sleep(PAUSE)
    os.close(fd)


def winscp_like(folder, name, lines):
    aside = folder / f"{name}.jsonl.filepart"
    with open(aside, "wb", buffering=0) as file:
        for line in lines:
            file.write(line)
            time.sleep(PAUSE)
    os.rename(aside, folder / f"{name}.jsonl")


def browser_like(folder, name, lines):
    aside = folder / f"{name}.jsonl.crdownload"
    with open(aside, "wb", buffering=0) as file:
        for line in lines:
            file.write(line)
            time.sleep(PAUSE)
    os.rename(aside, folder / f"{name}.jsonl")


def editor_like(folder, name, lines):
    """vim: may I make files here? A swap file, then the file in place, synced; its mode is set at the end."""
    probe = folder / f".{name}.4913"
    probe.touch()
    probe.unlink()
    swap = folder / f".{name}.jsonl.swp"
    swap.write_bytes(b"b0VIM")
    path = folder / f"{name}.jsonl"
    with open(path, "wb", buffering=0) as file:
        for line in lines:
            file.write(line)
            time.sleep(PAUSE)
        os.fsync(file.fileno())
    path.chmod(0o664)
    swap.unlink()


def two_writers(folder, name, lines):
    path = folder / f"{name}.jsonl"
    with open(path, "ab", buffering=0) as first:
        first.write(lines[0])
        time.sleep(SETTLE / 5)  # the kernel joins opens of the same moment: lib/watch/open_names.hpp
        second = open(path, "ab", buffering=0)
    with second:
        time.sleep(PAUSE)
        for line in lines[1:]:
            second.write(line)


def reopened_soon(folder, name, lines):
    """A shell script: >> for each line."""
    for line in lines:
        with open(folder / f"{name}.jsonl", "ab", buffering=0) as file:
            file.write(line)
        time.sleep(SETTLE / 10)


def read_meanwhile(folder, name, lines):
    """Somebody looks at the file while it is written, and closes it before its writer does."""
    path = folder / f"{name}.jsonl"
    with open(path, "wb", buffering=0) as file:
        file.write(lines[0])
        path.read_bytes()
        time.sleep(PAUSE)
        for line in lines[1:]:
            file.write(line)


WRITERS = [renamed, slow_in_place, cut_inside_a_line, preallocated, mapped, scp_like, rsync_like, rsync_inplace_like,
           winscp_like, browser_like, editor_like, two_writers, reopened_soon, read_meanwhile]
# Where the kernel cannot be asked, a second one who closes a file (two_writers, read_meanwhile) makes the daemon unsure
# (lib/watch/open_names.hpp): it waits for five times `settle`. PAUSE is below that.


# The places.

def on_disk(folder):
    return pathlib.Path(tempfile.mkdtemp(prefix="offpeak-writers-", dir=folder))


def tmpfs_folder():
    shm = pathlib.Path("/dev/shm")
    done = subprocess.run(["stat", "-f", "-c", "%T", str(shm)], capture_output=True, text=True, check=False)
    if done.stdout.strip() != "tmpfs" or not os.access(shm, os.W_OK):
        raise Skip("there is no tmpfs at /dev/shm")
    return on_disk(shm)


def cannot_become_nobody():
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        return "running the daemon as another user needs root and setpriv"
    return None


class Place:
    """One daemon in its surroundings."""

    def __init__(self, kind, config=None, start=True):
        self.kind = kind
        self.base = tmpfs_folder() if kind == "tmpfs" else on_disk(None)
        os.environ["OFFPEAK_E2E_TMP"] = str(self.base)
        self.world = World({"processing_time": "1s"}, {**CONFIG, **(config or {})}, start=False)
        self.daemon = self.world.daemon
        if kind == "blind":
            self.deafen()
        if kind == "stranger":
            self.become_nobody()
        if start:
            self.daemon.start()

    def deafen(self):
        shim = BUILD / "tests" / "faults" / "offpeak_syscall_shim.so"
        if not shim.exists():
            raise Skip(f"{shim} was not built")
        control = Control(self.base / "control", kinds_of("syscall_shim.cpp"))
        control.arm("inotify_init1", errno.EMFILE, 1, FOREVER)
        self.control = control
        self.daemon.env.update(LD_PRELOAD=str(shim), OFFPEAK_FAULT_CONTROL=str(control.path),
                               OFFPEAK_FAULT_UNDER=str(self.daemon.root))
        self.daemon.env["ASAN_OPTIONS"] = "verify_asan_link_order=0:detect_leaks=0"

    def become_nobody(self):
        why_not = cannot_become_nobody()
        if why_not:
            raise Skip(why_not)
        for part in (self.base, self.world.folder):
            part.chmod(0o755)
        root = self.daemon.root
        for folder in (root, root / "spool", root / "spool/incoming"):
            folder.mkdir(exist_ok=True)
            os.chown(folder, NOBODY, NOBODY)
        os.chown(root / "offpeak.toml", NOBODY, NOBODY)
        (root / "spool/incoming").chmod(0o2777)
        self.daemon.prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]

    def check_surroundings(self):
        log = self.daemon.log_text()
        if self.kind == "blind":
            assert self.control.fired() > 0 and "watch.failed" in log, "the daemon hears events"
        else:
            assert "watch.failed" not in log, log
        if self.kind == "stranger":
            uid = os.stat(f"/proc/{self.daemon.process.pid}").st_uid
            assert uid == NOBODY, f"the daemon runs as {uid}"

    def close(self, failed):
        self.world.close(failed)
        shutil.rmtree(self.base, ignore_errors=True)


def lines_of(name, count=3):
    return [request(f"{name}-{i}").line + b"\n" for i in range(count)]


def custom_ids(folder):
    return [json.loads(line)["custom_id"] for line in (folder / "results.jsonl").read_text().splitlines()]


def check_every_writer(place):
    daemon = place.daemon
    failures = []
    threads = []
    for writer in WRITERS:
        name = writer.__name__
        def work(writer=writer, name=name):
            try:
                writer(daemon.incoming, name, lines_of(name))
            except OSError as error:
                failures.append(f"{name}: the writer was disturbed: {error}")
        thread = threading.Thread(target=work)
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join(60 * PATIENCE)
    for writer in WRITERS:
        name = writer.__name__
        try:
            found = custom_ids(daemon.wait_results(name, seconds=60))
            wanted = [f"{name}-{i}" for i in range(3)]
            if found != wanted:
                failures.append(f"{name}: the results are of {found}, written was {wanted}")
        except AssertionError as error:
            failures.append(f"{name}: {error}")
    leftovers = [path.name for folder in (daemon.incoming, daemon.rejected) for path in folder.iterdir()]
    if leftovers:
        failures.append(f"left in incoming/ or rejected/: {leftovers}")
    jobs = daemon.jobs()
    if len(jobs) != len(WRITERS) or any(job["file_changed"] for job in jobs):
        failures.append(f"jobs: {[(job['name'], job['requests'], job['file_changed']) for job in jobs]}")
    if daemon.status()["needs_human"]:
        failures.append(f"needs_human: {daemon.status()['needs_human']}")
    place.check_surroundings()
    if failures:
        raise AssertionError("\n".join(failures))


def check_found_at_start(place):
    """A writer that began before the daemon did: no event tells of it. Where the kernel cannot be asked, nothing can."""
    if place.kind == "stranger":
        return
    daemon = place.daemon
    daemon.terminate()
    lines = lines_of("early", 2)
    with open(daemon.incoming / "early.jsonl", "wb", buffering=0) as file:
        file.write(lines[0])
        daemon.start()
        time.sleep(2 * PAUSE)
        file.write(lines[1])
    assert custom_ids(daemon.wait_results("early")) == ["early-0", "early-1"]


def check_open_when_renamed(place):
    """No event says that the file was moved in whole, and the kernel says that somebody writes it: it is left until its
    writer has closed it."""
    daemon = place.daemon
    lines = lines_of("late", 2)
    aside = daemon.spool / ".late"
    with open(aside, "wb", buffering=0) as file:
        file.write(lines[0])
        os.rename(aside, daemon.incoming / "late.jsonl")
        time.sleep(8 * SETTLE)
        assert "late" not in [job["name"] for job in daemon.jobs()], "taken while its writer has it open"
        file.write(lines[1])
    assert custom_ids(daemon.wait_results("late")) == ["late-0", "late-1"]


def check_late_bytes(place):
    """Renamed into incoming/ and taken at once; its writer goes on through the handle it has kept."""
    daemon = place.daemon
    lines = lines_of("late", 2)
    aside = daemon.spool / ".late"
    with open(aside, "wb", buffering=0) as file:
        file.write(lines[0])
        os.rename(aside, daemon.incoming / "late.jsonl")
        job = wait_until(lambda: daemon.job_named("late"), "the renamed file is a job")
        file.write(lines[1])
    code, _, said = place.world.cli("wait", job["id"])
    assert code == 6, (code, said)
    job = daemon.job(job["id"])
    assert job["state"] == "done" and job["file_changed"] and job["requests"] == 1, job
    assert f"{len(lines[1])} bytes were written" in job["reason"], job
    status = daemon.status()
    assert status["rejected"] == {"unseen": 1}, status
    assert any("late.jsonl" in item["what"] for item in status["needs_human"]), status
    code, out, _ = place.world.cli("show", "late.jsonl")
    assert code == 0 and f"taken as job {job['id']}" in out, out
    command = status["needs_human"][0]["command"].split()[1:]
    code, out, said = place.world.cli(*command)
    assert code == 0 and "bytes were written" in out, (out, said)
    assert daemon.status()["needs_human"] == []


def check_place(kind):
    place = Place(kind)
    failed = True
    try:
        check_every_writer(place)
        (check_open_when_renamed if kind == "blind" else check_late_bytes)(place)
        check_found_at_start(place)
        failed = False
    finally:
        place.close(failed)


def main():
    places = ("disk", "tmpfs", "blind", "stranger")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--place", choices=places, action="append")
    ran = failed = 0
    for kind in parser.parse_args().place or places:
        started = time.monotonic()
        try:
            check_place(kind)
            ran += 1
            print(f"{kind}: {len(WRITERS)} writers, late bytes, found at start: ok, {time.monotonic() - started:.0f} s")
        except Skip as why:
            print(f"{kind}: skipped: {why}")
        except AssertionError as error:
            failed += 1
            print(f"{kind}: failed:\n{error}")
    sys.exit(1 if failed else 0 if ran else SKIPPED)


if __name__ == "__main__":
    main()
