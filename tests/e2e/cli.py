"""The offpeak client against a real daemon: every verb, with and without --json, and its exit codes."""

import gzip
import json
import subprocess
import threading
import time
import unittest

from harness import (TestCase, check_paid_once, check_results, create_body, jsonl, main, program, request,
                     simple_requests, varied_requests, wait_until)

DONE, ERROR, USAGE, NOT_ALL, NO_SUCH, REFUSED, HELD, TIMED_OUT, UNREACHABLE = 0, 1, 2, 3, 4, 5, 6, 7, 69


class Cli(TestCase):
    def ok(self, world, *arguments, **more):
        code, out, err = world.cli(*arguments, **more)
        self.assertEqual(code, DONE, (arguments, out, err))
        return out

    def json_of(self, world, *arguments):
        return [json.loads(line) for line in self.ok(world, *arguments, "--json").splitlines()]

    def file(self, world, name, data):
        path = world.folder / name
        path.write_bytes(data)
        return path

    def test_submit_wait_results_in_one_go(self):
        world = self.world()
        requests = varied_requests(20, 3, "cli", [("[[errored:invalid_request_error]]", "errored")])
        path = self.file(world, "mine.jsonl", jsonl(requests))
        job = self.ok(world, "submit", path).strip()
        self.assertEqual(job, "1")
        code, out, err = world.cli("wait", job, "--timeout", "2m")
        self.assertEqual((code, out), (NOT_ALL, ""), err)
        folder = world.daemon.wait_results("mine")
        check_results(folder, requests)
        self.assertEqual(self.ok(world, "results", job).encode(), (folder / "results.jsonl").read_bytes())
        errored = [json.loads(line) for line in self.ok(world, "results", job, "--outcome", "errored").splitlines()]
        self.assertEqual([line["custom_id"] for line in errored], [one.custom_id for one in requests if one.outcome == "errored"])
        # Every good one: 0.
        good = self.file(world, "good.jsonl", jsonl(simple_requests(3, "good")))
        code, out, err = world.cli("submit", good, "--wait", "--name", "named", "--priority", "4")
        self.assertEqual((code, out), (DONE, "2\n"), err)
        job = self.json_of(world, "show", "2")[0]
        self.assertEqual((job["name"], job["priority"], job["file"]), ("named", 4, "good.jsonl"))
        check_paid_once(world.sim, requests + simple_requests(3, "good"))

    def test_submit_from_standard_input_in_every_form(self):
        world = self.world()
        requests = simple_requests(4, "in")
        self.assertEqual(self.ok(world, "submit", "-", "--name", "lines", stdin=jsonl(requests)), "1\n")
        self.assertEqual(self.ok(world, "submit", "-", "--name", "body", "--format", "json",
                                 stdin=create_body(simple_requests(4, "body"))), "2\n")
        packed = gzip.compress(jsonl(simple_requests(4, "packed")))
        self.assertEqual(self.ok(world, "submit", "-", "--name", "packed", stdin=packed), "3\n")
        for name, prefix in (("lines", "in"), ("body", "body"), ("packed", "packed")):
            check_results(world.daemon.wait_results(name), simple_requests(4, prefix))
        # The same again is refused, and said so; --again means it.
        code, out, err = world.cli("submit", "-", "--name", "lines", stdin=jsonl(requests))
        self.assertEqual((code, out), (REFUSED, ""))
        self.assertIn("job 1", err)
        self.assertRegex(self.ok(world, "submit", "-", "--again", stdin=jsonl(requests)), r"^[0-9]+\n$")

    def test_a_bad_file_is_refused_with_its_places(self):
        world = self.world()
        bad = self.file(world, "bad.jsonl", jsonl(simple_requests(1)) + b"nonsense\n" * 30)
        code, out, err = world.cli("submit", bad)
        self.assertEqual((code, out), (REFUSED, ""), err)
        self.assertIn("line 2", err)
        code, out, _ = world.cli("submit", bad, "--json")
        self.assertEqual(code, REFUSED)
        problem = json.loads(out)
        self.assertEqual(problem["error_count"], 30)
        self.assertEqual(problem["errors"][0]["line"], 2)
        self.assertEqual(world.daemon.jobs(), [])
        code, _, _ = world.cli("submit", world.folder / "is-not-there.jsonl")
        self.assertEqual(code, ERROR)

    def test_check_and_dry_run_need_no_daemon_and_spend_nothing(self):
        world = self.world(start=False)
        good = self.file(world, "good.jsonl", jsonl(simple_requests(7, "good")))
        for arguments in (("check", good), ("submit", good, "--dry-run")):
            found = self.json_of(world, *arguments)[0]
            self.assertEqual((found["requests"], found["errors"]), (7, []))
            self.assertEqual([one["requests"] for one in found["plan"]], [7])
            self.assertGreater(found["plan"][0]["bytes"], 7 * 80)
            self.assertIn("estimate", found)
            self.assertIn("7", self.ok(world, *arguments))
        found = json.loads(world.cli("check", "-", "--json", stdin=good.read_bytes())[1])
        self.assertEqual(found["requests"], 7)
        bad = self.file(world, "bad.jsonl", jsonl(simple_requests(2)) + b"{}\n")
        code, out, _ = world.cli("check", bad, "--json")
        self.assertEqual(code, ERROR)
        self.assertEqual(json.loads(out)["errors"][0]["line"], 3)
        self.assertEqual(world.cli("check", bad)[0], ERROR)
        self.assertEqual(world.sim.totals()["calls"]["create"], 0)
        # What check said is what is sent.
        world.daemon.start()
        planned = self.json_of(world, "check", good)[0]["plan"][0]["bytes"]
        self.ok(world, "submit", good, "--wait")
        self.assertEqual(world.sim.ledger()["batches"][0]["body_bytes"], planned)

    def test_lists_and_shows(self):
        world = self.world()
        for i in range(3):
            self.ok(world, "submit", "-", "--name", f"n{i}", stdin=jsonl(simple_requests(2, f"n{i}")))
        self.assertEqual(world.cli("wait", "1", "2", "3", "--timeout", "2m")[0], DONE)
        jobs = self.json_of(world, "jobs")
        self.assertEqual([job["id"] for job in jobs], [1, 2, 3])
        self.assertEqual(jobs[0], world.daemon.job(1))
        self.assertEqual(len(self.json_of(world, "jobs", "--limit", "2")), 2)
        self.assertEqual(self.json_of(world, "jobs", "--state", "held"), [])
        self.assertIn("n2", self.ok(world, "jobs"))
        self.assertIn("n1", self.ok(world, "show", "2"))
        batches = self.json_of(world, "batches")
        self.assertGreaterEqual(len(batches), 1)
        provider_id = batches[0]["provider_id"]
        for name in (provider_id, f"b{batches[0]['id']}"):
            self.assertEqual(self.json_of(world, "show", name)[0]["provider_id"], provider_id)
        self.assertIn(provider_id, self.ok(world, "batches"))
        status = self.json_of(world, "status")[0]
        self.assertEqual((status["health"], status["counts"]["succeeded"]), ("ok", 6))
        self.assertIn("ok", self.ok(world, "status"))
        self.assertEqual(self.json_of(world, "reconcile"), [])
        for verb in (["show", "99"], ["results", "99"], ["cancel", "99"], ["wait", "99"], ["show", "msgbatch_nothing"],
                     ["show", "nonsense"], ["release", "99"]):
            self.assertEqual(world.cli(*verb)[0], NO_SUCH, verb)
        # Nothing but plain text without a terminal.
        for verb in (["jobs"], ["status"], ["show", "1"], ["batches"], ["watch", "1"]):
            self.assertNotIn("\x1b", self.ok(world, *verb))

    def test_hold_release_and_cancel(self):
        world = self.world({"processing_time": "1h"})
        path = self.file(world, "held.jsonl", jsonl(simple_requests(3, "held")))
        self.assertEqual(self.ok(world, "submit", path, "--hold"), "1\n")
        self.assertEqual(self.json_of(world, "show", "1")[0]["state"], "held")
        self.assertEqual(world.cli("wait", "1")[0], HELD)
        self.ok(world, "release", "1")
        world.daemon.wait_job(1, "running")
        wait_until(lambda: world.sim.totals()["batches"] == 1, "it is sent")
        code, _, err = world.cli("wait", "1", "--timeout", "300ms")
        self.assertEqual(code, TIMED_OUT, err)
        self.assertIn("Job 1 (", err, "for what it waits is said at the end, too")
        self.assertIn("waits: the provider works on b1", err)
        world.sim.end_all()
        self.assertEqual(world.cli("wait", "1", "--timeout", "2m")[0], DONE)
        self.assertEqual(world.cli("release", "1")[0], REFUSED)
        self.assertEqual(world.cli("cancel", "1")[0], REFUSED)
        # Held later: what is submitted runs on, what is not waits.
        self.ok(world, "submit", "-", "--name", "later", stdin=jsonl(simple_requests(2, "later")))
        self.assertEqual(self.json_of(world, "hold", "2")[0]["state"], "held")
        self.ok(world, "release", "2")

    def test_cancel_before_it_is_sent_and_after(self):
        world = self.world({"processing_time": "1h", "cancel_time": "100ms"})
        self.ok(world, "pause")
        first = simple_requests(3, "first", outcome="canceled")
        self.ok(world, "submit", "-", "--name", "first", stdin=jsonl(first))
        self.ok(world, "cancel", "1")
        summary = check_results(world.daemon.wait_results("first"), first)
        self.assertEqual(summary["job"]["state"], "canceled")
        self.assertEqual(world.cli("wait", "1")[0], NOT_ALL)
        self.ok(world, "resume")
        second = simple_requests(3, "second", outcome="canceled")
        self.ok(world, "submit", "-", "--name", "second", stdin=jsonl(second))
        wait_until(lambda: world.sim.totals()["batches"] == 1, "it is sent")
        wait_until(lambda: world.daemon.job(2)["counts"]["submitted"] == 3, "and known to be sent")
        self.assertIn(self.json_of(world, "cancel", "2")[0]["state"], ("canceling", "canceled"))
        check_results(world.daemon.wait_results("second"), second)
        totals = world.sim.totals()
        self.assertEqual((totals["calls"]["cancel"], totals["requests_billed"]), (1, 0))

    def test_cancel_in_a_shared_batch_lets_it_run(self):
        world = self.world({"processing_time": "1h"}, {"batch": {"linger": "500ms"}})
        self.ok(world, "pause")
        for name in ("mine", "yours"):
            self.ok(world, "submit", "-", "--name", name, stdin=jsonl(simple_requests(2, name)))
        self.ok(world, "resume")
        wait_until(lambda: world.daemon.job(2)["counts"]["submitted"] == 2, "both are sent")
        self.ok(world, "cancel", "1")
        world.sim.end_all()
        mine = simple_requests(2, "mine")
        summary = check_results(world.daemon.wait_results("mine"), mine)  # the true outcome
        self.assertEqual(summary["job"]["state"], "canceled")
        check_results(world.daemon.wait_results("yours"), simple_requests(2, "yours"))
        self.assertEqual(world.sim.totals()["calls"]["cancel"], 0)

    def test_pause_and_resume(self):
        world = self.world()
        status = self.json_of(world, "pause")[0]
        self.assertEqual(status["paused"], {"intake": False, "submitting": True})
        self.ok(world, "submit", "-", "--name", "p", stdin=jsonl(simple_requests(2, "p")))
        world.daemon.restart()  # a pause is durable
        self.assertEqual(self.json_of(world, "status")[0]["paused"]["submitting"], True)
        self.assertEqual(world.sim.totals()["batches"], 0)
        self.ok(world, "resume")
        check_results(world.daemon.wait_results("p"), simple_requests(2, "p"))
        self.ok(world, "pause", "all")
        code, _, err = world.cli("submit", "-", stdin=jsonl(simple_requests(2, "q")))
        self.assertEqual(code, REFUSED, err)
        self.ok(world, "resume", "all")
        self.assertEqual(world.cli("pause", "everything")[0], USAGE)

    def test_watch_prints_a_line_a_change(self):
        world = self.world({"processing_time": "1s"})
        self.ok(world, "submit", "-", "--name", "w", stdin=jsonl(simple_requests(2, "w")))
        out = self.ok(world, "watch", "1", "--interval", "50ms")
        lines = out.splitlines()
        self.assertGreaterEqual(len(lines), 2)
        self.assertEqual(len(lines), len(set(lines)))
        self.assertIn("done", lines[-1])
        self.assertEqual(self.json_of(world, "watch", "1")[-1]["state"], "done")

    def test_wait_survives_a_restart_of_the_daemon(self):
        world = self.world({"processing_time": "1h"})
        self.ok(world, "submit", "-", "--name", "w", stdin=jsonl(simple_requests(2, "w")))
        answers = []
        waiter = threading.Thread(target=lambda: answers.append(world.cli("wait", "1", "--timeout", "90s", timeout=120)))
        waiter.start()
        wait_until(lambda: world.sim.totals()["batches"] == 1, "it is sent")
        time.sleep(3)  # the command has asked once by then
        world.daemon.kill9()
        world.daemon.start()
        world.sim.end_all()
        waiter.join()
        self.assertEqual(answers[0][0], DONE, answers)

    def test_without_a_daemon_it_exits_69(self):
        world = self.world(start=False)
        for verb in (["status"], ["jobs"], ["show", "1"], ["wait", "1"], ["results", "1"], ["cancel", "1"], ["batches"],
                     ["submit", self.file(world, "x.jsonl", jsonl(simple_requests(1)))], ["pause"], ["watch"], ["reconcile"]):
            code, out, err = world.cli(*verb)
            self.assertEqual((code, out), (UNREACHABLE, ""), (verb, err))
            self.assertIn(str(world.daemon.socket), err)
        # The socket file of a killed daemon is as good as none.
        world.daemon.start()
        world.daemon.kill9()
        self.assertEqual(world.cli("status")[0], UNREACHABLE)
        self.assertEqual(world.cli("status", "--socket", world.folder / "nowhere", env={"OFFPEAK_SOCKET": ""})[0], UNREACHABLE)

    def test_wrong_arguments_exit_2(self):
        world = self.world(start=False)
        for arguments in ([], ["nonsense"], ["submit"], ["show"], ["jobs", "--state", "odd"], ["wait", "1", "--timeout", "soon"],
                          ["status", "--odd"], ["submit", "x", "--priority", "high"]):
            code, out, err = world.cli(*arguments)
            self.assertEqual(code, USAGE, (arguments, out, err))
            self.assertTrue(err)

    def test_a_reader_that_goes_away_is_no_error(self):
        world = self.world()
        requests = [request(f"b-{i}", "[[bytes:20000]]") for i in range(100)]
        self.ok(world, "submit", "-", "--wait", stdin=jsonl(requests))
        done = subprocess.run(f"'{program('offpeak')}' --socket '{world.daemon.socket}' results 1 | head -c 100", shell=True,
                              capture_output=True, timeout=120, check=False)
        self.assertEqual((done.returncode, len(done.stdout), done.stderr), (0, 100, b""))
        self.assertTrue(world.daemon.answers())


if __name__ == "__main__":
    main()
