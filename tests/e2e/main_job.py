"""Whole jobs, as users drop them: every form of job file, retries, several jobs at once, small limits."""

import gzip
import json
import shutil
import subprocess
import unittest

from harness import (Request, TestCase, check_paid_once, check_results, create_body, jsonl, main, read_lines, request,
                     simple_requests, varied_requests, wait_until)

# What the simulator makes of a request, and how its job ends.
MARKERS = [
    ("[[errored:invalid_request_error]]", "errored"),
    ("[[errored:api_error:2]]", "succeeded"),       # twice an error, then an answer
    ("[[errored:overloaded_error]]", "errored"),    # until the attempts are used up
    ("[[expired:1]]", "succeeded"),
    ("[[expired]]", "expired"),
    ("[[stop:max_tokens]]", "succeeded"),
    ("[[errored:request_too_large]]", "errored"),
    ("[[bytes:20000]]", "succeeded"),
]
RETRIED = 4  # of them go again


class MainJob(TestCase):
    def test_500_varied_requests_are_complete_in_order_and_verbatim(self):
        world = self.world()
        requests = varied_requests(500, 1, markers=MARKERS)
        options = {"name": "varied", "max_attempts": 3, "priority": 2}
        world.daemon.drop("big.jsonl", jsonl(requests, options))
        folder = world.daemon.wait_results("varied")
        summary = check_results(folder, requests, json.dumps({"offpeak": options}).encode())
        self.assertEqual(summary["job"]["file"], "big.jsonl")
        self.assertGreater(summary["stop_reasons"]["max_tokens"], 0)
        self.assertGreater(summary["cost_usd"], 0)
        self.assertGreater(len(summary["batches"]), 2)
        ledger = check_paid_once(world.sim, requests)
        # What the summary says was used is what the provider billed.
        self.assertEqual(summary["usage"]["output_tokens"], ledger["totals"]["billed_output_tokens"])
        job = world.daemon.job(summary["job"]["id"])
        self.assertEqual(job, summary["job"])
        # The results on the socket are the file, byte for byte.
        reply = world.daemon.call("GET", f"/v1/jobs/{job['id']}/results")
        self.assertEqual(reply.body, (folder / "results.jsonl").read_bytes())
        # Nothing was tried more often than the job allowed.
        attempts = max(content["created"] for content in ledger["contents"])
        self.assertEqual(attempts, 3)

    def test_every_form_of_job_file(self):
        world = self.world()
        jobs = {}

        def drop(name, data, requests, options_line=None):
            jobs[name.split(".")[0]] = (requests, options_line)
            world.daemon.drop(name, data)

        def more(prefix):
            return varied_requests(12, prefix, prefix)

        one = more("gz")
        half = len(jsonl(one)) // 2
        members = gzip.compress(jsonl(one)[:half]) + gzip.compress(jsonl(one)[half:])
        drop("gz.jsonl.gz", members, one)
        one = more("body")
        drop("body.json", create_body(one), one)
        one = more("bodygz")
        drop("bodygz.json.gz", gzip.compress(create_body(one, {"priority": 1})), one, b'{"offpeak":{"priority": 1}}')
        one = more("nd")
        drop("nd.ndjson", b"\xef\xbb\xbf" + jsonl(one, newline=b"\r\n\r\n").rstrip(), one)  # BOM, CRLF, blank, no end
        if shutil.which("zstd"):
            one = more("zst")
            first, second = (subprocess.run(["zstd", "-c"], input=part, capture_output=True, check=True).stdout
                             for part in (jsonl(one[:5]), jsonl(one[5:])))
            drop("zst.jsonl.zst", first + second, one)
        else:
            print("no zstd program: that form is not tested")
        for name, (requests, options_line) in jobs.items():
            folder = world.daemon.wait_results(name)
            if options_line is None:
                check_results(folder, requests)
            else:
                failed = read_lines(folder / "failed.jsonl")
                self.assertEqual([json.loads(line) for line in failed], [json.loads(options_line)])
        check_paid_once(world.sim, [one for requests, _ in jobs.values() for one in requests])

    def test_defaults_are_merged_and_the_lines_own_members_win(self):
        world = self.world()
        defaults = {"model": "claude-haiku-5-5", "max_tokens": 77, "system": "Be brief."}
        lines = [b'{"custom_id":"a","params":{"messages":[{"role":"user","content":"1"}]}}',
                 b'{"custom_id":"b","params":{"max_tokens": 3,"messages":[{"role":"user","content":"2"}]}}',
                 b'{"custom_id":"c","params":{}}']
        head = json.dumps({"offpeak": {"defaults": defaults, "on_invalid": "skip"}}).encode()
        world.daemon.drop("d.jsonl", b"\n".join([head, *lines]) + b"\n")
        folder = world.daemon.wait_results("d")
        requests = [Request("a", b"", "succeeded", lines[0]), Request("b", b"", "succeeded", lines[1]),
                    Request("c", b"", "errored", lines[2])]
        check_results(folder, requests, head)
        self.assertEqual(world.sim.totals()["requests_created"], 2)

    def test_skipped_lines_are_outcomes_and_the_rest_runs(self):
        world = self.world()
        good = simple_requests(3, "good")
        lines = [good[0].line, b'{"custom_id":"no-params"}', b"not JSON at all", good[1].line,
                 b'{"custom_id":"bad-model","params":{"model":"","max_tokens":1,"messages":[{"role":"user","content":"x"}]}}',
                 good[1].line.replace(b"good-1: Hello", b"the second of that id"), good[2].line]
        head = b'{"offpeak":{"on_invalid":"skip"}}'
        world.daemon.drop("skip.jsonl", b"\n".join([head, *lines]) + b"\n")
        folder = world.daemon.wait_results("skip")
        outcomes = [("good-0", "succeeded"), ("no-params", "errored"), (None, "errored"), ("good-1", "succeeded"),
                    ("bad-model", "errored"), ("good-1", "errored"), ("good-2", "succeeded")]
        check_results(folder, [Request(name, b"", outcome, line) for (name, outcome), line in zip(outcomes, lines)], head)
        results = [json.loads(line) for line in read_lines(folder / "results.jsonl")]
        for index in (1, 2, 4, 5):
            error = results[index]["result"]["error"]
            self.assertEqual(error["type"], "error")
            self.assertTrue(error["error"]["type"].startswith("offpeak_"), error)
            self.assertEqual(error["error"]["line"], index + 2)  # physical lines, the options line is the first
            self.assertIsNone(error["request_id"])
        check_paid_once(world.sim, good)

    def test_failed_jsonl_can_be_fixed_and_dropped_again(self):
        world = self.world()
        requests = simple_requests(10, "fine") + [request("bad-0", "[[errored:invalid_request_error]]", "errored"),
                                                  request("bad-1", "[[errored:invalid_request_error]]", "errored")]
        head = b'{"offpeak":{"name":"first","priority":5}}'
        world.daemon.drop("one.jsonl", head + b"\n" + jsonl(requests))
        folder = world.daemon.wait_results("first")
        check_results(folder, requests, head)
        fixed = (folder / "failed.jsonl").read_bytes().replace(b"[[errored:invalid_request_error]]", b"fixed")
        world.daemon.drop("two.jsonl", fixed)
        again = [Request(one.custom_id, one.params.replace(b"[[errored:invalid_request_error]]", b"fixed"), "succeeded",
                         one.line.replace(b"[[errored:invalid_request_error]]", b"fixed")) for one in requests[10:]]
        check_results(world.daemon.wait_results("first", 2), again, head)
        check_paid_once(world.sim, requests + again)

    def test_the_same_content_is_refused_unless_it_asks_to_be_run_again(self):
        world = self.world()
        requests = simple_requests(4, "once")
        data = jsonl(requests)
        world.daemon.drop("a.jsonl", data)
        world.daemon.wait_results("a")
        world.daemon.drop("b.jsonl", data)
        world.daemon.drop("c.jsonl.gz", gzip.compress(data))  # the content counts, not the file
        for name in ("b.jsonl", "c.jsonl.gz"):
            document = world.daemon.wait_rejected(name)
            self.assertEqual(document["error_count"], 1)
            self.assertIn("job 1", document["errors"][0]["message"])
        self.assertEqual(world.sim.totals()["requests_created"], 4)
        # Somebody means it: the option makes another content, and so a job of its own; twice the same is said by rerun.
        rerun = b'{"offpeak":{"rerun":true}}\n' + data
        for name in ("d", "e"):
            world.daemon.drop(name + ".jsonl", rerun)
            check_results(world.daemon.wait_results(name), requests, rerun.split(b"\n")[0])
        self.assertEqual(world.sim.totals()["requests_created"], 12)

    def test_a_higher_priority_goes_first(self):
        world = self.world({"processing_time": "1h"}, {"batch": {"max_requests": 10, "max_open_batches": 1, "linger": "10ms"}})
        world.daemon.post("/v1/pause")
        for name, priority in (("low", -5), ("middle", 0), ("high", 7)):
            world.daemon.drop(name + ".jsonl", jsonl(simple_requests(10, name), {"priority": priority}))
            wait_until(lambda name=name: world.daemon.job_named(name), f"{name} is taken")
        world.daemon.post("/v1/resume")
        for name in ("high", "middle", "low"):
            wait_until(lambda name=name: world.daemon.job_named(name)["counts"]["submitted"] == 10, f"{name} is sent")
            world.sim.end_all()
            check_results(world.daemon.wait_results(name), simple_requests(10, name),
                          json.dumps({"offpeak": {"priority": {"low": -5, "middle": 0, "high": 7}[name]}}).encode())
        self.assertEqual(world.sim.totals()["most_open_batches"], 1)

    def test_small_jobs_share_a_batch(self):
        world = self.world(config={"batch": {"linger": "1s"}})
        world.daemon.post("/v1/pause")
        jobs = {f"small{i}": varied_requests(5, i, f"s{i}") for i in range(6)}
        for name, requests in jobs.items():
            world.daemon.drop(name + ".jsonl", jsonl(requests))
        wait_until(lambda: len(world.daemon.jobs()) == 6, "all are taken")
        world.daemon.post("/v1/resume")
        for name, requests in jobs.items():
            check_results(world.daemon.wait_results(name), requests)
        self.assertEqual(len(world.daemon.batches()), 1)
        check_paid_once(world.sim, [one for requests in jobs.values() for one in requests], created_twice=0)

    def test_small_limits_are_never_exceeded(self):
        limits = {"max_requests": 7, "max_bytes": "6KB", "linger": "10ms", "max_open_batches": 3, "max_queued_requests": 20}
        world = self.world({"processing_time": "50ms", "max_requests": 7, "max_bytes": "6KB", "queue_limit": 20},
                           {"batch": limits})
        jobs = {"even": varied_requests(60, 5, "even"), "odd": varied_requests(30, 6, "odd")}
        for name, requests in jobs.items():
            world.daemon.drop(name + ".jsonl", jsonl(requests))
        for name, requests in jobs.items():
            check_results(world.daemon.wait_results(name), requests)
        ledger = check_paid_once(world.sim, jobs["even"] + jobs["odd"], created_twice=0)
        self.assertGreaterEqual(len(ledger["batches"]), 90 // 7)
        for batch in ledger["batches"]:
            self.assertLessEqual(batch["requests"], 7)
            self.assertLessEqual(batch["body_bytes"], 6000)
        # What the daemon says it sent is what came.
        sent = {batch["provider_id"]: (batch["requests"], batch["bytes"]) for batch in world.daemon.batches()}
        came = {batch["batch"]["id"]: (batch["requests"], batch["body_bytes"]) for batch in ledger["batches"]}
        self.assertEqual(sent, came)
        self.assertLessEqual(ledger["totals"]["most_open_batches"], 3)
        self.assertLessEqual(ledger["totals"]["most_open_requests"], 20)
        self.assertEqual(ledger["totals"]["calls"]["create"], len(ledger["batches"]))  # no create was refused

    def test_a_batch_that_the_provider_canceled_holds_the_job(self):
        world = self.world()
        requests = [request("a"), request("b", "[[canceled:1]]")]
        world.daemon.drop("c.jsonl", jsonl(requests))
        held = wait_until(lambda: (job := world.daemon.job_named("c")) and job["state"] == "held" and job, "held")
        self.assertIn("cancel", held["reason"])
        self.assertTrue(any("release" in one["command"] for one in world.daemon.status()["needs_human"]))
        world.daemon.post(f"/v1/jobs/{held['id']}/release")
        check_results(world.daemon.wait_results("c"), requests)
        check_paid_once(world.sim, requests)


if __name__ == "__main__":
    main()
