"""Faults from below, for syscall_faults.py and memory_faults.py: the daemon runs with something that makes the n-th call
of a kind fail (tests/faults/fault_control.hpp), a job goes through meanwhile, and the driver starts the daemon again
whenever it ended by itself, as systemd would. Judged by the simulator's ledger and by the results files.

A case is one fault: armed while the daemon runs and then a job is dropped ("running"), or armed from the first moment of
a start that finds the job ("start") or an unfinished one ("recovery"). It fails once, three times, or for ever; for ever
ends when the daemon was started twice, or after a while in which it lived on."""

import concurrent.futures
import http.client
import itertools
import mmap
import os
import queue
import random
import re
import struct
import time
import traceback

from harness import SOURCE, World, check_results, jsonl, request, simple_requests, tail, wait_until

HEAD = struct.Struct("=iiQQQQ")
KINDS_MAX = 32
LAST = HEAD.size + 8 * KINDS_MAX
SIZE = LAST + 256 + 8
FOREVER = 1 << 62
PHASES = ("running", "start", "recovery")

# As short as it goes: what is waited for is the fault's consequence, not the clock.
CONFIG = {
    "provider": {"settle_unknown": "300ms", "connect_timeout": "5s", "answer_timeout": "10s"},
    "batch": {"linger": "10ms", "max_requests": 3},
    "poll": {"min_interval": "20ms", "max_interval": "60ms"},
    "retry": {"backoff": "20ms", "max_backoff": "200ms", "max_attempts": 50},
    "intake": {"settle": "20ms", "rescan": "150ms"},
    "log": {"level": "info"},
}


def kinds_of(source):
    """The kinds of calls in the order in which the C++ file names them."""
    text = (SOURCE / "tests" / "faults" / source).read_text()
    return re.findall(r"X\((\w+)\)", re.search(r"#define FAULT_KINDS\(X\)(.*?)\n\n", text, re.DOTALL).group(1))


class Control:
    """The file that the daemon maps too."""

    def __init__(self, path, kinds):
        self.path = path
        self.kinds = kinds
        path.write_bytes(HEAD.pack(-1, 0, 0, 0, 0, 0) + b"\0" * (SIZE - HEAD.size))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), SIZE)

    def arm(self, kind, error, first, last):
        self.map[4:HEAD.size] = HEAD.pack(0, error, first, last, 0, 0)[4:]
        self.map[0:4] = struct.pack("=i", self.kinds.index(kind))

    def lift(self):
        self.map[0:4] = struct.pack("=i", -1)

    def fired(self):
        return HEAD.unpack(self.map[:HEAD.size])[5]

    def counts(self):
        values = struct.unpack(f"={KINDS_MAX}Q", self.map[HEAD.size:HEAD.size + 8 * KINDS_MAX])
        return dict(zip(self.kinds, values))

    def last(self):
        return self.map[LAST:LAST + 256].split(b"\0")[0].decode(errors="replace")

    def jump(self, seconds):
        """From now on the daemon's wall clock is so many seconds off."""
        self.map[LAST + 256:SIZE] = struct.pack("=q", seconds)

    def close(self):
        self.map.close()


class Case:
    def __init__(self, phase, kind, error, nth, times):
        # A call that is interrupted for ever is simply made for ever.
        times = "thrice" if (error, times) == ("EINTR", "forever") else times
        self.phase, self.kind, self.error, self.nth, self.times = phase, kind, error, nth, times

    def __str__(self):
        return f"{self.phase}:{self.kind}:{self.error}:{self.nth}:{self.times}"

    @staticmethod
    def parse(text):
        phase, kind, error, nth, times = text.split(":")
        return Case(phase, kind, error, int(nth), times)

    def last_failing(self):
        return {"once": self.nth, "thrice": self.nth + 2, "forever": FOREVER}[self.times]


FIRED_SHARE = 0.6  # of the cases, at the least: a shim that injects nothing shows nothing


class Tally:
    """What a whole run counted, for its last line. `least`: how many cases make it a run at all."""

    def __init__(self, least=1):
        self.least = least
        self.cases = self.fired = self.not_reached = self.failed_calls = 0
        self.exits = self.aborts = self.rejected = self.held = self.refused = 0
        self.requests = self.outcomes = self.billed_twice = self.created_twice = 0
        self.violations = []

    def text(self):
        lost = self.requests - self.outcomes
        names = ("cases", "fired", "not_reached", "failed_calls", "exits", "aborts", "rejected", "held", "refused",
                 "requests", "outcomes")
        return (" ".join(f"{name}={getattr(self, name)}" for name in names) +
                f" lost={lost} billed_twice={self.billed_twice} created_twice={self.created_twice}"
                f" violations={len(self.violations)}")

    def kept(self):
        """Were the promises kept?"""
        return (not self.violations and self.requests == self.outcomes and self.billed_twice == 0
                and self.created_twice == 0)

    def too_little(self):
        """What this run could not have shown, or nothing."""
        if self.cases < self.least:
            return f"{self.cases} cases ran, {self.least} are the least"
        if self.fired < FIRED_SHARE * self.cases:
            return f"the fault was met in {self.fired} of {self.cases} cases, {FIRED_SHARE:.0%} are the least"
        return None

    def ok(self):
        return self.kept() and self.too_little() is None


class Bench:
    """One simulator and one daemon's root, through which case after case goes."""

    def __init__(self, setting, number, tally):
        self.setting = setting
        self.tally = tally
        self.number = number
        self.jobs = 0
        self.world = World({"processing_time": "30ms"}, CONFIG, start=False)
        daemon = self.world.daemon
        self.control = Control(self.world.folder / "control", setting.kinds)
        daemon.program = setting.program
        daemon.env.update(setting.env(daemon))
        daemon.env["OFFPEAK_FAULT_CONTROL"] = str(self.control.path)
        # A sanitizer's finding is neither a crash-only end (1) nor a signal.
        daemon.env["ASAN_OPTIONS"] = "verify_asan_link_order=0:detect_leaks=0:exitcode=99:allocator_may_return_null=1"
        daemon.env["UBSAN_OPTIONS"] = "exitcode=99:print_stacktrace=1"
        daemon.start()

    def close(self, failed=False):
        self.world.close(failed)
        self.control.close()

    def next_requests(self):
        self.jobs += 1
        name = f"w{self.number}j{self.jobs}"
        # Two batches and a bit; one request that needs a second attempt.
        return name, simple_requests(6, name) + [request(f"{name}-again", f"{name} [[errored:api_error:1]]")]

    def run(self, case):
        daemon = self.world.daemon
        name, requests = self.next_requests()
        data = jsonl(requests)
        by_socket = case is not None and case.phase == "running" and case.nth % 3 == 0
        if case is not None and case.phase != "running":
            if case.phase == "recovery":
                daemon.drop(name + ".jsonl", data)
                before = self.world.sim.totals()["batches"]
                wait_until(lambda: self.world.sim.totals()["batches"] > before, "a batch was made", 30)
            daemon.kill9()
            if case.phase == "start":
                daemon.drop(name + ".jsonl", data)
        if case is not None:
            self.control.arm(case.kind, self.setting.number_of(case.error), case.nth, case.last_failing())
        if case is None or case.phase == "running":
            if by_socket:
                self.submit(name, data)
            else:
                daemon.drop(name + ".jsonl", data)
        else:
            daemon.start(wait=False)
        folder = self.see_through(case, name, data, by_socket)
        if case is not None:
            fired = self.control.fired()
            self.tally.failed_calls += fired
            self.tally.fired += fired > 0
            self.tally.not_reached += fired == 0
        # First the sum: other worlds add to the tally meanwhile.
        outcomes = sum(check_results(folder, requests)["counts"].values())
        self.tally.requests += len(requests)
        self.tally.outcomes += outcomes
        if len(daemon.results_of(name)) != 1:
            raise AssertionError(f"{name} has {len(daemon.results_of(name))} results folders")

    def submit(self, name, data):
        """By the socket: True once the daemon says that it has it."""
        try:
            reply = self.world.daemon.call("POST", f"/v1/jobs?name={name}", data, timeout=20)
        except (OSError, http.client.HTTPException):
            return False
        if reply.status == 201 or b"duplicate" in reply.body:
            return True
        assert reply.status >= 400, (reply.status, reply.body)
        self.tally.refused += 1
        return False

    def see_through(self, case, name, data, by_socket):
        """Until the job's results are there and the daemon is well; starts it again as systemd would."""
        daemon = self.world.daemon
        began, restarts, submitted_at = time.monotonic(), 0, time.monotonic()

        def look():
            nonlocal restarts, submitted_at
            if not daemon.alive():
                restarts += 1
                self.check_end(daemon.process.popen.returncode)
                if restarts >= 2:
                    self.control.lift()  # and what fails for ever is mended in the end
                assert restarts < 30, "the daemon does not come up again"
                daemon.start(wait=False)
                return None
            if time.monotonic() - began > 1.0 and (case is None or case.times == "forever" or restarts > 0):
                self.control.lift()
            self.put_back(name)
            if time.monotonic() - began > 1.0:
                self.release(name)
            if by_socket and time.monotonic() - submitted_at > 1.0 and not daemon.results_of(name):
                self.submit(name, data)
                submitted_at = time.monotonic()
            if not daemon.results_of(name):
                return None
            self.control.lift()
            return daemon.answers() and self.is_quiet(name) and daemon.results_of(name)[0]
        return wait_until(look, lambda: f"{name} is done; {daemon.describe()}", 90, 0.01)

    def is_quiet(self, name):
        try:
            job = self.world.daemon.job_named(name)
            return job is not None and job["done_at"] is not None
        except (OSError, AssertionError, http.client.HTTPException):
            return False

    def check_end(self, code):
        """Crash-only: it says why and ends with 1; out of memory it may abort. Nothing else is an end."""
        log = tail(self.world.daemon.log, 200)
        for word in ("AddressSanitizer", "runtime error:", "Assertion"):
            assert word not in log, word
        if code == -6 and self.setting.may_abort:
            self.tally.aborts += 1
            return
        assert code == 1, f"it ended with {code}\n{tail(self.world.daemon.log, 30)}"
        self.tally.exits += 1

    def put_back(self, name):
        """A file that was rejected for what failed below it: its user reads why, and drops it again."""
        daemon = self.world.daemon
        path = daemon.rejected / (name + ".jsonl")
        document = daemon.rejected / (name + ".jsonl.error.json")
        if path.exists() and document.exists():
            self.tally.rejected += 1
            print(f"rejected: {document.read_text()[:400]}", flush=True)
            self.control.lift()
            os.unlink(document)
            os.rename(path, daemon.incoming / (name + ".jsonl"))

    def release(self, name):
        """A job that is held since its file could not be read: its user reads why, and releases it."""
        try:
            job = self.world.daemon.job_named(name)
            if job is None or job["state"] != "held" or "cannot read" not in job["reason"]:
                return
            self.control.lift()
            self.world.daemon.post(f"/v1/jobs/{job['id']}/release")
            self.tally.held += 1
        except (AssertionError, OSError, http.client.HTTPException):  # it is asked again
            pass

    def judge(self):
        totals = self.world.sim.totals()
        self.tally.billed_twice += totals["contents_billed_twice"] + totals["contents_overlapped"]
        # Of each job one request goes again because it has to.
        self.tally.created_twice += max(0, totals["contents_created_twice"] - self.jobs)
        status = self.world.daemon.status()
        assert status["unknown_intents"] == 0 and status["needs_human"] == [], status
        assert self.world.daemon.terminate() == 0


class Setting:
    """What the two programs differ in."""

    def __init__(self, kinds, errors, program="offpeakd", env=lambda daemon: {}, may_abort=False,
                 number_of=lambda error: 0):
        self.kinds, self.errors, self.program, self.env = kinds, errors, program, env
        self.may_abort, self.number_of = may_abort, number_of


def measure(setting):
    """How often each kind is called in each phase, without any fault."""
    counts = {}
    bench = Bench(setting, 0, Tally())
    try:
        for phase in PHASES:
            before = bench.control.counts()
            # An index far beyond any: the phase is played, nothing fails.
            bench.run(Case(phase, setting.kinds[0], setting.errors[setting.kinds[0]][0], FOREVER - 5, "once"))
            after = bench.control.counts()
            counts[phase] = {kind: after[kind] - before[kind] for kind in setting.kinds}
        bench.judge()
    finally:
        bench.close()
    return counts


def all_cases(setting, counts, only_error=None, only_kind=None):
    for phase in PHASES:
        for kind in setting.kinds:
            for error in setting.errors[kind]:
                if (only_error and error != only_error) or (only_kind and kind != only_kind):
                    continue
                for nth in range(1, counts[phase][kind] + 1):
                    yield Case(phase, kind, error, nth, "once")
                    if nth % 4 == 1:
                        yield Case(phase, kind, error, nth, "forever")


def sample(setting, counts, size, dice, only_error=None, only_kind=None):
    """Every kind as often as any other, whatever its number of calls."""
    open_kinds = [(phase, kind) for phase in PHASES for kind in setting.kinds
                  if counts[phase][kind] > 0 and (not only_kind or kind == only_kind)
                  and (not only_error or only_error in setting.errors[kind])]
    cases = []
    for _ in range(size):
        phase, kind = dice.choice(open_kinds)
        cases.append(Case(phase, kind, only_error or dice.choice(setting.errors[kind]),
                          dice.randint(1, counts[phase][kind]), dice.choice(["once"] * 6 + ["thrice", "forever"])))
    return cases


def play(setting, cases, workers, each_world=40, seconds=None, least=1):
    """All cases, several worlds at a time; the tally of them. `seconds` bounds it: what is left then is not run, but for
    the `least` number of cases, which take as long as they take."""
    tally = Tally(least)
    begun = itertools.count(1)
    waiting = queue.SimpleQueue()
    for case in cases:
        waiting.put(case)
    until = None if seconds is None else time.monotonic() + seconds

    def work(number):
        bench = None
        done = 0
        while True:
            try:
                case = waiting.get_nowait()
            except queue.Empty:
                break
            if next(begun) > least and until is not None and time.monotonic() > until:
                break
            try:
                if bench is None:
                    bench = Bench(setting, f"{number}x{done}", tally)
                bench.run(case)
                tally.cases += 1
                done += 1
                if done % each_world == 0:
                    bench.judge()
                    bench.close()
                    bench = None
            except Exception:  # pylint: disable=broad-except
                tally.violations.append(str(case))
                print(f"FAILED: --case {case}\n{traceback.format_exc()}", flush=True)
                if bench is not None:
                    print(f"last failed call: {bench.control.last()}, fired {bench.control.fired()}", flush=True)
                    bench.close(failed=True)
                    bench = None
        if bench is not None:
            try:
                bench.judge()
            except Exception:  # pylint: disable=broad-except
                tally.violations.append("judging")
                print(traceback.format_exc(), flush=True)
            bench.close()

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for future in [pool.submit(work, number) for number in range(workers)]:
            future.result()
    return tally


def run(name, setting, arguments):
    """The body of both programs' main."""
    if arguments.case:
        cases = [Case.parse(text) for text in arguments.case]
        tally = play(setting, cases, 1)
    else:
        counts = measure(setting)
        points = sum(counts[phase][kind] for phase in PHASES for kind in setting.kinds)
        for phase in PHASES:
            print(f"{name}: calls while {phase}: " +
                  " ".join(f"{kind}={number}" for kind, number in counts[phase].items() if number), flush=True)
        print(f"{name}: --seed {arguments.seed}, {points} points of failure", flush=True)
        if arguments.all:
            cases = list(all_cases(setting, counts, arguments.error, arguments.kind))
            random.Random(arguments.seed).shuffle(cases)
        else:
            cases = sample(setting, counts, arguments.cases, random.Random(arguments.seed), arguments.error, arguments.kind)
        least = min(arguments.least, len(cases))
        tally = play(setting, cases, arguments.workers, seconds=arguments.seconds, least=least)
    if tally.too_little():
        print(f"{name}: {tally.too_little()}", flush=True)
    print(f"{name}: {tally.text()} -> {'ok' if tally.ok() else 'FAILED'}", flush=True)
    return 0 if tally.ok() else 1


def add_arguments(parser, cases, seconds):
    parser.add_argument("--cases", type=int, default=cases, help="how many cases of the sample (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=seconds, help="begin no case after so long (default %(default)s)")
    parser.add_argument("--least", type=int, default=10, help="fewer cases are a failure, and are begun whatever the time "
                        "(default %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all", action="store_true", help="every index of every call and error, for hours")
    parser.add_argument("--kind", help="only this call")
    parser.add_argument("--error", help="only this error")
    parser.add_argument("--case", action="append", help="only this one, as a failure names it: PHASE:CALL:ERROR:NTH:TIMES")
    parser.add_argument("--workers", type=int, default=3, help="worlds at a time (default %(default)s)")
