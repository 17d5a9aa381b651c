"""The daemon as a service: one at a time, stops in time from any state, reloads, and keeps secrets."""

import os
import re
import signal
import socket
import stat
import subprocess
import time
import unittest

from harness import KEY, TestCase, check_paid_once, check_results, jsonl, main, program, request, simple_requests, wait_until

STOP_SECONDS = 10


class Service(TestCase):
    def stop_in_time(self, daemon):
        began = time.monotonic()
        self.assertEqual(daemon.terminate(STOP_SECONDS), 0)
        return time.monotonic() - began

    def test_version_and_help(self):
        for name in ("offpeakd", "offpeak", "offpeak-sim"):
            done = subprocess.run([program(name), "--version"], capture_output=True, check=True, text=True)
            self.assertRegex(done.stdout, r"\d+\.\d+\.\d+")
            done = subprocess.run([program(name), "--help"], capture_output=True, check=True, text=True)
            self.assertIn("--", done.stdout)
            done = subprocess.run([program(name), "--no-such-option"], capture_output=True, check=False, text=True)
            self.assertEqual(done.returncode, 2, name)

    def test_a_second_daemon_on_the_same_root_exits_75_at_once(self):
        world = self.world()
        for _ in range(3):
            second = subprocess.run([program("offpeakd"), "--root", str(world.daemon.root)], env=world.daemon.env,
                                    capture_output=True, timeout=60, check=False)
            self.assertEqual(second.returncode, 75, second.stderr)
            self.assertIn(b"use", second.stderr)
        # It took nothing from the first: socket and queue are in order.
        requests = simple_requests(3, "first")
        world.daemon.drop("first.jsonl", jsonl(requests))
        check_results(world.daemon.wait_results("first"), requests)
        self.assertEqual(self.kill_and_start(world), [])

    def kill_and_start(self, world):
        world.daemon.kill9()
        world.daemon.start()  # a socket file that a killed daemon left is no obstacle
        return world.daemon.status()["needs_human"]

    def test_sigterm_when_idle(self):
        world = self.world()
        self.assertLess(self.stop_in_time(world.daemon), 5)
        self.assertFalse(world.daemon.socket.exists())
        world.daemon.start()
        world.daemon.process.signal(signal.SIGINT)
        self.assertEqual(world.daemon.process.wait(STOP_SECONDS), 0)

    def test_sigterm_while_a_batch_is_uploaded_sends_it_later(self):
        # The simulator does not read the body, and the body does not fit into socket buffers.
        world = self.world({"faults": [{"on": "create", "nth": 1, "do": {"action": "delay", "for": "60s", "when": "early"}}]})
        requests = [request(f"u-{i}", "x" * 200_000) for i in range(60)]
        world.daemon.drop("u.jsonl", jsonl(requests))
        wait_until(lambda: world.sim.totals()["calls"]["create"] == 1, "the upload began")
        self.assertLess(self.stop_in_time(world.daemon), 5)  # nothing past its commit point: nothing to wait for
        self.assertEqual(world.sim.totals()["batches"], 0)
        world.daemon.start()
        check_results(world.daemon.wait_results("u"), requests)
        check_paid_once(world.sim, requests, created_twice=0)

    def test_sigterm_past_the_commit_point_waits_for_the_answer(self):
        world = self.world({"faults": [{"on": "create", "nth": 1, "do": {"action": "delay", "for": "2s"}}]})
        requests = simple_requests(4, "c")
        world.daemon.drop("c.jsonl", jsonl(requests))
        wait_until(lambda: world.sim.totals()["batches"] == 1, "it was created; the answer waits")
        self.stop_in_time(world.daemon)
        self.assertIn("batch.created", world.daemon.log_text())
        world.daemon.start()
        check_results(world.daemon.wait_results("c"), requests)
        self.assertNotIn("intent.adopted", world.daemon.log_text())
        check_paid_once(world.sim, requests, created_twice=0)

    def test_sigterm_past_the_commit_point_without_an_answer(self):
        world = self.world({"faults": [{"on": "create", "nth": 1, "do": {"action": "hang", "when": "after"}}]})
        requests = simple_requests(4, "h")
        world.daemon.drop("h.jsonl", jsonl(requests))
        wait_until(lambda: world.sim.totals()["batches"] == 1, "it was created; no answer comes")
        self.stop_in_time(world.daemon)
        world.daemon.start()
        check_results(world.daemon.wait_results("h"), requests)
        self.assertIn("intent.adopted", world.daemon.log_text())
        check_paid_once(world.sim, requests, created_twice=0)

    def test_sigterm_while_results_are_downloaded(self):
        world = self.world({"faults": [{"on": "results", "nth": 1, "do": {"action": "slow", "bytes": 50, "pause": "200ms"}}]})
        requests = simple_requests(30, "d")
        world.daemon.drop("d.jsonl", jsonl(requests))
        wait_until(lambda: world.sim.totals()["calls"]["results"] == 1, "the download began")
        self.assertLess(self.stop_in_time(world.daemon), 5)
        world.daemon.start()
        check_results(world.daemon.wait_results("d"), requests)
        check_paid_once(world.sim, requests, created_twice=0)

    def test_sigterm_with_clients_on_the_socket(self):
        world = self.world()
        sockets = []
        for greeting in (b"", b"GET /v1/jobs HTTP/1.1\r\n", b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n",
                         b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf"):
            one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.addCleanup(one.close)
            one.connect(str(world.daemon.socket))
            one.sendall(greeting)
            sockets.append(one)
        self.assertTrue(world.daemon.answers())
        self.assertLess(self.stop_in_time(world.daemon), 5)

    def test_sighup_takes_a_good_configuration_and_keeps_the_old_one_for_a_bad_one(self):
        world = self.world({"processing_time": "1h"}, {"batch": {"linger": "1h"}})
        daemon = world.daemon
        requests = simple_requests(3, "r")
        daemon.drop("r.jsonl", jsonl(requests))
        wait_until(lambda: daemon.job_named("r"), "it is queued")
        bad = '[batch]\nlinger = "soon"\nmax_request = 5\n[polling]\nx = 1\n'
        (daemon.root / "offpeak.toml").write_text(bad)
        daemon.process.signal(signal.SIGHUP)
        daemon.wait_log("config.bad")
        wait_until(lambda: daemon.log_text().count("config.bad") >= 3, "all three errors are told")
        self.assertIn("max_requests", daemon.log_text())  # the nearest known key
        self.assertTrue(daemon.answers())
        daemon.write_config({"batch": {"linger": "10ms"}})
        daemon.process.signal(signal.SIGHUP)
        daemon.wait_log("config.reloaded")
        wait_until(lambda: world.sim.totals()["batches"] == 1, "the new linger holds")
        world.sim.end_all()
        check_results(daemon.wait_results("r"), requests)

    def test_sighup_takes_a_new_key(self):
        world = self.world({"api_key": "the-new-key"}, {"provider": {"api_key_file": "key"}}, start=False)
        (world.daemon.root / "key").write_text("the-old-key\n")
        world.daemon.write_config({"provider": {"api_key_file": str(world.daemon.root / "key")}})
        world.daemon.start()
        requests = simple_requests(3, "k")
        world.daemon.drop("k.jsonl", jsonl(requests))
        world.daemon.wait_log("guard.no_list")
        (world.daemon.root / "key").write_text("the-new-key\n")
        world.daemon.process.signal(signal.SIGHUP)
        check_results(world.daemon.wait_results("k"), requests)

    def test_a_bad_configuration_exits_78_and_lists_every_error(self):
        world = self.world(start=False)
        world.daemon.root.joinpath("offpeak.toml").write_text(
            '[provider]\nbase_url = "http://api.example.test"\nbeta = []\n[batch]\nmax_bytes = "300 apples"\n'
            '[poll]\nmin_interval = 5\n')
        for arguments in ([], ["--check-config"]):
            done = subprocess.run([program("offpeakd"), "--root", str(world.daemon.root), *arguments], env=world.daemon.env,
                                  capture_output=True, timeout=60, check=False, text=True)
            self.assertEqual(done.returncode, 78, done.stderr)
            for words in ("base_url", "betas", "max_bytes", "min_interval"):
                self.assertIn(words, done.stderr)
            for place in (":2:", ":3:", ":5:", ":7:"):
                self.assertIn(place, done.stderr)
        self.assertFalse(world.daemon.spool.exists())
        broken = subprocess.run([program("offpeakd"), "--root", str(world.daemon.root), "--set", "batch.lingre=1s"],
                                env=world.daemon.env, capture_output=True, timeout=60, check=False, text=True)
        self.assertEqual(broken.returncode, 78)
        self.assertIn("linger", broken.stderr)

    def test_without_a_key_it_exits_78_and_says_where_it_looked(self):
        world = self.world(start=False)
        del world.daemon.env["ANTHROPIC_API_KEY"]
        done = subprocess.run([program("offpeakd"), "--root", str(world.daemon.root)], env=world.daemon.env,
                              capture_output=True, timeout=60, check=False, text=True)
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn("ANTHROPIC_API_KEY", done.stderr)

    def test_no_secret_is_written_anywhere(self):
        prompt, system = "PROMPT-Zebrafink-4711", "SYSTEM-Zebrafink-4711"
        world = self.world({"faults": [{"on": "create", "nth": 1, "do": {"action": "error", "status": 500}},
                                       {"on": "results", "nth": 1, "do": {"action": "cut", "fraction": 0.5}}]})
        daemon = world.daemon
        requests = [request(f"s-{i}", prompt, system=system) for i in range(5)]
        requests.append(request("bad", prompt + " [[errored:invalid_request_error]]", "errored"))
        daemon.drop("secret.jsonl", jsonl(requests))
        # Also one that is wrong: its error document must not quote it.
        daemon.drop("wrong.jsonl", requests[0].line[:-20] + b"\n" +
                    requests[1].line.replace(b'"max_tokens": 100', b'"max_tokens": "PROMPT-Zebrafink-4711"'))
        folder = daemon.wait_results("secret")
        check_results(folder, requests)
        document = daemon.wait_rejected("wrong.jsonl")
        self.assertGreaterEqual(document["error_count"], 1)
        answer = re.search(r'"text":"([^"]{20})', (folder / "results.jsonl").read_text()).group(1)
        for command in (["status"], ["jobs"], ["show", "1"], ["batches"]):
            for more in ([], ["--json"]):
                _, out, err = world.cli(*command, *more)
                for secret in (KEY, prompt, system, answer):
                    self.assertNotIn(secret, out + err)
        log = daemon.log_text() + world.sim.log.read_text() + daemon.process.output()
        for secret in (KEY, prompt, system, answer):
            self.assertNotIn(secret, log)
        self.assertEqual(self.stop_in_time(daemon) < STOP_SECONDS, True)
        may_hold_prompts = (daemon.spool / "claimed", daemon.rejected / "wrong.jsonl", folder / "failed.jsonl",
                            folder / "results.jsonl", daemon.state)
        for place, _, names in os.walk(daemon.root):
            for name in names:
                path = os.path.join(place, name)
                with open(path, "rb") as file:
                    data = file.read()
                self.assertNotIn(KEY.encode(), data, path)
                if not any(path.startswith(str(allowed)) for allowed in may_hold_prompts):
                    self.assertNotIn(b"Zebrafink", data, path)
        for line in (daemon.rejected / "wrong.jsonl.error.json").read_text().splitlines():
            self.assertNotIn("Zebrafink", line)
        self.assertNotIn(b"Zebrafink", (daemon.state / self.database(daemon)).read_bytes())

    @staticmethod
    def database(daemon):
        return next(name for name in os.listdir(daemon.state) if name.endswith((".db", ".sqlite", ".sqlite3")))

    def test_modes_of_socket_folders_and_files(self):
        world = self.world()
        daemon = world.daemon
        daemon.drop("m.jsonl", jsonl(simple_requests(2, "m")))
        daemon.wait_results("m")

        def mode(path):
            return stat.S_IMODE(os.stat(path).st_mode)
        self.assertEqual(mode(daemon.socket), 0o660)
        self.assertEqual(mode(daemon.state), 0o700)
        self.assertEqual(mode(daemon.state / self.database(daemon)) & 0o007, 0)
        self.assertEqual(mode(daemon.spool / "claimed"), 0o700)
        self.assertEqual(mode(daemon.incoming), 0o2770)
        self.assertEqual(mode(daemon.rejected) & 0o007, 0)
        self.assertEqual(mode(daemon.results), 0o2750)
        # No secret in the argument list.
        with open(f"/proc/{daemon.process.pid}/cmdline", "rb") as file:
            self.assertNotIn(KEY.encode(), file.read())

    def test_the_socket_is_there_while_the_provider_is_not(self):
        world = self.world(sim=False)
        status = world.daemon.status()
        self.assertIn(status["health"], ("ok", "degraded", "needs_human"))
        self.assertTrue(world.daemon.answers())
        requests = simple_requests(2, "off")
        reply = world.daemon.call("POST", "/v1/jobs?name=off", jsonl(requests))
        self.assertEqual(reply.status, 201, reply.body)
        self.assertLess(self.stop_in_time(world.daemon), 5)


if __name__ == "__main__":
    main()
