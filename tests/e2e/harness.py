"""Runs the real programs for the end-to-end tests: offpeak-sim as the provider, offpeakd, and the offpeak client.

A World is one temporary folder with one simulator and one daemon in it. Every wait is bounded and ends early; whatever
was started is killed when the World is closed; the logs are printed when a test fails. Python's standard library only.

OFFPEAK_BUILD names the folder with the programs (default: build/ of the checkout); OFFPEAK_E2E_PATIENCE multiplies every
limit of a wait (default 1), for slow machines; OFFPEAK_E2E_KEEP=1 keeps the folders.
"""

import concurrent.futures
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("OFFPEAK_BUILD", SOURCE / "build")).resolve()
PATIENCE = float(os.environ.get("OFFPEAK_E2E_PATIENCE", "1"))
KEY = "sk-ant-e2e-7f3d-never-in-any-log"

# Short durations, so that what takes hours at a real provider takes moments here.
CONFIG = {
    "provider": {"settle_unknown": "2s", "connect_timeout": "5s", "answer_timeout": "30s"},
    "batch": {"linger": "200ms"},
    "poll": {"min_interval": "200ms", "max_interval": "300ms"},
    "retry": {"backoff": "100ms", "max_backoff": "1s"},
    "intake": {"settle": "100ms", "rescan": "500ms"},
    "log": {"level": "debug"},
}


def program(name):
    path = BUILD / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: build it, or set OFFPEAK_BUILD")
    return str(path)


def wait_until(look, what, seconds=60, pause=0.02):
    """The first value of look() that is true; fails with `what` once the time is over."""
    until = time.monotonic() + seconds * PATIENCE
    while True:
        value = look()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"still waiting after {seconds * PATIENCE:.0f} s: {what() if callable(what) else what}")
        time.sleep(pause)


def tail(path, lines=60):
    try:
        text = pathlib.Path(path).read_text(errors="replace").splitlines()
    except OSError as error:
        return str(error)
    return "\n".join(text[-lines:])


def toml(settings):
    text = ""
    for section, values in settings.items():
        text += f"[{section}]\n"
        for key, value in values.items():
            text += f"{key} = {json.dumps(value)}\n"
    return text


def merged(*configs):
    result = {}
    for config in configs:
        for section, values in (config or {}).items():
            result[section] = {**result.get(section, {}), **values}
    return result


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=30):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Reply:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)


class Process:
    """One started program, its output in files, in a process group of its own."""

    def __init__(self, command, log, env=None, cwd=None):
        self.log = pathlib.Path(log)
        self.out_path = self.log.with_suffix(".out")
        with open(self.log, "ab") as err, open(self.out_path, "wb") as out:
            self.popen = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=env, cwd=cwd,
                                          start_new_session=True)
        self.pid = self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def signal(self, number):
        if self.alive():
            self.popen.send_signal(number)

    def kill9(self):
        self.signal(signal.SIGKILL)
        return self.wait()

    def wait(self, seconds=60):
        try:
            return self.popen.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.popen.args[0]} is still running after {seconds * PATIENCE:.0f} s") from None

    def output(self):
        return self.out_path.read_text(errors="replace")


class Sim:
    """offpeak-sim, with its control calls."""

    def __init__(self, folder, script=None, arguments=()):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        command = [program("offpeak-sim"), "--listen", "127.0.0.1:0", *arguments]
        if script is not None:
            path = folder / "script.json"
            path.write_text(json.dumps(script))
            command += ["--script", str(path)]
        self.process = Process(command, folder / "sim.log")
        self.log = self.process.log
        self.url = self._first_line()
        self.host, _, port = self.url.split("://")[1].rpartition(":")
        self.port = int(port)
        self.tls = self.url.startswith("https")

    def _first_line(self):
        def look():
            text = self.process.output()
            if "\n" in text:
                return text.splitlines()[0]
            if not self.process.alive():
                raise AssertionError(f"offpeak-sim ended: {tail(self.log)}")
            return None
        line = wait_until(look, "offpeak-sim listens")
        prefix = "listening on "
        assert line.startswith(prefix), line
        return line[len(prefix):]

    def connection(self):
        if self.tls:
            import ssl
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return http.client.HTTPSConnection(self.host, self.port, timeout=60, context=context)
        return http.client.HTTPConnection(self.host, self.port, timeout=60)

    def control(self, method, what, body=None):
        connection = self.connection()
        try:
            data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, "/_sim/" + what, data)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise AssertionError(f"{what}: {answer.status} {text!r}")
            return json.loads(text)
        finally:
            connection.close()

    def ledger(self):
        return self.control("GET", "ledger")

    def totals(self):
        return self.control("GET", "ledger?summary=1")["totals"]

    def add_faults(self, rules):
        self.control("POST", "faults", rules)

    def clear_faults(self):
        self.control("DELETE", "faults")

    def set(self, **settings):
        self.control("POST", "settings", settings)

    def end_all(self):
        """Everything in progress has ended now."""
        self.control("POST", "end", b"")

    def digests(self, contents):
        """The ledger's name of each of these params bytes."""
        connection = self.connection()
        names = []
        try:
            for content in contents:
                connection.request("POST", "/_sim/digest", content)
                names.append(json.loads(connection.getresponse().read())["digest"])
        finally:
            connection.close()
        return names

    def close(self):
        self.process.kill9()


class Daemon:
    """offpeakd --root: started, killed and started again on the same root."""

    def __init__(self, root, url, config=None, env=None, arguments=()):
        self.root = pathlib.Path(root)
        self.root.mkdir(parents=True, exist_ok=True)
        self.config = merged(CONFIG, {"provider": {"base_url": url}}, config)
        self.env = {**os.environ, "ANTHROPIC_API_KEY": KEY, **(env or {})}
        self.env.pop("CREDENTIALS_DIRECTORY", None)
        self.env.pop("NOTIFY_SOCKET", None)
        self.arguments = list(arguments)
        self.program = "offpeakd"  # or one that was linked with something that fails
        self.prefix = []  # a command that starts it
        self.log = self.root.parent / (self.root.name + ".log")
        self.process = None
        self.socket = self.root / "offpeak.sock"
        self.spool = self.root / "spool"
        self.state = self.root / "state"
        self.incoming = self.spool / "incoming"
        self.results = self.spool / "results"
        self.rejected = self.spool / "rejected"
        self.write_config()

    def write_config(self, config=None):
        if config is not None:
            self.config = merged(self.config, config)
        (self.root / "offpeak.toml").write_text(toml(self.config))

    # The process.

    def start(self, crash_at=None, wait=True, arguments=()):
        assert self.process is None or not self.process.alive()
        env = dict(self.env)
        if crash_at:
            env["OFFPEAK_CRASH_AT"] = crash_at
        command = [*self.prefix, program(self.program), "--root", str(self.root), *self.arguments, *arguments]
        self.process = Process(command, self.log, env)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        def look():
            if not self.process.alive():
                raise AssertionError(f"offpeakd ended with {self.process.popen.returncode}\n{tail(self.log)}")
            return self.answers()
        wait_until(look, "the status socket answers")

    def answers(self):
        try:
            return self.call("GET", "/healthz", timeout=5).status == 200
        except (OSError, http.client.HTTPException):
            return False

    def alive(self):
        return self.process is not None and self.process.alive()

    def kill9(self):
        return self.process.kill9()

    def terminate(self, seconds=10):
        """SIGTERM; the exit status. The contract allows ten seconds."""
        self.process.signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def restart(self):
        if self.alive():
            assert self.terminate() == 0
        return self.start()

    def close(self):
        if self.process is not None:
            self.process.kill9()

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_log(self, text, seconds=60, after=0):
        return wait_until(lambda: text in self.log_text()[after:], f"{text!r} in the log", seconds)

    # Its folders.

    def drop(self, name, data):
        """As a careful program does it: written aside, renamed into place."""
        self.incoming.mkdir(parents=True, exist_ok=True)
        aside = self.spool / f".drop-{os.getpid()}-{random.getrandbits(48):x}"
        aside.write_bytes(data if isinstance(data, bytes) else data.encode())
        os.rename(aside, self.incoming / name)

    def write_in_place(self, name, data):
        (self.incoming / name).write_bytes(data if isinstance(data, bytes) else data.encode())

    def results_of(self, name):
        """The results folders of the jobs of that name, oldest first."""
        if not self.results.is_dir():
            return []
        found = [(int(path.name.split("-")[0]), path) for path in self.results.iterdir()
                 if not path.name.startswith(".") and path.name.partition("-")[2] == name]
        return [path for _, path in sorted(found)]

    def wait_results(self, name, count=1, seconds=120, must_live=True):
        def look():
            found = self.results_of(name)
            if len(found) >= count:
                return found[count - 1]
            if must_live and not self.alive():
                raise AssertionError(f"offpeakd ended while job {name} was open\n{tail(self.log)}")
            return self.fail_if_rejected(name)
        return wait_until(look, lambda: f"results of {name}; {self.describe()}", seconds)

    def fail_if_rejected(self, name):
        """Nobody should wait for a job whose file lies in rejected/."""
        for suffix in ("jsonl", "json", "ndjson", "jsonl.gz"):
            document = self.rejected / f"{name}.{suffix}.error.json"
            if document.exists():
                raise AssertionError(f"{name} was rejected: {document.read_text()[:2000]}")

    def wait_rejected(self, name, seconds=60):
        path = self.rejected / (name + ".error.json")
        # The document is there a moment before the file; the file's coming is the end of it.
        wait_until(lambda: path.exists() and os.path.lexists(self.rejected / name), f"{name} is rejected", seconds)
        return json.loads(path.read_text())

    def describe(self):
        try:
            return json.dumps({"status": self.status(), "jobs": self.jobs()})
        except (OSError, http.client.HTTPException, ValueError) as error:
            return f"no status: {error}"

    # Its socket.

    def call(self, method, target, body=None, headers=None, timeout=30):
        connection = UnixConnection(self.socket, timeout * PATIENCE)
        try:
            connection.request(method, target, body, headers or {})
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, target):
        reply = self.call("GET", target)
        assert reply.status == 200, (target, reply.status, reply.body)
        return reply.json()

    def post(self, target, body=None, want=200):
        reply = self.call("POST", target, body)
        assert reply.status == want, (target, reply.status, reply.body)
        return reply.json() if reply.body else None

    def status(self):
        return self.get("/v1/status")

    def jobs(self):
        return self.get("/v1/jobs?limit=1000")["data"]

    def job(self, job_id):
        return self.get(f"/v1/jobs/{job_id}")

    def job_named(self, name):
        found = [job for job in self.jobs() if job["name"] == name]
        return found[-1] if found else None

    def batches(self):
        return self.get("/v1/batches?limit=1000")["data"]

    def wait_job(self, job_id, states, seconds=120):
        wanted = (states,) if isinstance(states, str) else states
        def look():
            job = self.job(job_id)
            return job if job["state"] in wanted else None
        return wait_until(look, lambda: f"job {job_id} is {wanted}; {self.describe()}", seconds)

    def wait_status(self, matches, what, seconds=60):
        def look():
            status = self.status()
            return status if matches(status) else None
        return wait_until(look, lambda: f"{what}; {self.describe()}", seconds)


class World:
    """One folder, one simulator, one daemon."""

    def __init__(self, script=None, config=None, sim_arguments=(), env=None, start=True, crash_at=None, sim=True,
                 arguments=()):
        base = os.environ.get("OFFPEAK_E2E_TMP") or None
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="offpeak-e2e-", dir=base))
        self.sim = None
        self.daemon = None
        self.closed = False
        try:
            self.sim = Sim(self.folder / "sim", {"processing_time": "300ms", **(script or {})}, sim_arguments) if sim else None
            url = self.sim.url if self.sim else "http://127.0.0.1:9"
            self.daemon = Daemon(self.folder / "root", url, config, env, arguments)
            if start:
                self.daemon.start(crash_at)
        except BaseException:
            self.close(failed=True)
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close(failed=kind is not None)

    def cli(self, *arguments, stdin=b"", env=None, timeout=60):
        """Runs the client against this daemon: (exit code, stdout, stderr)."""
        environment = {**os.environ, "OFFPEAK_SOCKET": str(self.daemon.socket), **(env or {})}
        done = subprocess.run([program("offpeak"), *map(str, arguments)], input=stdin, capture_output=True,
                              env=environment, timeout=timeout * PATIENCE, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def logs(self):
        text = ""
        for part in (self.daemon, self.sim):
            if part is not None:
                text += f"--- {part.log}\n{tail(part.log)}\n"
        return text

    def close(self, failed=False):
        if self.closed:
            return
        self.closed = True
        for part in (self.daemon, self.sim):
            if part is not None:
                part.close()
        if failed:
            print(self.logs(), file=sys.stderr, flush=True)
        if os.environ.get("OFFPEAK_E2E_KEEP"):
            print(f"kept {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


class TestCase(unittest.TestCase):
    """Gives worlds, closes them after the test, and prints their logs if it failed."""

    maxDiff = 2000

    def run(self, result=None):
        self._worlds = []
        result = result if result is not None else self.defaultTestResult()
        before = len(result.failures) + len(result.errors)
        started = time.monotonic()
        try:
            return super().run(result)
        finally:
            failed = len(result.failures) + len(result.errors) > before
            for world in self._worlds:
                world.close(failed)
            print(f"[{self.id()}: {time.monotonic() - started:.1f} s]", file=sys.stderr, flush=True)

    def world(self, *arguments, **named):
        world = World(*arguments, **named)
        self._worlds.append(world)
        return world

    def run_scenarios(self, scenarios, at_once=4):
        """Each (name, function): mostly waiting, so several at once. All failures are told together."""
        failures = []
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            futures = {pool.submit(function): name for name, function in scenarios}
            for future in concurrent.futures.as_completed(futures):
                try:
                    future.result()
                except Exception as error:  # pylint: disable=broad-except
                    trace = "".join(traceback.format_exception(error))
                    failures.append(f"=== {futures[future]}\n{trace}")
        if failures:
            self.fail(f"{len(failures)} of {len(scenarios)} scenarios failed\n" + "\n".join(failures))


# Job files.

MODELS = ["claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-haiku-4-5", "claude-sonnet-4-6"]
TEXTS = ["Hello, world", "Füße, naïve café, 日本語, 🦊", "tabs\tand \"quotes\" and \\ backslashes", "line\nbreak", "العربية",
         "\u2028 and \u0000 escaped", "a" * 700]


class Request:
    """One request line: the bytes of its params, and what must become of it."""

    def __init__(self, custom_id, params, outcome="succeeded", line=None):
        self.custom_id = custom_id
        self.params = params if isinstance(params, bytes) else params.encode()
        self.outcome = outcome
        self.line = line if line is not None else (
            b'{"custom_id":' + json.dumps(custom_id, ensure_ascii=False).encode() + b',"params":' + self.params + b"}")


def request(custom_id, text="Hello", outcome="succeeded", model="claude-haiku-5-5", max_tokens=100, **more):
    params = {"model": model, "max_tokens": max_tokens, "messages": [{"role": "user", "content": f"{custom_id}: {text}"}],
              **more}
    return Request(custom_id, json.dumps(params, ensure_ascii=False), outcome)


def simple_requests(count, prefix="r", text="Hello", outcome="succeeded"):
    return [request(f"{prefix}-{i}", text, outcome) for i in range(count)]


def varied_requests(count, seed, prefix="v", markers=()):
    """Requests as people write them: other models, tools, systems, odd spacing, escapes, unknown members. `markers`:
    (text, outcome) pairs of which about every eighth request gets one."""
    dice = random.Random(seed)
    made = []
    for i in range(count):
        text = f"{prefix} {i} of seed {seed}: {dice.choice(TEXTS)} " + "x" * dice.choice([0, 3, 40, 900])
        outcome = "succeeded"
        if markers and i % 8 == 5:
            marker, outcome = markers[(i // 8) % len(markers)]
            text += " " + marker
        params = {"model": dice.choice(MODELS), "max_tokens": dice.choice([1, 64, 1024, 8000])}
        content = text if dice.random() < 0.7 else [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]
        messages = [{"role": "user", "content": content}]
        if dice.random() < 0.2:
            messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}] + messages
        params["messages"] = messages
        if dice.random() < 0.3:
            params["system"] = "Answer briefly. " + dice.choice(TEXTS)
        if dice.random() < 0.2:
            params["tools"] = [{"name": "look", "description": "Looks", "input_schema": {
                "type": "object", "properties": {"at": {"type": "string"}, "n": {"type": "number", "minimum": 0.5}}}}]
        if dice.random() < 0.2:
            params["metadata"] = {"user_id": f"u-{i}"}
        if dice.random() < 0.1:
            params["an_unknown_member"] = [None, True, {"deep": [[[1.5e3]]]}]
        body = json.dumps(params, ensure_ascii=dice.random() < 0.5,
                          separators=dice.choice([(",", ":"), (", ", ": "), (" ,", " :  ")]))
        # What a parser that writes numbers anew would change: the bytes must travel as they are.
        body = body.replace("1500.0", dice.choice(["1.5e3", "1500.00", "15E2"]))
        custom_id = dice.choice([f"{prefix}-{i}", f"{prefix}/{i} über", f"{prefix} {i} 🦊", f"{prefix}:{i}:" + "k" * 80])
        line = (b'{"params": ' + body.encode() + b' , "custom_id":' + json.dumps(custom_id).encode() + b"}"
                if dice.random() < 0.3 else None)
        made.append(Request(custom_id, body, outcome, line))
    return made


def jsonl(requests, options=None, newline=b"\n"):
    lines = [] if options is None else [json.dumps({"offpeak": options}).encode()]
    lines += [one.line for one in requests]
    return newline.join(lines) + newline


def create_body(requests, options=None):
    head = b"{" if options is None else b'{"offpeak":' + json.dumps(options).encode() + b","
    return head + b'"requests":[\n ' + b",\n ".join(one.line for one in requests) + b"]}"


# Verdicts.

def read_lines(path):
    data = pathlib.Path(path).read_bytes()
    assert not data or data.endswith(b"\n"), f"{path} ends without a newline"
    return data.split(b"\n")[:-1]


def check_results(folder, requests, options_line=None, errored_alike=()):
    """Every request line has its one result line, in input order, with the outcome it must have; the three files agree.
    `requests`: Request objects; a custom_id of None stands for an unreadable one. Gives the summary."""
    folder = pathlib.Path(folder)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["failed.jsonl", "results.jsonl", "summary.json"], names
    for name in names:
        mode = (folder / name).stat().st_mode & 0o7777
        assert mode == 0o640, f"{name} has mode {mode:o}"
    mode = folder.stat().st_mode & 0o7777
    assert mode == 0o2750, f"{folder} has mode {mode:o}"
    lines = [json.loads(line) for line in read_lines(folder / "results.jsonl")]
    assert len(lines) == len(requests), f"{len(lines)} result lines for {len(requests)} requests"
    counts = dict.fromkeys(["succeeded", "errored", "expired", "canceled"], 0)
    usage, stop_reasons = {}, {}
    for number, (line, one) in enumerate(zip(lines, requests)):
        assert list(line) == ["custom_id", "result"], line
        assert line["custom_id"] == one.custom_id, (number, line["custom_id"], one.custom_id)
        kind = line["result"]["type"]
        counts[kind] += 1
        if one.outcome is not None:
            wanted = one.outcome if isinstance(one.outcome, tuple) else (one.outcome,)
            assert kind in wanted, (number, one.custom_id, one.outcome, line["result"])
        if kind == "succeeded":
            message = line["result"]["message"]
            stop_reasons[message["stop_reason"]] = stop_reasons.get(message["stop_reason"], 0) + 1
            for key, value in message["usage"].items():
                if isinstance(value, int):
                    usage[key] = usage.get(key, 0) + value
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["counts"] == counts, (summary["counts"], counts)
    assert summary["stop_reasons"] == stop_reasons, (summary["stop_reasons"], stop_reasons)
    for key, value in usage.items():
        assert summary["usage"].get(key, 0) == value, (key, summary["usage"], usage)
    assert summary["job"]["requests"] == len(requests)
    assert summary["job"]["state"] in ("done", "canceled"), summary["job"]
    for key, value in counts.items():
        assert summary["job"]["counts"][key] == value, summary["job"]
    failed = read_lines(folder / "failed.jsonl")
    wanted = [] if options_line is None else [options_line]
    wanted += [one.line for one, line in zip(requests, lines) if line["result"]["type"] != "succeeded"]
    assert failed == wanted, f"failed.jsonl differs: {len(failed)} lines, wanted {len(wanted)}"
    return summary


def check_paid_once(sim, requests=None, created_twice=None):
    """The provider's own ledger: nothing ran in two batches at once, nothing was paid for twice; with `requests`, what
    was created is exactly their params, byte for byte. `created_twice`: how many contents may have gone again."""
    ledger = sim.ledger()
    totals = ledger["totals"]
    for key in ("contents_billed_twice", "contents_overlapped", "contents_created_after_billed"):
        assert totals[key] == 0, f"{key} is {totals[key]}: {json.dumps(totals)}"
    if created_twice is not None:
        assert totals["contents_created_twice"] <= created_twice, totals
    if requests is not None:
        created = {content["digest"] for content in ledger["contents"] if content["created"]}
        wanted = set(sim.digests([one.params for one in requests]))
        assert created == wanted, (f"{len(created - wanted)} contents at the provider that no line has, "
                                   f"{len(wanted - created)} lines that never came there")
    return ledger


SKIPPED = 77  # what ctest takes for "skipped" (SKIP_RETURN_CODE)


def exit_code(result):
    """Of a run of unittest: where nothing ran, nothing was shown, and the run must not count as passed."""
    if not result.wasSuccessful():
        return 1
    return 0 if result.testsRun > len(result.skipped) else SKIPPED


def main():
    sys.exit(exit_code(unittest.main(verbosity=2, exit=False).result))
