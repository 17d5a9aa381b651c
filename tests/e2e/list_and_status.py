"""What offpeak concludes from a list that is odd, what becomes of a create whose answer was lost or refused for the whole
call, and what is said of everything that waits: from public reports of users of batch APIs, against a provider that shares
no code with ours (scripted_api.py)."""

import json
import math
import time
import unittest

from harness import TestCase, jsonl, main, request, simple_requests, wait_until
from scripted_api import ScriptedApi, refusal, stranger

CONFIG = {
    "provider": {"settle_unknown": "1500ms"},
    "batch": {"linger": "10ms"},
    "poll": {"min_interval": "100ms", "max_interval": "300ms"},
    "retry": {"backoff": "50ms", "max_backoff": "400ms"},
    "intake": {"settle": "100ms", "rescan": "1s"},
    "log": {"level": "info"},
}
SOON = 8  # seconds, in which what waits for nothing else is done or said
BAD_HEADER = ("Unexpected value(s) `interleaved-thinking-2025-04-14` for the `anthropic-beta` header. Please consult our "
              "documentation or try again without the header.")


class Scripted(TestCase):
    def setUp(self):
        self.api = ScriptedApi()
        self.addCleanup(self.api.close)

    def daemon(self, **provider):
        """A daemon in front of the scripted provider."""
        self.made = self.world(sim=False, start=False)
        daemon = self.made.daemon
        daemon.write_config(CONFIG)
        daemon.write_config({"provider": {"base_url": self.api.url, **provider}})
        return daemon.start()

    def drop(self, daemon, name, requests, head=b""):
        daemon.drop(name + ".jsonl", head + jsonl(requests))

    def said(self, daemon, name=None):
        """Everything that status and the job say, as one text."""
        job = daemon.job_named(name) if name else None
        return json.dumps([daemon.status(), job])

    def wait_said(self, daemon, words, name=None, seconds=SOON):
        wait_until(lambda: all(word in self.said(daemon, name) for word in words),
                   lambda: f"{words} in {self.said(daemon, name)}", seconds)

    def assert_waits_aloud(self, daemon, name):
        """A job that waits says why, and when it goes on. While a call is under way, the next one has no time yet."""
        wait_until(lambda: (job := daemon.job_named(name)) and job["reason"] and job["next_action_at"],
                   lambda: f"a reason and a time: {daemon.job_named(name)}", SOON)


class OddLists(Scripted):
    def goes_on_beside(self, entry):
        daemon = self.daemon(exclusive=False)
        self.api.extra = [entry]
        self.drop(daemon, "a", [request("a")])
        daemon.wait_results("a", seconds=SOON)
        self.assertEqual(self.api.cancels, [])

    def test_a_strangers_unknown_status_stops_nothing(self):
        self.goes_on_beside(stranger(processing_status="finalizing"))

    def test_a_stranger_without_counts_stops_nothing(self):
        self.goes_on_beside(stranger(request_counts=None))

    def test_a_stranger_without_created_at_stops_nothing(self):
        self.goes_on_beside(stranger(created_at=...))

    def test_a_stranger_of_another_type_stops_nothing(self):
        self.goes_on_beside(stranger(type="message_batch_v2"))

    def test_a_lost_create_that_is_not_tallied_is_not_sent_again(self):
        """In a workspace that is ours alone an unexplained new batch is waited for until it shows its nonce."""
        self.api.lose_answers = 1
        self.api.zero_counts = True
        self.api.end_after = 6
        daemon = self.daemon()
        self.drop(daemon, "a", simple_requests(10, "a"))
        wait_until(lambda: self.api.batches, "the batch is made")
        # Several times settle_unknown, and as many clean lists as there are.
        time.sleep(4.5)
        self.assert_waits_aloud(daemon, "a")
        daemon.wait_results("a", seconds=30)
        self.assertEqual(set(self.api.billed().values()), {1}, self.api.posts)

    def test_what_a_stranger_makes_after_a_verdict_is_not_canceled(self):
        """A create that came to nothing, and then another program's batch of its size."""
        daemon = self.daemon()
        self.api.create_answer = lambda headers: None if len(self.api.posts) else (500, "no", {})
        self.drop(daemon, "a", simple_requests(3, "a"))
        daemon.wait_results("a", seconds=30)
        self.api.extra = [stranger(id="msgbatch_theirs", created_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))]
        self.drop(daemon, "b", [request("b")])
        self.wait_said(daemon, ["msgbatch_theirs"])
        self.assertEqual(self.api.cancels, [])


class Refusals(Scripted):
    def test_a_400_of_the_whole_call_holds_its_job_and_no_other(self):
        refused = (400, refusal("invalid_request_error", BAD_HEADER), {})
        self.api.create_answer = lambda headers: refused if "interleaved" in (headers.get("anthropic-beta") or "") else None
        daemon = self.daemon()
        head = b'{"offpeak":{"anthropic_beta":["interleaved-thinking-2025-04-14"]}}\n'
        self.drop(daemon, "bad", simple_requests(64, "b"), head)
        wait_until(lambda: self.api.posts, "the first create")
        self.drop(daemon, "good", simple_requests(2, "g"))
        daemon.wait_results("good", seconds=SOON)
        job = wait_until(lambda: daemon.job_named("bad") if daemon.job_named("bad")["state"] == "held" else None,
                         lambda: f"it is held; {daemon.describe()}", SOON)
        self.assertIn("anthropic-beta", job["reason"])
        refusals = [post for post in self.api.posts if post["status"] == 400]
        self.assertLessEqual(len(refusals), 2 * math.log2(64) + 10, refusals)

    def test_a_403_of_the_edge_is_said_at_once(self):
        """Without the API's outer shape it proves nothing; what it says must be read all the same."""
        self.api.create_answer = (403, {"error": {"type": "forbidden", "message": "Request not allowed"}}, {})
        daemon = self.daemon(settle_unknown="2s")
        self.drop(daemon, "a", simple_requests(10, "a"))
        self.wait_said(daemon, ["Request not allowed"], "a", 5)
        self.assertNotEqual(daemon.status()["health"], "ok")
        wait_until(lambda: len(self.api.posts) >= 3, "it is tried again", 40)
        self.assertEqual({post["requests"] for post in self.api.posts}, {10}, "its size does not crumble")


class Waits(Scripted):
    def test_a_wrong_key_at_the_first_start(self):
        self.api.list_answer = (401, refusal("authentication_error", "invalid x-api-key"), {})
        daemon = self.daemon()
        self.drop(daemon, "a", [request("a")])
        self.wait_said(daemon, ["invalid x-api-key"], "a")
        status = daemon.status()
        self.assertNotEqual(status["health"], "ok")
        self.assertTrue(status["needs_human"], status)
        self.assert_waits_aloud(daemon, "a")

    def test_a_key_that_is_revoked_while_a_batch_is_in_flight(self):
        self.api.end_after = 3600
        daemon = self.daemon()
        self.drop(daemon, "a", [request("a")])
        wait_until(lambda: self.api.batches, "it is sent")
        self.api.list_answer = (401, refusal("authentication_error", "this key was revoked"), {})
        self.drop(daemon, "b", [request("b")])
        self.wait_said(daemon, ["this key was revoked"], "b")
        self.assertTrue(daemon.status()["needs_human"])
        self.assert_waits_aloud(daemon, "a")
        self.assert_waits_aloud(daemon, "b")

    def test_a_provider_that_asks_for_a_day(self):
        self.api.list_answer = (429, refusal("rate_limit_error", "slow down, please"), {"retry-after": "86400"})
        daemon = self.daemon()
        self.drop(daemon, "a", [request("a")])
        self.wait_said(daemon, ["slow down, please"], "a")
        self.assert_waits_aloud(daemon, "a")
        # Every wait for a provider's word is bounded by max_backoff.
        self.api.list_answer = None
        daemon.wait_results("a", seconds=SOON)

    def test_an_incoming_folder_that_is_gone(self):
        daemon = self.daemon()
        daemon.incoming.rename(daemon.spool / "away")
        self.wait_said(daemon, ["incoming"])
        self.assertNotEqual(daemon.status()["health"], "ok")
        (daemon.spool / "away").rename(daemon.incoming)
        daemon.wait_status(lambda status: status["health"] == "ok", "it is well again", SOON)

    def test_a_results_folder_that_cannot_be_written(self):
        daemon = self.daemon()
        daemon.results.rmdir()
        daemon.results.write_bytes(b"")
        self.drop(daemon, "a", [request("a")])
        self.wait_said(daemon, ["the results cannot be written"], "a")
        self.assert_waits_aloud(daemon, "a")
        self.assertNotEqual(daemon.status()["health"], "ok")
        daemon.results.unlink()
        daemon.wait_results("a", seconds=SOON)

    def test_an_audit_prints_what_it_finds(self):
        daemon = self.daemon()
        self.drop(daemon, "a", [request("a")])
        daemon.wait_results("a")
        with open(daemon.spool / "claimed" / "1", "ab") as claimed:
            claimed.write(jsonl([request("b")]))
        code, out, _ = self.made.cli("audit", "1", "--deep")
        self.assertNotEqual(code, 0, out)
        self.assertIn("claimed/1", out)
        self.assertNotIn("more", out)


class Alone(Scripted):
    """A lone job, whose end nobody else's bell announces."""

    def test_its_only_request_is_refused_at_its_create(self):
        self.api.create_answer = (400, refusal("invalid_request_error",
                                               "requests.0.params.messages.0.content: Input should be a valid list"), {})
        daemon = self.daemon()
        self.drop(daemon, "a", [request("a")])
        daemon.wait_results("a", seconds=SOON)

    def test_it_is_canceled_while_its_create_is_unknown(self):
        self.api.create_answer = (500, "no", {})
        daemon = self.daemon()
        self.drop(daemon, "a", simple_requests(5, "a"))
        wait_until(lambda: self.api.posts, "it is sent")
        daemon.post(f"/v1/jobs/{wait_until(lambda: daemon.job_named('a'), 'it is a job')['id']}/cancel")
        wait_until(lambda: daemon.job_named("a")["state"] == "canceled", lambda: f"canceled; {daemon.describe()}", SOON)


if __name__ == "__main__":
    main()
