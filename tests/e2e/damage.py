"""Bytes that change behind the daemon's back: in the database, in a claimed file, in a raw download, in the results.
Each is found before anything is decided on it, and said; a backup taken while a job ran puts the daemon back to work."""

import json
import os
import pathlib
import stat
import unittest

from harness import (TestCase, check_paid_once, check_results, jsonl, main, simple_requests, tail, wait_until)

DONE, ERROR, NO_SUCH, REFUSED, DAMAGED = 0, 1, 4, 5, 65


def flip(path, needle, offset=0):
    """The lowest bit of a byte of the first `needle` in a file."""
    path = pathlib.Path(path)
    data = bytearray(path.read_bytes())
    at = data.find(needle)
    assert at >= 0, f"{path} has no {needle!r}"
    data[at + offset] ^= 1
    path.write_bytes(data)


def database_of(daemon):
    return next(path for path in daemon.state.iterdir() if path.suffix in (".db", ".sqlite", ".sqlite3"))


class Damage(TestCase):
    def audit(self, world, *arguments, ok=True):
        code, out, err = world.cli("audit", *arguments, "--json")
        self.assertEqual(code, DONE if ok else ERROR, (out, err))
        report = json.loads(out)
        self.assertEqual(report["ok"], ok, report)
        return report

    def test_an_audit_of_a_done_job_and_of_its_files(self):
        world = self.world()
        requests = simple_requests(5, "a")
        world.daemon.drop("a.jsonl", jsonl(requests))
        folder = world.daemon.wait_results("a")
        check_results(folder, requests)
        world.daemon.wait_job(1, "done")
        report = self.audit(world, 1, "--deep")
        self.assertEqual((report["job"], report["requests"], report["outcomes"], report["waiting"], report["problems"]),
                         (1, 5, 5, 0, []))
        self.assertEqual(self.audit(world)["jobs"], 1)
        self.assertIn("ok: 5 requests = 5 outcomes", world.cli("audit", 1)[1])
        self.assertEqual(world.cli("audit", 9)[0], NO_SUCH)
        # A result line is missing; then the file.
        lines = (folder / "results.jsonl").read_bytes().splitlines(keepends=True)
        os.chmod(folder / "results.jsonl", 0o640)
        (folder / "results.jsonl").write_bytes(b"".join(lines[:-1]))
        self.assertIn("has 4 lines, not 5", self.audit(world, 1, ok=False)["problems"][0])
        (folder / "results.jsonl").unlink()
        self.assertIn("results.jsonl", self.audit(world, 1, ok=False)["problems"][0])
        # A claimed file that is not what was accepted.
        flip(world.daemon.spool / "claimed" / "1", b"Hello")
        problems = self.audit(world, 1, "--deep", ok=False)["problems"]
        self.assertTrue(any("digest" in one for one in problems), problems)
        self.assertTrue(world.daemon.alive())

    def test_a_claimed_file_that_changed_is_not_sent(self):
        world = self.world()
        world.daemon.drop("held.jsonl", jsonl(simple_requests(3, "h"), {"hold": True}))
        world.daemon.wait_status(lambda one: one["jobs_held_by_operator"] == 1, "the job is held")
        flip(world.daemon.spool / "claimed" / "1", b"Hello")
        self.assertEqual(world.cli("release", 1)[0], DONE)
        job = wait_until(lambda: (lambda one: one if one["state"] == "held" else None)(world.daemon.job(1)),
                         "it is held again")
        self.assertIn("claimed", job["reason"])
        self.assertEqual(world.sim.totals()["batches"] if "batches" in world.sim.totals() else
                         len(world.sim.ledger()["batches"]), 0)
        self.audit(world, 1, "--deep", ok=False)

    def test_a_download_that_changed_makes_no_results(self):
        # One batch after the other: the first is collected while the second is at work.
        world = self.world(config={"batch": {"max_requests": 3, "max_open_batches": 1}}, script={"processing_time": "1h"})
        world.daemon.drop("raw.jsonl", jsonl(simple_requests(6, "raw")))
        wait_until(lambda: len(world.daemon.batches()) == 1, "the first is sent")
        world.sim.end_all()
        wait_until(lambda: [one["state"] for one in world.daemon.batches()] == ["collected", "in_progress"],
                   "the first is collected, the second is at work")
        downloads = world.daemon.state / "downloads"
        flip(downloads / "1.1.jsonl", b"succeeded")
        world.sim.end_all()
        job = world.daemon.wait_job(1, "held")
        self.assertIn("1.1.jsonl", job["reason"])
        self.assertIn("the result has changed", job["reason"])
        self.assertEqual(world.daemon.results_of("raw"), [])
        problems = self.audit(world, "--deep", ok=False)["problems"]
        self.assertTrue(any("1.1.jsonl" in one for one in problems), problems)
        self.audit(world)  # the rows are well
        flip(downloads / "1.1.jsonl", b"rucceeded")
        self.assertEqual(world.cli("release", 1)[0], DONE)
        check_results(world.daemon.wait_results("raw"), simple_requests(6, "raw"))

    def test_a_database_that_changed_is_refused(self):
        world = self.world()
        daemon = world.daemon
        daemon.drop("a.jsonl", jsonl(simple_requests(3, "a")))
        check_results(daemon.wait_results("a"), simple_requests(3, "a"))
        provider_id = daemon.batches()[0]["provider_id"].encode()
        self.assertEqual(daemon.terminate(), 0)
        path = database_of(daemon)
        flip(path, provider_id, 12)
        daemon.start(wait=False)
        self.assertEqual(daemon.process.wait(), DAMAGED)
        self.assertIn("daemon.state_damaged", daemon.log_text())
        self.assertIn("restore a backup", tail(daemon.log))
        # No database at all.
        path.write_bytes(b"this is not a database\n" * 1000)
        daemon.start(wait=False)
        self.assertEqual(daemon.process.wait(), DAMAGED)

    def test_a_backup_while_a_job_runs_puts_it_back_to_work(self):
        world = self.world(script={"processing_time": "1h"})
        daemon = world.daemon
        first = simple_requests(4, "first")
        daemon.drop("first.jsonl", jsonl(first))
        wait_until(lambda: len(daemon.batches()) == 1, "it is sent")
        target = world.folder / "saved.db"
        code, out, err = world.cli("backup", target, "--json")
        self.assertEqual(code, DONE, err)
        self.assertEqual(json.loads(out), {"file": str(target), "bytes": target.stat().st_size})
        self.assertEqual(stat.S_IMODE(target.stat().st_mode), 0o600)
        self.assertFalse((world.folder / "saved.db.part").exists())
        self.assertEqual([name for name in os.listdir(daemon.state) if "backup" in name], [])
        # Never overwritten.
        before = target.read_bytes()
        self.assertEqual(world.cli("backup", target)[0], REFUSED)
        self.assertEqual(target.read_bytes(), before)
        self.assertEqual(daemon.terminate(), 0)
        # The disk has eaten it.
        path = database_of(daemon)
        path.write_bytes(b"\0" * 4096)
        daemon.start(wait=False)
        self.assertNotEqual(daemon.process.wait(), 0)
        for name in os.listdir(daemon.state):
            if name.startswith(path.name):
                (daemon.state / name).unlink()
        path.write_bytes(before)
        daemon.start()
        world.sim.end_all()
        check_results(daemon.wait_results("first"), first)
        daemon.wait_job(1, "done")
        self.audit(world, 1, "--deep")
        check_paid_once(world.sim, first, created_twice=0)

    def test_a_backup_of_a_daemon_that_is_not_there(self):
        world = self.world(start=False)
        code, _, err = world.cli("backup", world.folder / "none.db")
        self.assertEqual(code, 69, err)
        self.assertFalse((world.folder / "none.db").exists())
        self.assertFalse((world.folder / "none.db.part").exists())


if __name__ == "__main__":
    main()
