"""A state from an old backup does not know what was sent since. The provider's list does: submitting stops until a human
has said what those batches are. A claim uses what they paid for; nothing is paid for twice. The job files that the state
does not know lie in claimed/ still and come back as jobs."""

import shutil
import unittest

from harness import TestCase, check_paid_once, check_results, jsonl, main, simple_requests, wait_until

SECOND = simple_requests(4, "second")


class RestoredBackup(TestCase):
    def restored(self, config=None, crash_at=None, script=None, started=True):
        """A world whose state has been put back to before its second job."""
        world = self.world(config=config, script=script)
        daemon = world.daemon
        daemon.drop("first.jsonl", jsonl(simple_requests(3, "first")))
        check_results(daemon.wait_results("first"), simple_requests(3, "first"))
        self.assertEqual(daemon.terminate(), 0)
        backup = world.folder / "backup"
        shutil.copytree(daemon.state, backup)
        daemon.start()
        daemon.drop("second.jsonl", jsonl(SECOND))
        check_results(daemon.wait_results("second"), SECOND)
        self.assertEqual(daemon.terminate(), 0)
        shutil.rmtree(daemon.state)
        shutil.copytree(backup, daemon.state)
        if crash_at:
            daemon.start(crash_at=crash_at, wait=False)
            daemon.process.wait()
        if started:
            daemon.start()
        return world

    def unexplained(self, world):
        # Not needs_human: the job that came back is held before the list has been read.
        status = world.daemon.wait_status(lambda one: one["unexplained_batches"], "a batch is unexplained")
        return status["unexplained_batches"]

    def check_claimed(self, world):
        """The job that came back has every result, and the provider billed nothing twice."""
        check_results(world.daemon.wait_results("recovered-2"), SECOND)
        third = simple_requests(2, "third")
        world.daemon.drop("third.jsonl", jsonl(third))
        check_results(world.daemon.wait_results("third"), third)
        self.assertEqual(world.daemon.status()["needs_human"], [])
        self.assertEqual(world.cli("reconcile", "--json")[1], "")
        self.assertTrue((world.daemon.results / "2-second" / "results.jsonl").exists(), "nothing is written over")
        check_paid_once(world.sim, created_twice=0)

    def test_a_claim_uses_what_was_paid_for(self):
        world = self.restored()
        daemon = world.daemon
        (batch,) = self.unexplained(world)
        self.assertEqual(daemon.status()["needs_human"][0]["command"], f"offpeak reconcile {batch} claim")
        (item,) = daemon.get("/v1/reconcile")["data"]
        self.assertEqual([one["action"] for one in item["actions"]], ["claim", "cancel", "dismiss"])
        self.assertIn(f"offpeak reconcile {batch} claim", world.cli("reconcile", batch)[1])
        for _ in range(2):
            code, _, err = world.cli("reconcile", batch, "claim")
            self.assertIn(code, (0, 5), err)
        self.check_claimed(world)
        self.assertEqual(world.cli("reconcile", batch, "claim")[0], 5)
        self.assertEqual(world.cli("reconcile", batch, "dismiss")[0], 5)
        self.assertEqual(world.sim.totals()["calls"]["create"], 3)

    def test_kill_9_at_every_step_of_a_claim(self):
        for marker in ("recovered_announced", "recovered_moved"):
            with self.subTest(marker):
                world = self.restored(crash_at=marker)
                (batch,) = self.unexplained(world)
                self.assertEqual(world.cli("reconcile", batch, "claim")[0], 0)
                self.check_claimed(world)
                world.close()
        for marker in ("claim_begun", "claim_recorded", "download_begun", "download_kept", "results_recorded",
                       "before_collected", "after_collected"):
            with self.subTest(marker):
                world = self.restored(started=False)
                daemon = world.daemon
                daemon.start(crash_at=marker)
                (batch,) = self.unexplained(world)
                world.cli("reconcile", batch, "claim")
                daemon.process.wait()
                daemon.start()
                self.check_claimed(world)
                world.close()

    def test_a_cancel_claims_what_was_canceled(self):
        world = self.restored()
        (batch,) = self.unexplained(world)
        self.assertEqual(world.cli("reconcile", batch, "cancel")[0], 0)
        self.check_claimed(world)

    def test_the_guard_stops_submitting_until_somebody_dismisses(self):
        world = self.restored()
        daemon = world.daemon
        status = daemon.wait_status(lambda one: one["unexplained_batches"], "a batch is unexplained")
        unknown = world.sim.ledger()["batches"][-1]["batch"]["id"]
        self.assertEqual(status["unexplained_batches"], [unknown])
        self.assertNotEqual(status["health"], "ok")
        self.assertIn(unknown, status["needs_human"][0]["what"])
        self.assertEqual(status["needs_human"][0]["command"], f"offpeak reconcile {unknown} claim")
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
        # What may be paid for twice needs the amount typed.
        refused = daemon.call("POST", f"/v1/reconcile/{unknown}", b'{"action":"dismiss"}')
        self.assertEqual(refused.status, 422)
        amount = refused.json()["confirm"]
        code, _, err = world.cli("reconcile", unknown, "dismiss")
        self.assertEqual(code, 6)
        self.assertIn(f"--confirm {amount}", err)
        self.assertEqual(world.cli("reconcile", unknown, "dismiss", "--confirm", "1requests")[0], 5)
        code, _, err = world.cli("reconcile", unknown, "dismiss", "--confirm", amount)
        self.assertEqual(code, 0, err)
        check_results(daemon.wait_results("third"), third)
        self.assertEqual(daemon.status()["needs_human"], [])
        self.assertEqual(world.cli("reconcile", "--json")[1], "")
        # Dismissed is dismissed.
        daemon.restart()
        daemon.drop("fourth.jsonl", jsonl(simple_requests(2, "fourth")))
        check_results(daemon.wait_results("fourth"), simple_requests(2, "fourth"))
        # And what it ran was sent again, as the operator had it.
        check_results(daemon.wait_results("recovered-2"), SECOND)
        self.assertEqual(world.sim.totals()["contents_billed_twice"], len(SECOND))

    def test_a_batch_that_is_listed_only_after_the_start(self):
        # The list at the start does not show it: nothing is sent before one that was read settle_unknown later.
        world = self.world(config={"provider": {"settle_unknown": "8s"}})
        daemon = world.daemon
        daemon.drop("first.jsonl", jsonl(simple_requests(3, "first")))
        daemon.wait_results("first")
        self.assertEqual(daemon.terminate(), 0)
        backup = world.folder / "backup"
        shutil.copytree(daemon.state, backup)
        daemon.start()
        world.sim.set(list_lag="6s")
        daemon.drop("second.jsonl", jsonl(SECOND))
        wait_until(lambda: world.sim.totals()["calls"]["create"] == 2, "it is sent")
        daemon.kill9()
        shutil.rmtree(daemon.state)
        shutil.copytree(backup, daemon.state)
        daemon.start()
        fourth = simple_requests(2, "fourth")
        daemon.drop("fourth.jsonl", jsonl(fourth))
        wait_until(lambda: daemon.job_named("fourth"), "it is queued")
        wait_until(lambda: "put back to an earlier time" in (daemon.job_named("fourth")["reason"] or ""), "it says why")
        self.assertTrue(daemon.job_named("fourth")["next_action_at"])
        self.assertEqual(daemon.job_named("recovered-2")["state"], "held")
        (batch,) = self.unexplained(world)
        self.assertEqual(world.sim.totals()["calls"]["create"], 2)
        self.assertEqual(world.cli("reconcile", batch, "claim")[0], 0)
        check_results(daemon.wait_results("recovered-2"), SECOND)
        check_results(daemon.wait_results("fourth"), fourth)
        check_paid_once(world.sim, created_twice=0)

    def test_in_a_shared_workspace_it_is_reported_and_stops_nothing(self):
        world = self.restored({"provider": {"exclusive": False}})
        third = simple_requests(2, "third")
        world.daemon.drop("third.jsonl", jsonl(third))
        check_results(world.daemon.wait_results("third"), third)
        self.assertIn("batch.unexplained", world.daemon.log_text())
        # The job that came back waits for a word: its requests may have been sent, and nothing here tells.
        (held,) = world.daemon.status()["needs_human"]
        job = world.daemon.job_named("recovered-2")
        self.assertEqual(held["command"], f"offpeak release {job['id']}")
        # Claimed all the same, by its id, it is done without being released.
        batch = next(one["batch"]["id"] for one in world.sim.ledger()["batches"] if one["requests"] == len(SECOND))
        self.assertEqual(world.cli("reconcile", batch, "claim")[0], 0)
        check_results(world.daemon.wait_results("recovered-2"), SECOND)
        check_paid_once(world.sim, created_twice=0)

    def test_a_new_state_takes_what_is_listed_as_known(self):
        world = self.world(start=False)
        for _ in range(3):
            world.sim.control("POST", "foreign?requests=2", b"")
        world.daemon.start()
        requests = simple_requests(2, "new")
        world.daemon.drop("new.jsonl", jsonl(requests))
        check_results(world.daemon.wait_results("new"), requests)
        # Nothing waits; but somebody else may be here.
        (alarm,) = world.daemon.status()["needs_human"]
        newest = world.sim.ledger()["batches"][2]["batch"]["id"]
        self.assertIn(newest, alarm["what"])
        self.assertIn("exclusive = false", alarm["what"])
        self.assertEqual(world.cli("reconcile", newest, "dismiss")[0], 0)
        self.assertEqual(world.daemon.status()["needs_human"], [])

    def test_batches_of_others_between_two_runs_are_found(self):
        world = self.world()
        world.daemon.drop("a.jsonl", jsonl(simple_requests(2, "a")))
        world.daemon.wait_results("a")
        self.assertEqual(world.daemon.terminate(), 0)
        for requests in (3, 700):
            world.sim.control("POST", f"foreign?requests={requests}", b"")
        world.daemon.start()
        status = world.daemon.wait_status(lambda one: len(one["unexplained_batches"]) == 2, "both are unexplained")
        for one in status["unexplained_batches"]:
            self.assertEqual(world.cli("reconcile", "dismiss", one)[0], 0)
        world.daemon.drop("b.jsonl", jsonl(simple_requests(2, "b")))
        check_results(world.daemon.wait_results("b"), simple_requests(2, "b"))


if __name__ == "__main__":
    main()
