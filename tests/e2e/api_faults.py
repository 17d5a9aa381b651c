"""What a provider, and the network before it, can do wrong, over real sockets. Whatever it is, every job ends complete,
and the provider's ledger shows that nothing was created twice while it might run, and nothing billed twice."""

import json
import socket
import threading
import unittest

from harness import (TestCase, World, check_paid_once, check_results, jsonl, main, read_lines, request, simple_requests,
                     wait_until)

CONFIG = {"provider": {"settle_unknown": "600ms"}, "batch": {"max_requests": 5, "linger": "20ms"}}


def on_create(action, nth=2, **more):
    return {"on": "create", "nth": nth, "do": action, **more}


def error(status, when="instead", shape="api", **more):
    return {"action": "error", "status": status, "when": when, "shape": shape, **more}


def lose(when, how="close"):
    return {"action": "lose_answer", "when": when, "how": how}


def play(faults=(), settings=None, config=None, requests=None, created_twice=0, look=None):
    """One job of three batches; `look` may check more. Gives the ledger."""
    requests = requests or simple_requests(15, "f")
    merged_config = {**CONFIG, **(config or {})}
    for section, values in CONFIG.items():
        merged_config[section] = {**values, **merged_config[section]}
    with World({"faults": list(faults), **(settings or {})}, merged_config) as world:
        world.daemon.drop("f.jsonl", jsonl(requests))
        check_results(world.daemon.wait_results("f"), requests)
        ledger = check_paid_once(world.sim, created_twice=created_twice)
        created = {content["digest"] for content in ledger["contents"] if content["created"]}
        wanted = set(world.sim.digests([one.params for one in requests]))
        assert created <= wanted, "something else came to the provider"
        status = world.daemon.status()
        assert status["unknown_intents"] == 0 and status["account"]["state"] == "ok", status
        if look:
            look(world, ledger)
        return ledger


# Of the create call. By the ledger no request may be created twice in any of them.
CREATE_FAULTS = {
    "answer lost after creating": [on_create(lose("after"))],
    "answer lost after creating, reset": [on_create(lose("after", "reset"))],
    "answer lost before creating": [on_create(lose("instead"))],
    "answer lost before creating, reset": [on_create(lose("instead", "reset"))],
    "every second answer lost": [{"on": "create", "every": 2, "do": lose("after")}],
    "closed before the body": [on_create({"action": "close"})],
    "reset in the body": [on_create({"action": "reset", "after_body_bytes": 100})],
    "500 after creating": [on_create(error(500, "after"))],
    "500 without creating": [on_create(error(500))],
    "502 in HTML after creating": [on_create(error(502, "after", "html"))],
    "503 in text without creating": [on_create(error(503, "instead", "text"))],
    "504 empty after creating": [on_create(error(504, "after", "empty"))],
    "520 without creating": [on_create(error(520, "instead", "html"))],
    "529 after creating": [on_create(error(529, "after"))],
    "529 without creating": [on_create(error(529))],
    "408 after creating": [on_create(error(408, "after"))],
    "409 after creating": [on_create(error(409, "after"))],
    "429 in HTML without creating": [on_create(error(429, "instead", "html"))],
    "429 in HTML after creating": [on_create(error(429, "after", "html"))],
    "429 of the API": [on_create(error(429, retry_after="1"))],
    "429 of the API, early": [on_create(error(429, "early", retry_after="1"))],
    "400 that is not the API's": [on_create(error(400, "after", "json"))],
    "404 in HTML after creating": [on_create(error(404, "after", "html"))],
    "200 cut off": [on_create({"action": "cut", "fraction": 0.5})],
    "200 truncated before the id": [on_create({"action": "garble", "as": "truncated", "bytes": 5})],
    "200 truncated after the id": [on_create({"action": "garble", "as": "truncated", "fraction": 0.9})],
    "an id from a broken answer, then lines missing": [
        on_create({"action": "garble", "as": "truncated", "fraction": 0.5}),
        {"on": "results", "to": 3, "do": {"action": "lines", "missing": 1}}],
    "an id from a broken answer, then results not there": [
        on_create({"action": "garble", "as": "truncated", "fraction": 0.5}), {"on": "results", "to": 3, "do": error(404)}],
    "200 with a proxy's text": [on_create({"action": "garble", "as": "text"})],
    "200 in HTML": [on_create({"action": "garble", "as": "html"})],
    "200 and nothing": [on_create({"action": "garble", "as": "empty"})],
    "200 without an id": [on_create({"action": "garble", "as": "no_id"})],
    "200 of a wrong type": [on_create({"action": "garble", "as": "wrong_type"})],
    "an answer that trickles": [on_create({"action": "slow", "bytes": 60, "pause": "20ms"})],
    "the answer late, in chunks": [on_create({"action": "delay", "for": "700ms"}),
                                   on_create({"action": "frame", "as": "chunked"})],
    "created later than it was answered": [on_create({"action": "late", "for": "300ms"}), on_create(lose("after"))],
    "another batch of the same size beside a lost one": [on_create({"action": "foreign_batch", "same_size": True}),
                                                         on_create(lose("after"))],
    "another batch of the same size and nothing created": [on_create({"action": "foreign_batch", "same_size": True}),
                                                           on_create(lose("instead"))],
}

READ_FAULTS = {
    "the list fails": [{"on": "list", "every": 3, "do": error(500)}],
    "the list is throttled": [{"on": "list", "nth": 3, "do": error(429, retry_after="1")}],
    "the list is cut": [{"on": "list", "every": 4, "do": {"action": "cut", "fraction": 0.4}}],
    "the list is a page of a proxy": [{"on": "list", "every": 4, "do": {"action": "garble", "as": "html"}}],
    "the list is behind": [{"on": "list", "from": 4, "to": 8, "do": {"action": "stale", "by": "300ms"}}],
    "results cut early": [{"on": "results", "nth": 1, "do": {"action": "cut", "bytes": 10}}],
    "results cut in the middle": [{"on": "results", "every": 2, "do": {"action": "cut", "fraction": 0.55}}],
    "results reset near the end": [{"on": "results", "nth": 2, "do": {"action": "cut", "fraction": 0.97, "reset": True}}],
    "results cut, framed by the close": [{"on": "results", "nth": 1, "do": {"action": "cut", "fraction": 0.5}},
                                         {"on": "results", "nth": 1, "do": {"action": "frame", "as": "close"}}],
    "results not there yet": [{"on": "results", "to": 2, "do": error(404)}],
    "results fail": [{"on": "results", "every": 2, "do": error(500, "instead", "html")}],
    "results are empty once": [{"on": "results", "nth": 1, "do": {"action": "lines", "none": True}}],
    "lines are missing once": [{"on": "results", "nth": 1, "do": {"action": "lines", "missing": 2}}],
    "lines twice": [{"on": "results", "do": {"action": "lines", "duplicate": 3}}],
    "lines twice that contradict": [{"on": "results", "nth": 1, "do": {"action": "lines", "conflicting": 1}}],
    "lines of somebody else": [{"on": "results", "do": {"action": "lines", "foreign": 2}}],
    "lines of garbage": [{"on": "results", "do": {"action": "lines", "garbage": 2, "blank": 2, "nul": 1,
                                                   "invalid_utf8": 1, "deep": 3000}}],
    "a very long line": [{"on": "results", "nth": 1, "do": {"action": "lines", "long_bytes": 3_000_000}}],
    "BOM, CRLF and no last newline": [{"on": "results", "do": {"action": "lines", "bom": True, "crlf": True,
                                                                "no_last_newline": True}}],
    "counts are wrong once": [{"on": "list", "from": 4, "to": 6, "do": {"action": "counts", "succeeded": 1}}],
}


class ApiFaults(TestCase):
    def test_faults_of_the_create_call(self):
        self.run_scenarios([(name, lambda rules=rules: play(rules)) for name, rules in CREATE_FAULTS.items()])

    def test_faults_of_lists_and_results(self):
        self.run_scenarios([(name, lambda rules=rules: play(rules)) for name, rules in READ_FAULTS.items()])

    def test_a_list_that_lags_less_than_settle_unknown(self):
        def lagging():
            play([on_create(lose("after"), nth=1)], {"list_lag": "1s"}, {"provider": {"settle_unknown": "4s"}})

        def retrieve_lags_too():
            play([on_create({"action": "lag", "for": "800ms", "retrieve": True})],
                 config={"provider": {"settle_unknown": "3s"}})
        self.run_scenarios([("lag", lagging), ("retrieve", retrieve_lags_too)])

    def test_a_create_that_is_never_answered(self):
        config = {"provider": {"answer_timeout": "1s", "settle_unknown": "600ms"}}
        self.run_scenarios([(when, lambda when=when: play([on_create({"action": "hang", "when": when})], config=config))
                            for when in ("after", "instead", "early")])

    def test_a_413_halves_the_batch_and_the_size_is_remembered(self):
        def look(world, ledger):
            bodies = [batch["body_bytes"] for batch in ledger["batches"]]
            assert max(bodies) <= 3000, bodies
            refused = ledger["totals"]["calls"]["create"] - len(bodies)
            assert 1 <= refused <= 4, f"{refused} creates were refused: the size was not learned"

        def alone(world, ledger):
            del ledger
            line = json.loads(read_lines(world.daemon.results_of("f")[0] / "results.jsonl")[7])
            assert line["result"]["type"] == "errored", line

        large = {"batch": {"max_requests": 100, "linger": "300ms"}}
        many = simple_requests(40, "f", "x" * 100)
        one_is_too_large = simple_requests(20, "f")
        one_is_too_large[7] = request("f-7", "y" * 4000, "errored")
        self.run_scenarios([
            ("HTML", lambda: play(settings={"max_bytes": "3KB", "too_large": "html"}, config=large, requests=many, look=look)),
            ("API", lambda: play(settings={"max_bytes": "3KB", "too_large": "api"}, config=large, requests=many, look=look)),
            ("one alone", lambda: play(settings={"max_bytes": "3KB"}, config=large, requests=one_is_too_large, look=alone)),
        ])

    def test_a_400_that_names_a_request(self):
        requests = simple_requests(15, "f")
        requests[3] = request("named", "[[400]]", "errored")
        requests[11] = request("once", "[[400:1]]", "errored")  # refused is refused: it does not go again

        def look(world, ledger):
            del ledger
            lines = read_lines(world.daemon.results_of("f")[0] / "results.jsonl")
            assert b"invalid_request_error" in lines[3], lines[3]
        play(requests=requests, look=look)

    def test_a_400_that_names_nobody(self):
        requests = simple_requests(15, "f")
        requests[8] = request("culprit", "[[400-unnamed]]", "errored")
        play(requests=requests, config={"batch": {"max_requests": 15, "linger": "300ms"}})

    def test_a_400_about_a_lone_request_holds_its_job_and_no_other(self):
        with World(config=CONFIG) as world:
            world.daemon.drop("lone.jsonl", jsonl([request("lone", "[[400-unnamed]]", "errored")]))
            status = world.daemon.wait_status(lambda one: one["needs_human"], "it is held")
            self.assertEqual(status["account"]["state"], "ok")
            self.assertIn("could not be accepted", world.daemon.job_named("lone")["reason"])
            self.assertEqual(world.daemon.results_of("lone"), [])
            good = simple_requests(3, "good")
            world.daemon.drop("good.jsonl", jsonl(good))
            check_results(world.daemon.wait_results("good"), good)
            self.assertEqual(world.daemon.job_named("lone")["state"], "held")

    def test_a_refused_key_pauses_and_is_tried_again(self):
        with World({"api_key": "another"}, CONFIG) as world:
            requests = simple_requests(6, "key")
            world.daemon.drop("key.jsonl", jsonl(requests))
            # Nothing can be listed either, so nothing is sent.
            status = world.daemon.wait_status(lambda one: one["account"]["state"] == "paused", "it says so")
            self.assertEqual(status["health"], "needs_human", status)
            self.assertIn("api_key_file", status["needs_human"][0]["what"])
            self.assertIn("401", status["provider"]["last_error"])
            world.daemon.wait_status(lambda one: one["jobs_open"] == 1, "the job is there")
            job = world.daemon.job_named("key")
            self.assertIn("401", job["reason"])
            self.assertEqual(job["wait"]["kind"], "account")
            self.assertEqual(world.sim.totals()["batches"], 0)
            world.sim.set(api_key="")
            check_results(world.daemon.wait_results("key"), requests)
            check_paid_once(world.sim, requests, created_twice=0)
            self.assertEqual(world.daemon.status()["account"]["state"], "ok")
            self.assertEqual(world.daemon.status()["health"], "ok")

    def test_a_provider_that_gives_no_answer_is_told_with_its_error(self):
        with World(config=CONFIG) as world:
            world.daemon.wait_status(lambda one: one["provider"]["last_ok_at"], "the first list")
            world.sim.set(api_key="another")
            requests = simple_requests(3, "away")
            world.daemon.drop("away.jsonl", jsonl(requests))
            status = world.daemon.wait_status(lambda one: one["provider"]["failing_since"], "it says so")
            self.assertEqual(status["provider"]["last_http_status"], 401)
            self.assertEqual([one["command"] for one in status["needs_human"]], ["offpeak resume"])
            world.sim.set(api_key="")
            check_results(world.daemon.wait_results("away"), requests)
            self.assertIsNone(world.daemon.status()["provider"]["failing_since"])

    def test_account_faults_pause_submitting_and_go_on_by_themselves(self):
        def refused(status, **more):
            def scenario():
                faults = [{"on": "create", "from": 2, "to": 3, "do": error(status, **more)}]
                with World({"faults": faults}, CONFIG) as world:
                    requests = simple_requests(15, "acc")
                    world.daemon.drop("acc.jsonl", jsonl(requests))
                    world.daemon.wait_log("account.paused")
                    check_results(world.daemon.wait_results("acc"), requests)
                    ledger = check_paid_once(world.sim, requests, created_twice=0)
                    assert ledger["totals"]["calls"]["create"] == 5, ledger["totals"]["calls"]
                    assert world.daemon.status()["account"]["state"] == "ok"
            return scenario
        credit = "Your credit balance is too low to access the Anthropic API."
        limit = "You have reached your specified API usage limits."
        self.run_scenarios([
            ("401", refused(401)), ("403", refused(403)), ("402", refused(402, type="billing_error")),
            ("credit", refused(400, type="invalid_request_error", message=credit)),
            ("usage limit", refused(400, type="invalid_request_error", message=limit)),
            ("spend limit", refused(429, type="rate_limit_error", error_code="enforced_spend_limit_reached")),
        ])

    def test_account_faults_in_results_are_no_attempt(self):
        requests = simple_requests(4, "f") + [request("broke", "[[errored:credit:2]]"), request("auth", "[[errored:authentication_error:1]]")]
        with World(config=CONFIG) as world:
            world.daemon.drop("f.jsonl", json.dumps({"offpeak": {"max_attempts": 1}}).encode() + b"\n" + jsonl(requests))
            folder = world.daemon.wait_results("f")
            check_results(folder, requests, b'{"offpeak": {"max_attempts": 1}}')
            check_paid_once(world.sim, requests, created_twice=2)
            self.assertIn("account.paused", world.daemon.log_text())

    def test_redirects_are_not_followed_and_the_key_goes_nowhere_else(self):
        with socket.create_server(("127.0.0.1", 0)) as trap:
            caught = []

            def listen():
                while True:
                    try:
                        connection, _ = trap.accept()
                    except OSError:
                        return
                    caught.append(connection.recv(4096))
                    connection.close()
            threading.Thread(target=listen, daemon=True).start()
            target = f"http://127.0.0.1:{trap.getsockname()[1]}/v1/messages/batches"
            scenarios = []
            for status in (301, 303, 307, 308):
                scenarios.append((f"create {status}", lambda status=status: play(
                    [on_create({"action": "redirect", "to": target, "status": status, "when": "instead"})])))
            scenarios += [
                ("create early", lambda: play([on_create({"action": "redirect", "to": target, "when": "early"})])),
                ("create after", lambda: play([on_create({"action": "redirect", "to": target, "when": "after"})])),
                ("list", lambda: play([{"on": "list", "every": 3, "do": {"action": "redirect", "to": target}}])),
                ("results", lambda: play([{"on": "results", "nth": 1, "do": {"action": "redirect", "to": target}}])),
                ("results_url", lambda: play(settings={"results_url_base": target.rsplit("/v1", 1)[0]})),
            ]
            self.run_scenarios(scenarios)
            self.assertEqual(caught, [])

    def test_the_provider_goes_away_and_comes_back(self):
        with World(config=CONFIG) as world:
            requests = simple_requests(15, "away")
            world.sim.add_faults([{"on": "any", "do": {"action": "reset"}}])
            world.daemon.drop("away.jsonl", jsonl(requests))
            wait_until(lambda: world.daemon.job_named("away"), "it is queued all the same")
            # Whoever asks first: the start-up guard, or pack for its watermark.
            world.daemon.wait_log("reading the answer")
            self.assertTrue(world.daemon.answers())
            world.sim.clear_faults()
            check_results(world.daemon.wait_results("away"), requests)
            check_paid_once(world.sim, requests, created_twice=0)


if __name__ == "__main__":
    main()
