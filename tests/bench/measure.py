"""What the benchmark runs and how it is measured: the fake provider, offpeakd, curl, the peers; wall time, CPU, memory.

OFFPEAK_BUILD names the build folder with the Release programs.
"""

import datetime
import http.client
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import threading
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests" / "e2e"))
os.environ.setdefault("OFFPEAK_BUILD", str(SOURCE / "build"))

import harness  # noqa: E402

BUILD = harness.BUILD
PROGRAMS = BUILD / "tests" / "bench"
WORK = BUILD / "bench"

# Waiting taken away: what is left is work.
QUICK = {
    "provider": {"settle_unknown": "15m", "connect_timeout": "5s", "answer_timeout": "10m"},
    "batch": {"linger": "1ms"},
    "poll": {"min_interval": "20ms", "max_interval": "50ms"},
    "retry": {"backoff": "1s", "max_backoff": "1h"},
    "intake": {"settle": "2s", "rescan": "30s"},
    "log": {"level": "info"},
}

TICK = os.sysconf("SC_CLK_TCK")


class Skipped(Exception):
    """What is missing for a part."""


def bench_program(name):
    path = PROGRAMS / f"bench_{name}"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: ./dev bench builds it")
    return str(path)


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def spread(values):
    """Lowest to highest, for the table."""
    return f"{min(values):.2f}-{max(values):.2f}" if len(values) > 1 else ""


def make_job(requests, seed=1, short=False):
    """A job file in the work folder, made once and kept, synced."""
    WORK.mkdir(parents=True, exist_ok=True)
    path = WORK / f"job-{requests}-{seed}{'-short' if short else ''}.jsonl"
    if not path.exists():
        aside = path.with_suffix(".part")
        command = [bench_program("make_job"), "--requests", str(requests), "--seed", str(seed)]
        with open(aside, "wb") as file:
            subprocess.run(command + (["--short"] if short else []), stdout=file, check=True)
            os.fsync(file.fileno())
        os.rename(aside, path)
    return path


def copy_synced(source, target):
    """The copy lies on the disk and in the page cache, as a file does that somebody wrote a while ago."""
    subprocess.run(["cp", "--reflink=never", str(source), str(target)], check=True)
    with open(target, "rb") as file:
        os.fsync(file.fileno())


# ---- processes

def stat_ticks(pid):
    """User and system time, all threads, in seconds."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def cpu_seconds(pid):
    """As stat_ticks, but in nanoseconds' resolution, where the kernel tells it by thread."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def status_kib(pid, key):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return 0


def peak_mib(pid):
    return status_kib(pid, "VmHWM") / 1024


def rss_mib(pid):
    return status_kib(pid, "VmRSS") / 1024


def private_mib(pid):
    """What it wrote itself: clean pages of the program and its libraries are the page cache's."""
    total = 0
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_Dirty:"):
            total += int(line.split()[1])
    return total / 1024


def switches(pid):
    """How often any thread of it was put on a processor again after it had waited."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                total += int(line.split()[1])
    return total


def read_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("rchar:"):
            return int(line.split()[1])
    return 0


def run_timed(command, **options):
    """(wall, cpu, peak MiB) of a command with its children; raises where it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, **options) as process:
        peak = 0.0
        while process.poll() is None:
            try:
                peak = max(peak, peak_mib(process.pid))
            except (FileNotFoundError, ProcessLookupError):
                break
            time.sleep(0.01)
        code = process.wait()
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if code != 0:
        raise RuntimeError(f"{command[0]} ended with {code}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, peak


# ---- the provider

class Provider:
    """bench_fake_provider on two ports: plain and TLS, with an authority of its own."""

    def __init__(self):
        self.folder = WORK / "provider"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.authority = self.folder / "ca.pem"
        key, certificate = self._certificate()
        self.log = open(self.folder / "log", "wb")
        command = [bench_program("fake_provider"), "--tls-cert", str(certificate), "--tls-key", str(key)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL)
        words = self.process.stdout.readline().split()
        self.port, self.tls_port = int(words[2]), int(words[3])
        self.url = f"http://127.0.0.1:{self.port}"
        self.tls_url = f"https://127.0.0.1:{self.tls_port}"

    def _certificate(self):
        def openssl(*arguments):
            subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        key, wish, certificate = (self.folder / name for name in ("server.key", "server.csr", "server.pem"))
        openssl("req", "-x509", *new_key, "-days", 30, "-subj", "/CN=offpeak bench authority",
                "-keyout", self.folder / "ca.key", "-out", self.authority)
        openssl("req", "-new", *new_key, "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", wish)
        (self.folder / "extensions").write_text("subjectAltName=IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", wish, "-CA", self.authority, "-CAkey", self.folder / "ca.key", "-CAcreateserial",
                "-days", 30, "-extfile", self.folder / "extensions", "-out", certificate)
        return key, certificate

    def ask(self, method, target):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, target)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def counted(self):
        return self.ask("GET", "/_bench")

    def reset(self, processing_ms=0):
        self.ask("POST", f"/_bench/processing?ms={processing_ms}")
        self.ask("POST", "/_bench/reset")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


# ---- offpeakd

class Daemon(harness.Daemon):
    """offpeakd under a fresh folder, ready; optionally under another program (strace, perf)."""

    def __init__(self, provider, config=None, tls=False, prefix=(), name="daemon"):
        root = WORK / name / "root"
        shutil.rmtree(root.parent, ignore_errors=True)
        root.parent.mkdir(parents=True)
        settings = harness.merged(QUICK, {"provider": {"ca_file": str(provider.authority)}} if tls else {}, config)
        super().__init__(root, provider.tls_url if tls else provider.url, settings)
        self.prefix = list(prefix)

    def start(self, crash_at=None, wait=True, arguments=()):
        command = [*self.prefix, harness.program("offpeakd"), "--root", str(self.root), *arguments]
        self.process = harness.Process(command, self.log, self.env)
        if wait:
            self.wait_ready()
        return self

    @property
    def pid(self):
        return self.process.pid

    def wait_ready(self):
        # As often as it takes to tell milliseconds apart.
        until = time.monotonic() + 120
        while not self.answers():
            if not self.alive() or time.monotonic() > until:
                raise AssertionError(f"offpeakd does not answer\n{harness.tail(self.log)}")
            time.sleep(0.001)

    def place(self, source, name="job"):
        """The file lies in the spool, synced, under a name that is ignored; drop_placed() renames it."""
        self.incoming.mkdir(parents=True, exist_ok=True)
        copy_synced(source, self.spool / f".{name}.jsonl")

    def drop_placed(self, name="job"):
        os.rename(self.spool / f".{name}.jsonl", self.incoming / f"{name}.jsonl")

    def wait_for_results(self, name="job", seconds=3600):
        until = time.monotonic() + seconds
        folder = self.results / f"1-{name}"
        looked = 0
        while not folder.is_dir():
            looked += 1
            if looked % 100 == 0:
                if not self.alive():
                    raise AssertionError(f"offpeakd ended\n{harness.tail(self.log)}")
                self.fail_if_rejected(name)
                if time.monotonic() > until:
                    raise AssertionError(f"no results after {seconds} s\n{harness.tail(self.log)}")
            time.sleep(0.002)
        return folder

    def remove(self):
        self.close()
        shutil.rmtree(self.root.parent, ignore_errors=True)


def log_time(daemon, event, which=-1):
    """When a log line of this event was written, in seconds since 1970."""
    lines = [line for line in daemon.log_text().splitlines() if f" {event} " in line]
    stamp = lines[which].split(" ", 1)[0]
    return datetime.datetime.fromisoformat(stamp).timestamp()


def latency(socket_path, target, count, pause_us=0):
    command = [bench_program("latency"), str(socket_path), target, str(count), str(pause_us)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{socket_path}: {done.stderr}")
    return json.loads(done.stdout)


class Asking(threading.Thread):
    """A small GET a thousand times a second, until it is told to stop."""

    def __init__(self, socket, target):
        super().__init__(daemon=True)
        self.socket, self.target, self.groups, self.stopped = socket, target, [], threading.Event()

    def run(self):
        while not self.stopped.is_set():
            self.groups.append(latency(self.socket, self.target, 300, 1000))

    def stop(self):
        """Over all calls; and of the 300 calls, a third of a second, whose p99 was the worst."""
        self.stopped.set()
        self.join()
        took = sorted(one for group in self.groups for one in group["took_us"])
        return {"p99_us": took[int(0.99 * len(took))], "max_us": took[-1],
                "worst_p99_us": max(group["p99_us"] for group in self.groups)}


def check_results(provider, job, folder, requests):
    """Every request once, at the provider and in results.jsonl. Raises where not."""
    counted = provider.counted()
    if counted["requests"] != requests or counted["ids_twice"] != 0:
        raise AssertionError(f"{requests} requests wanted; the provider got {counted['requests']}, {counted['ids_twice']} twice")
    sizes = [str(upload["requests"]) for upload in counted["uploads"]]
    done = subprocess.run([bench_program("check_results"), str(job), str(folder / "results.jsonl"), *sizes],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"results.jsonl: {done.stdout}")
    return counted
