"""A full disk: the daemon says so, waits, loses nothing, and goes on by itself when there is space again. Needs root, to
mount a small tmpfs; skipped otherwise."""

import gzip
import os
import subprocess
import tempfile
import unittest

from harness import TestCase, check_paid_once, check_results, jsonl, main, request, simple_requests, wait_until

SIZE = 24 * 1024 * 1024


def can_mount():
    """Why not, or nothing."""
    if os.geteuid() != 0:
        return "mounting a small tmpfs needs root"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False)
        if done.returncode != 0:
            return f"a tmpfs cannot be mounted here: {done.stderr.decode().strip()}"
        subprocess.run(["umount", folder], check=True)
    return None


WHY_NOT = can_mount()


@unittest.skipIf(WHY_NOT, WHY_NOT)
class DiskFull(TestCase):
    def small_world(self, script=None, config=None):
        """A world whose root lies on a small tmpfs."""
        world = self.world(script, config, start=False)
        root = world.daemon.root
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(root)], check=True)
        self.addCleanup(subprocess.run, ["umount", "--lazy", str(root)], check=False)
        self.addCleanup(world.daemon.close)
        world.daemon.write_config()
        world.daemon.start()
        return world

    def fill(self, world, leave=0):
        """Takes all space but `leave` bytes."""
        path = world.daemon.root / "filler"
        with open(path, "ab", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 65536)
            except OSError:
                pass
            try:
                while True:
                    file.write(b"\0" * 512)
            except OSError:
                pass
        if leave:
            os.truncate(path, max(0, path.stat().st_size - leave))
        return path

    def free(self, world):
        os.remove(world.daemon.root / "filler")

    def go_on(self, world, jobs):
        self.free(world)
        for name, requests in jobs.items():
            check_results(world.daemon.wait_results(name), requests)
        check_paid_once(world.sim, [one for requests in jobs.values() for one in requests], created_twice=0)
        self.assertTrue(world.daemon.alive())
        # And nothing is amiss after a restart.
        world.daemon.restart()
        self.assertEqual(world.daemon.status()["needs_human"], [])

    def says_full(self, world, seconds=60):
        def look():
            text = world.daemon.log_text().lower()
            return "space" in text or "full" in text
        wait_until(look, "the log says that the disk is full", seconds)

    def least_free(self, world, until, seconds=30):
        """The least free bytes seen until `until` is true."""
        least = [SIZE]
        def look():
            there = os.statvfs(world.daemon.root)
            least[0] = min(least[0], there.f_bavail * there.f_frsize)
            return until()
        wait_until(look, lambda: f"at the end; {world.daemon.describe()}", seconds)
        return least[0]

    def test_a_compressed_file_leaves_the_reserve_alone(self):
        """The kind of A11: 100 KB that unpack to 60 MB, beside a job that must not wait for them."""
        world = self.small_world()
        daemon = world.daemon
        bomb = gzip.compress(b'{"custom_id":"a","params":{"x":"' + b"x" * 60_000_000 + b'"}}\n')
        daemon.drop("bomb.jsonl.gz", bomb)
        daemon.wait_log("needs more than")
        good = simple_requests(5, "good")
        daemon.drop("good.jsonl", jsonl(good))
        least = self.least_free(world, lambda: daemon.results_of("good"))
        self.assertGreaterEqual(least, SIZE // 20 - 500_000, "the reserve is left alone")
        check_results(daemon.wait_results("good"), good)
        self.assertFalse((daemon.spool / "claimed" / "1.data").exists(), "what was unpacked does not stay while it waits")

    def test_an_upload_leaves_the_reserve_alone(self):
        world = self.small_world()
        reply = world.daemon.call("POST", "/v1/jobs?name=large", b'{"x":"' + b"x" * (SIZE - 100_000) + b'"}')
        self.assertEqual(reply.status, 507, reply.body)
        self.assertIn("intake.reserve", reply.json()["detail"])
        good = simple_requests(5, "good")
        world.daemon.drop("good.jsonl", jsonl(good))
        check_results(world.daemon.wait_results("good"), good)
        self.assertEqual([job["id"] for job in world.daemon.jobs()], [1], "the upload has used no number up")

    def test_full_before_a_job_is_taken(self):
        world = self.small_world()
        jobs = {"j": simple_requests(2000, "j", "x" * 200)}
        aside = world.daemon.spool / ".aside"
        aside.write_bytes(jsonl(jobs["j"]))
        self.fill(world)
        reply = world.daemon.call("POST", "/v1/pause?what=submitting")
        self.assertIn(reply.status, (200, 507), reply.body)  # a small write may still find room
        if reply.status == 200:
            world.daemon.call("POST", "/v1/resume?what=submitting")
        os.rename(aside, world.daemon.incoming / "j.jsonl")
        self.says_full(world)
        self.assertTrue(world.daemon.alive())
        self.assertTrue(world.daemon.answers())
        self.go_on(world, jobs)

    def test_full_while_batches_run(self):
        world = self.small_world({"processing_time": "1h"})
        jobs = {"j": [request(f"j-{i}", "[[bytes:3000]]") for i in range(500)]}
        world.daemon.drop("j.jsonl", jsonl(jobs["j"]))
        wait_until(lambda: world.sim.totals()["open_requests"] == 500, "it is sent")
        wait_until(lambda: world.daemon.job_named("j")["counts"]["submitted"] == 500, "and known")
        self.fill(world, leave=200_000)
        world.sim.end_all()  # a megabyte and a half of results, for which there is no room
        self.says_full(world)
        self.assertTrue(world.daemon.alive())
        self.go_on(world, jobs)

    def test_full_while_an_upload_is_past_its_commit_point(self):
        world = self.small_world({"faults": [{"on": "create", "nth": 1, "do": {"action": "delay", "for": "3s"}}]})
        jobs = {"j": simple_requests(200, "j")}
        world.daemon.drop("j.jsonl", jsonl(jobs["j"]))
        wait_until(lambda: world.sim.totals()["batches"] == 1, "it is created; the answer waits")
        self.fill(world)
        self.says_full(world)
        self.go_on(world, jobs)

    def test_full_and_killed_and_started_again(self):
        world = self.small_world({"processing_time": "1h"})
        jobs = {"j": simple_requests(300, "j")}
        world.daemon.drop("j.jsonl", jsonl(jobs["j"]))
        wait_until(lambda: world.sim.totals()["batches"] == 1, "it is sent")
        self.fill(world)
        world.daemon.kill9()
        world.sim.end_all()
        # It may start and wait, or end and be started again by the service manager: both are well, nothing is lost.
        world.daemon.start(wait=False)

        def found_out():
            log = world.daemon.log_text()
            return not world.daemon.alive() or ("daemon.failed" not in log and ("full" in log or "space" in log))

        wait_until(found_out, "it found the disk full")
        if not world.daemon.alive():
            self.assertEqual(world.daemon.process.popen.returncode, 1)
            self.free(world)
            world.daemon.start()
            self.fill(world, leave=8 * 1024 * 1024)
        else:
            world.daemon.wait_ready()
        self.go_on(world, jobs)

    def test_an_upload_to_the_socket_finds_no_space(self):
        world = self.small_world()
        requests = simple_requests(5000, "s", "x" * 200)
        self.fill(world, leave=100_000)
        reply = world.daemon.call("POST", "/v1/jobs?name=s", jsonl(requests))
        self.assertEqual(reply.status, 507, reply.body)
        self.assertEqual(reply.headers["Content-Type"], "application/problem+json")
        self.assertIn("hint", reply.json())
        self.free(world)
        self.assertEqual(list((world.daemon.spool / "claimed").iterdir()), [])
        wait_until(lambda: world.daemon.call("POST", "/v1/jobs?name=s", jsonl(requests)).status == 201, "taken")
        check_results(world.daemon.wait_results("s"), requests)


if __name__ == "__main__":
    main()
