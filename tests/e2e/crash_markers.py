"""kill -9 at every named moment (crash_point() in lib/), at its first and at a later passing, also while the provider loses
answers, and once more during the recovery: marker_pairs.py has all pairs. Judged by the provider's own ledger and the
results. SIGTERM at each, too. Shows faults 1, 2, 3, 4, 37, 38 and 56."""

import pathlib
import re

from harness import SOURCE, TestCase, World, check_paid_once, check_results, jsonl, main, request, simple_requests, wait_until

# Settles in half a second: this simulator's list has no lag, so five clean lists prove as much as in a longer time.
CONFIG = {"provider": {"settle_unknown": "500ms"}, "batch": {"max_requests": 5, "linger": "20ms"}}


# Not passed by a job on its way: restored_backup.py kills at these, and tests of their own below at the last two.
ELSEWHERE = {"claim_begun", "claim_recorded", "recovered_announced", "recovered_moved", "bytes_purged",
             "file_rejected"}


def all_markers():
    found = set()
    for path in (SOURCE / "lib").rglob("*.cpp"):
        if path.parent.name != "base":
            found.update(re.findall(r'crash_point\("([a-z_]+)"\)', path.read_text()))
    return found


def markers():
    return sorted(all_markers() - ELSEWHERE)


def job():
    """Three batches, with one request that needs a second attempt."""
    return simple_requests(13, "k") + [request("again", "[[errored:api_error:1]]")]


def through(daemon):
    """Both jobs are done, as the queue says."""
    if not (daemon.results_of("k") and daemon.results_of("second")):
        return False
    try:
        return all(one["done_at"] for one in daemon.jobs())
    except OSError:
        return False  # killed while it answered


def accepted_or_dead(daemon):
    """The first job is queued, so that the second is claimed and accepted in a group of its own."""
    try:
        return not daemon.alive() or daemon.jobs()
    except OSError:
        return False


def play(crashes, faults=(), note_passed=None):
    """Two jobs, one after the other, with the daemon killed at each of `crashes` in turn. Each is a marker, or marker:n for its n-th passing
    in that run, or marker:n:term to be asked to end there; one that a run never passes does no harm, and is noted. Gives the number of requests and the ledger."""
    requests, second = job(), simple_requests(2, "s")
    with World({"faults": list(faults)}, CONFIG, start=False) as world:
        daemon = world.daemon
        for number, crash in enumerate(crashes):
            # The kill may come before the socket is there.
            daemon.start(crash, wait=False)
            if number == 0:
                wait_until(lambda: daemon.incoming.is_dir() or not daemon.alive(), "incoming/ is there")
                daemon.drop("k.jsonl", jsonl(requests))
                wait_until(lambda: accepted_or_dead(daemon), "the first job is accepted")
                daemon.drop("second.jsonl", jsonl(second))
            wait_until(lambda: not daemon.alive() or through(daemon), f"killed at {crash}, or through")
            if daemon.alive():
                daemon.kill9()
                if note_passed is not None:
                    note_passed.append(crash)
            else:
                wanted = 0 if crash.endswith(":term") else -9
                assert daemon.process.popen.returncode == wanted, daemon.process.popen.returncode
        daemon.start()
        check_results(daemon.wait_results("k"), requests)
        check_results(daemon.wait_results("second"), second)
        wait_until(lambda: through(daemon), "both jobs are done")
        # One content was sent again because it had to be; nothing else ever.
        ledger = check_paid_once(world.sim, requests + second, created_twice=1)
        status = daemon.status()
        assert status["unknown_intents"] == 0 and status["needs_human"] == [], status
        assert [one for one in status["counts"].values() if one] == [len(requests) + len(second)], status
        assert daemon.terminate() == 0
        return len(requests) + len(second), ledger["totals"]


def play_group(crashes):
    """Six jobs of one request that are there together, one of them with the content of another and one bad, with the daemon
    killed at each of `crashes` in turn."""
    jobs = {f"g{i}": simple_requests(1, f"g{i}") for i in range(6)}
    with World({}, CONFIG, start=False) as world:
        daemon = world.daemon
        daemon.incoming.mkdir(parents=True)
        for name, requests in jobs.items():
            (daemon.incoming / f"{name}.jsonl").write_bytes(jsonl(requests))
        (daemon.incoming / "twin.jsonl").write_bytes(jsonl(jobs["g3"]))
        (daemon.incoming / "bad.jsonl").write_bytes(b"bad\n")

        def results():
            return {one["file"] for one in daemon.jobs() if one["done_at"]}

        def through_all():
            try:
                return len(results()) == len(jobs)
            except OSError:
                return False

        for crash in crashes:
            daemon.start(crash, wait=False)
            wait_until(lambda: not daemon.alive() or through_all(), f"killed at {crash}, or through")
            assert not daemon.alive(), f"{crash} was never reached"
            assert daemon.process.popen.returncode == -9, daemon.process.popen.returncode
        daemon.start()
        wait_until(through_all, "all jobs are done")
        done = {pathlib.PurePath(name).stem for name in results()}
        # Which of the two with one content came first is not promised after a crash.
        assert len(done & {"g3", "twin"}) == 1 and set(jobs) - {"g3"} <= done, done
        for name in done:
            check_results(daemon.wait_results(name), jobs["g3" if name == "twin" else name])
        check_paid_once(world.sim, [one for requests in jobs.values() for one in requests])
        wait_until(lambda: len(list((daemon.spool / "rejected").iterdir())) == 4, "the twin and the bad one are rejected")
        assert daemon.terminate() == 0


LOSES_AFTER = [{"on": "create", "every": 2, "do": {"action": "lose_answer", "when": "after"}}]
LOSES_BEFORE = [{"on": "create", "nth": 2, "do": {"action": "lose_answer", "when": "instead"}}]


LOSES_OFTEN = [{"on": "create", "every": 2, "do": {"action": "lose_answer", "when": "instead"}}]
# What is passed only where an answer was lost.
NEEDS = {"before_adopted": LOSES_AFTER, "after_adopted": LOSES_AFTER, "before_not_created": LOSES_OFTEN,
         "after_not_created": LOSES_OFTEN}


class CrashMarkers(TestCase):
    def test_the_list_of_markers_is_not_empty(self):
        self.assertGreaterEqual(len(markers()), 5, "crash_point() is not found in lib/")
        self.assertEqual(ELSEWHERE - all_markers(), set(), "markers that are tested elsewhere are still there")

    def test_a_job_that_is_purged(self):
        """Its file is gone, its row is still there: the next round ends it. Results stay."""
        with World({}, dict(CONFIG, retention={"jobs": "300ms"}), start=False) as world:
            daemon = world.daemon
            daemon.start("bytes_purged", wait=False)
            wait_until(lambda: daemon.incoming.is_dir() or not daemon.alive(), "incoming/ is there")
            daemon.drop("k.jsonl", jsonl(job()))
            wait_until(lambda: not daemon.alive(), "killed between the bytes and the rows")
            daemon.start()
            wait_until(lambda: daemon.jobs() == [], "the job is purged")
            check_results(daemon.wait_results("k"), job())
            check_paid_once(world.sim, job(), created_twice=1)

    def test_a_file_that_is_rejected(self):
        """It is in rejected/, and nothing says so yet: the next start makes its record, and its number is given again."""
        with World({}, CONFIG, start=False) as world:
            daemon = world.daemon
            daemon.start("file_rejected", wait=False)
            wait_until(lambda: daemon.incoming.is_dir() or not daemon.alive(), "incoming/ is there")
            daemon.drop("bad.jsonl", b"bad\n")
            wait_until(lambda: not daemon.alive(), "killed between the file and the row")
            daemon.start()
            status = daemon.wait_status(lambda now: now["rejected"]["unseen"] == 1, "the file is a record")
            self.assertEqual([item["command"] for item in status["needs_human"]], ["offpeak rejected --seen 1"])
            record = daemon.get("/v1/rejected")["data"][0]
            self.assertEqual((record["file"], record["error_count"], record["errors"][0]["line"]), ("bad.jsonl", 1, 1))
            daemon.drop("k.jsonl", jsonl(job()))
            check_results(daemon.wait_results("k"), job())
            self.assertEqual([one["id"] for one in daemon.jobs()], [1])

    def test_each_marker(self):
        missed = []
        self.run_scenarios([(one, lambda one=one: play([one], NEEDS.get(one, ()), note_passed=missed)) for one in markers()])
        self.assertEqual(missed, [], "these markers were never reached")

    def test_each_marker_of_a_group(self):
        steps = ["intake_announced", "file_claimed", "before_accepted", "after_accepted", "lines_written", "lines_written:4",
                 "results_written", "job_finished"]
        self.run_scenarios([(one, lambda one=one: play_group([one])) for one in steps])
        self.run_scenarios([(f"{one} and {two}", lambda one=one, two=two: play_group([one, two]))
                            for one, two in (("intake_announced", "before_accepted"), ("file_claimed", "results_written"),
                                             ("results_written", "job_finished"))])

    def test_each_marker_at_its_second_passing(self):
        missed = []
        self.run_scenarios([(one, lambda one=one: play([one + ":2"], NEEDS.get(one, ()), note_passed=missed))
                            for one in markers()])
        self.assertEqual(missed, [], "these markers were never reached twice")

    def test_sigterm_at_each_marker(self):
        missed = []
        self.run_scenarios([(one, lambda one=one: play([one + ":1:term"], NEEDS.get(one, ()), note_passed=missed))
                            for one in markers()])
        self.assertEqual(missed, [], "these markers were never reached")

    def test_each_marker_while_answers_are_lost_after_creating(self):
        self.run_scenarios([(one, lambda one=one, n=n: play([f"{one}:{n}"], LOSES_AFTER))
                            for n, one in enumerate(markers(), 1)])

    def test_each_marker_while_answers_are_lost_before_creating(self):
        self.run_scenarios([(one, lambda one=one: play([one + ":2"], LOSES_BEFORE)) for one in markers()])


if __name__ == "__main__":
    main()
