"""A state from an old backup does not know what was sent since. The provider's list does: submitting stops until a human
has said what those batches are."""

import gzip
import os
import shutil
import unittest

from harness import TestCase, check_paid_once, check_results, jsonl, main, simple_requests, wait_until


class RestoredBackup(TestCase):
    def restored(self, config=None):
        """A world whose state has been put back to before its second job."""
        world = self.world(config=config)
        daemon = world.daemon
        daemon.drop("first.jsonl", jsonl(simple_requests(3, "first")))
        check_results(daemon.wait_results("first"), simple_requests(3, "first"))
        self.assertEqual(daemon.terminate(), 0)
        backup = world.folder / "backup"
        shutil.copytree(daemon.state, backup)
        daemon.start()
        daemon.drop("second.jsonl", jsonl(simple_requests(4, "second")))
        check_results(daemon.wait_results("second"), simple_requests(4, "second"))
        self.assertEqual(daemon.terminate(), 0)
        shutil.rmtree(daemon.state)
        shutil.copytree(backup, daemon.state)
        daemon.start()
        return world

    def test_the_guard_stops_submitting_until_somebody_dismisses(self):
        world = self.restored()
        daemon = world.daemon
        status = daemon.wait_status(lambda one: one["needs_human"], "it needs a human")
        unknown = world.sim.ledger()["batches"][-1]["batch"]["id"]
        self.assertEqual(status["unexplained_batches"], [unknown])
        self.assertNotEqual(status["health"], "ok")
        self.assertIn(unknown, status["needs_human"][0]["what"])
        self.assertEqual(status["needs_human"][0]["command"], f"offpeak reconcile dismiss {unknown}")
        third = simple_requests(2, "third")
        daemon.drop("third.jsonl", jsonl(third))
        wait_until(lambda: daemon.job_named("third"), "it is queued")
        # A restart does not forget it, and nothing is sent.
        daemon.restart()
        daemon.wait_status(lambda one: one["needs_human"], "it still needs a human")
        daemon.wait_log("batch.unexplained")
        self.assertEqual(world.sim.totals()["calls"]["create"], 2)
        code, out, _ = world.cli("reconcile")
        self.assertEqual(code, 0)
        self.assertIn(unknown, out)
        self.assertEqual(world.cli("reconcile", "dismiss", "msgbatch_nothing")[0], 4)
        code, _, err = world.cli("reconcile", "dismiss", unknown)
        self.assertEqual(code, 0, err)
        check_results(daemon.wait_results("third"), third)
        self.assertEqual(daemon.status()["needs_human"], [])
        self.assertEqual(world.cli("reconcile", "--json")[1], "")
        # Dismissed is dismissed.
        daemon.restart()
        daemon.drop("fourth.jsonl", jsonl(simple_requests(2, "fourth")))
        check_results(daemon.wait_results("fourth"), simple_requests(2, "fourth"))
        check_paid_once(world.sim, created_twice=0)

    def test_a_job_file_that_only_the_lost_state_knew_is_kept(self):
        world = self.world()
        daemon = world.daemon
        daemon.drop("first.jsonl", jsonl(simple_requests(3, "first")))
        daemon.wait_results("first")
        self.assertEqual(daemon.terminate(), 0)
        backup = world.folder / "backup"
        shutil.copytree(daemon.state, backup)
        daemon.start()
        daemon.post("/v1/pause?what=submitting")
        lost = {"second": simple_requests(4, "second"), "packed": simple_requests(5, "packed")}
        daemon.drop("second.jsonl", jsonl(lost["second"]))
        daemon.drop("packed.jsonl.gz", gzip.compress(jsonl(lost["packed"])))
        wait_until(lambda: all(daemon.job_named(name) for name in lost), "both are accepted")
        numbers = {name: daemon.job_named(name)["id"] for name in lost}
        self.assertEqual(daemon.terminate(), 0)
        shutil.rmtree(daemon.state)
        shutil.copytree(backup, daemon.state)
        daemon.start()
        # The next job gets a number that was used; nothing of theirs is overwritten.
        third = simple_requests(2, "third")
        daemon.drop("third.jsonl", jsonl(third))
        check_results(daemon.wait_results("third"), third)
        for name, requests in lost.items():
            document = daemon.wait_rejected(f"job-{numbers[name]}")
            self.assertIn("restored", document["errors"][0]["message"])
            kept = daemon.rejected / f"job-{numbers[name]}"
            self.assertEqual(kept.read_bytes(), jsonl(requests))
            os.rename(kept, daemon.incoming / f"{name}.jsonl")
            check_results(daemon.wait_results(name), requests)
        check_paid_once(world.sim, created_twice=0)

    def test_in_a_shared_workspace_it_is_reported_and_stops_nothing(self):
        world = self.restored({"provider": {"exclusive": False}})
        third = simple_requests(2, "third")
        world.daemon.drop("third.jsonl", jsonl(third))
        check_results(world.daemon.wait_results("third"), third)
        self.assertIn("batch.unexplained", world.daemon.log_text())
        self.assertEqual(world.daemon.status()["needs_human"], [])

    def test_a_new_state_takes_what_is_listed_as_known(self):
        world = self.world(start=False)
        for _ in range(3):
            world.sim.control("POST", "foreign?requests=2", b"")
        world.daemon.start()
        requests = simple_requests(2, "new")
        world.daemon.drop("new.jsonl", jsonl(requests))
        check_results(world.daemon.wait_results("new"), requests)
        self.assertEqual(world.daemon.status()["needs_human"], [])

    def test_batches_of_others_between_two_runs_are_found(self):
        world = self.world()
        world.daemon.drop("a.jsonl", jsonl(simple_requests(2, "a")))
        world.daemon.wait_results("a")
        self.assertEqual(world.daemon.terminate(), 0)
        for requests in (2, 700):
            world.sim.control("POST", f"foreign?requests={requests}", b"")
        world.daemon.start()
        status = world.daemon.wait_status(lambda one: one["needs_human"], "it needs a human")
        self.assertEqual(len(status["unexplained_batches"]), 2)
        for one in status["unexplained_batches"]:
            self.assertEqual(world.cli("reconcile", "dismiss", one)[0], 0)
        world.daemon.drop("b.jsonl", jsonl(simple_requests(2, "b")))
        check_results(world.daemon.wait_results("b"), simple_requests(2, "b"))


if __name__ == "__main__":
    main()
