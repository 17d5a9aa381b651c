"""What is no job file goes to rejected/ with the reason and the place; what is next to it goes on."""

import gzip
import json
import os
import pathlib
import time
import unittest

from harness import TestCase, check_paid_once, check_results, create_body, jsonl, main, simple_requests, wait_until

GOOD = b'{"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}]}}'


def params(text):
    return b'{"custom_id":"b","params":' + text + b"}"


# Name, content, and of the first error: the line, and words of its message or hint.
REJECTED = [
    ("empty.jsonl", b"", None, "no request"),
    ("blank.jsonl", b"\n\r\n  \n", None, "no request"),
    ("options-only.jsonl", b'{"offpeak":{"name":"x"}}\n', None, "no request"),
    ("suffix.txt", GOOD, None, ".txt"),
    ("no-suffix", GOOD, None, "suffix"),
    ("not-json.jsonl", GOOD + b"\nnot json\n", 2, ""),
    ("cut.jsonl", GOOD + b"\n" + GOOD[:50], 2, ""),
    ("binary.jsonl", bytes(range(256)) * 40, 1, ""),
    ("nul.jsonl", GOOD.replace(b'"x"', b'"\x00"'), 1, ""),
    ("utf8.jsonl", GOOD + b"\n" + GOOD.replace(b'"x"', b'"\xff\xfe"').replace(b'"a"', b'"b"'), 2, "UTF-8"),
    ("twice.jsonl", GOOD + b"\n\n" + GOOD, 3, "custom_id"),
    ("member-twice.jsonl", params(b'{"model":"m","model":"n","max_tokens":1,"messages":[{}]}'), 1, "twice"),
    ("no-model.jsonl", params(b'{"max_tokens":1,"messages":[{}]}'), 1, "model"),
    ("tokens-zero.jsonl", params(b'{"model":"m","max_tokens":0,"messages":[{}]}'), 1, "max_tokens"),
    ("tokens-float.jsonl", params(b'{"model":"m","max_tokens":1.5,"messages":[{}]}'), 1, "max_tokens"),
    ("no-messages.jsonl", params(b'{"model":"m","max_tokens":1,"messages":[]}'), 1, "messages"),
    ("stream.jsonl", params(b'{"model":"m","max_tokens":1,"messages":[{}],"stream":true}'), 1, "stream"),
    ("more-members.jsonl", GOOD[:-1] + b',"extra":1}', 1, "extra"),
    ("long-id.jsonl", GOOD.replace(b'"a"', b'"' + b"i" * 257 + b'"'), 1, "custom_id"),
    ("array.jsonl", b"[1,2]\n", 1, ""),
    ("vendor.jsonl", b'{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}\n', 1, "method"),
    ("option.jsonl", b'{"offpeak":{"prioritty":1}}\n' + GOOD, 1, "priority"),
    ("option-value.jsonl", b'{"offpeak":{"priority":"high"}}\n' + GOOD, 1, "priority"),
    ("late-options.jsonl", GOOD + b'\n{"offpeak":{"priority":1}}\n', 2, "first line"),
    ("no-list.json", b'{"things":[]}', None, "requests"),
    ("empty-list.json", b'{"requests":[]}', None, "no request"),
    ("trailing.json", create_body(simple_requests(1, "t")) + b"x", None, ""),
    ("truncated.jsonl.gz", gzip.compress(GOOD * 50)[:-9], None, ""),
    ("garbage-behind.jsonl.gz", gzip.compress(GOOD) + b"garbage", None, ""),
    ("no-gzip.jsonl.gz", GOOD, None, "gzip"),
    ("no-zstd.jsonl.zst", GOOD, None, "zst"),
    ("deep.jsonl", params(b'{"model":"m","max_tokens":1,"messages":[' + b"[" * 5000 + b"]" * 5000 + b"]}"), 1, ""),
    ("too-large.jsonl", GOOD.replace(b'"x"', b'"' + b"x" * 60_000 + b'"'), 1, "batch"),
]


class BadInput(TestCase):
    def test_every_kind_of_bad_file_is_rejected_with_its_place(self):
        world = self.world(config={"batch": {"max_bytes": "50KB"}})
        daemon = world.daemon
        good = simple_requests(5, "among-the-bad")
        for number, (name, content, _, _) in enumerate(REJECTED):
            daemon.drop(name, content)
            if number == len(REJECTED) // 2:
                daemon.drop("good.jsonl", jsonl(good))
        check_results(daemon.wait_results("good"), good)
        problems = []
        for name, content, line, words in REJECTED:
            document = daemon.wait_rejected(name)
            first = document["errors"][0]
            if document["file"] != name or document["error_count"] != len(document["errors"]):
                problems.append(f"{name}: {document}")
            if (daemon.rejected / name).read_bytes() != content:
                problems.append(f"{name}: its bytes changed")
            if set(first) != {"line", "column", "offset", "message", "hint"}:
                problems.append(f"{name}: members {first}")
            said = first["message"] + " " + (first["hint"] or "")
            if line is not None and first["line"] != line:
                problems.append(f"{name}: line {first['line']} instead of {line}: {said}")
            if line is not None and not (isinstance(first["column"], int) and isinstance(first["offset"], int)):
                problems.append(f"{name}: no place: {first}")
            if words.lower() not in said.lower():
                problems.append(f"{name}: nothing of {words!r} in {said!r}")
            if not first["message"]:
                problems.append(f"{name}: no message")
        self.assertEqual(problems, [])
        self.assertEqual(len(daemon.jobs()), 1)
        check_paid_once(world.sim, good)

    def test_the_place_of_an_error_is_exact(self):
        world = self.world()
        broken = GOOD.replace(b'"max_tokens":1', b'"max_tokens":"1"').replace(b'"a"', b'"b"')
        content = b"\xef\xbb\xbf" + GOOD + b"\r\n\r\n" + broken + b"\n"
        world.daemon.drop("place.jsonl", content)
        error = world.daemon.wait_rejected("place.jsonl")["errors"][0]
        self.assertEqual(error["line"], 3)
        offset = content.index(broken) + broken.index(b'"1"')
        self.assertIn(error["offset"], (offset, offset - len(b'"max_tokens":')), error)
        self.assertEqual(error["column"], error["offset"] - content.index(broken) + 1, error)

    def test_the_first_100_errors_are_told_and_all_are_counted(self):
        world = self.world()
        world.daemon.drop("many.jsonl", b"nonsense\n" * 250)
        document = world.daemon.wait_rejected("many.jsonl")
        self.assertEqual(document["error_count"], 250)
        self.assertEqual([error["line"] for error in document["errors"]], list(range(1, 101)))

    def test_what_is_no_regular_file_with_one_link_is_rejected_as_it_is(self):
        world = self.world()
        daemon = world.daemon
        secret = world.folder / "secret.jsonl"
        secret.write_bytes(jsonl(simple_requests(1, "secret")))
        os.symlink(secret, daemon.incoming / "link.jsonl")
        os.symlink("/nowhere", daemon.incoming / "dangling.jsonl")
        os.mkfifo(daemon.incoming / "pipe.jsonl")
        (daemon.incoming / "folder.jsonl").mkdir()
        (daemon.incoming / "folder.jsonl" / "inside").write_text("kept")
        os.link(secret, daemon.incoming / "hard.jsonl")
        os.link(secret, world.folder / "a-second-name")
        good = simple_requests(3, "beside")
        daemon.drop("good.jsonl", jsonl(good))
        check_results(daemon.wait_results("good"), good)
        for name in ("link", "dangling", "pipe", "folder", "hard"):
            document = daemon.wait_rejected(name + ".jsonl")
            self.assertEqual(document["error_count"], 1, document)
            self.assertIsNone(document["errors"][0]["line"])
        self.assertEqual(os.readlink(daemon.rejected / "link.jsonl"), str(secret))
        self.assertTrue((daemon.rejected / "pipe.jsonl").is_fifo())
        self.assertEqual((daemon.rejected / "folder.jsonl" / "inside").read_text(), "kept")
        self.assertTrue((daemon.rejected / "hard.jsonl").samefile(secret))
        check_paid_once(world.sim, good)

    def test_odd_names(self):
        world = self.world()
        daemon = world.daemon
        names = [b"new\nline.jsonl", b"esc\x1b[31mred.jsonl", b"bad-utf8-\xff.jsonl", b"-rf.jsonl", b"..jsonl.jsonl"[1:],
                 b"sp ace.jsonl", "über-日本.jsonl".encode(), b"%s%n.jsonl", b"a" * 249 + b".jsonl", b"quote\"'.jsonl"]
        ignored = [b".hidden.jsonl", b"x.jsonl.tmp", b"x.jsonl.part", b"x.jsonl~"]
        names = [name for name in names if not name.startswith(b".")]
        incoming = os.fsencode(daemon.incoming)
        for number, name in enumerate(names):
            aside = os.path.join(os.fsencode(daemon.spool), b".aside")
            pathlib.Path(os.fsdecode(aside)).write_bytes(jsonl(simple_requests(2, f"odd{number}")))
            os.rename(aside, os.path.join(incoming, name))
        for name in ignored:
            pathlib.Path(os.fsdecode(os.path.join(incoming, name))).write_bytes(GOOD)
        wait_until(lambda: len([job for job in daemon.jobs() if job["state"] == "done"]) == len(names), daemon.describe)
        self.assertEqual(sorted(os.listdir(incoming)), sorted(ignored))
        folders = [path.name for path in daemon.results.iterdir()]
        self.assertEqual(len(folders), len(names))
        for name in folders:
            self.assertRegex(name, r"^[0-9]+-[A-Za-z0-9._-]{1,100}$")
        # Control characters reach no log and no terminal.
        log = daemon.log.read_bytes()
        self.assertNotIn(b"\x1b", log)
        self.assertNotIn(b"\xff", log)
        # Rejected ones with such names have escaped names, and both documents of one name are kept.
        odd = b"odd\n\x1b\xff.jsonl"
        for _ in range(2):
            aside = os.path.join(os.fsencode(daemon.spool), b".aside")
            pathlib.Path(os.fsdecode(aside)).write_bytes(b"nonsense")
            os.rename(aside, os.path.join(incoming, odd))
            wait_until(lambda: odd not in os.listdir(incoming), "it is taken")
        wait_until(lambda: len(list(daemon.rejected.iterdir())) == 4, lambda: os.listdir(daemon.rejected))
        for path in daemon.rejected.iterdir():
            self.assertTrue(os.fsencode(path.name).isascii() and path.name.isprintable(), path.name)
        documents = sorted(daemon.rejected.glob("*.error.json"))
        self.assertEqual(len(documents), 2)
        json.loads(documents[0].read_text())

    def test_a_file_that_is_written_slowly_in_place_is_taken_once_whole(self):
        world = self.world(config={"intake": {"settle": "3s", "rescan": "200ms"}})
        requests = simple_requests(40, "slow")
        path = world.daemon.incoming / "slow.jsonl"
        data = jsonl(requests)
        step = len(data) // 8 + 1
        for at in range(0, len(data), step):
            # Opened and closed anew each time, as a shell's >> does.
            with open(path, "ab") as file:
                file.write(data[at:at + step])
            time.sleep(0.1)
            self.assertEqual(world.daemon.jobs(), [])
        check_results(world.daemon.wait_results("slow"), requests)
        check_paid_once(world.sim, requests)

    def test_files_that_came_while_the_daemon_was_down_are_taken(self):
        world = self.world(start=False)
        first, second = simple_requests(3, "first"), simple_requests(3, "second")
        world.daemon.incoming.mkdir(parents=True)
        world.daemon.write_in_place("first.jsonl", jsonl(first))
        world.daemon.drop("second.jsonl", jsonl(second))
        world.daemon.start()
        check_results(world.daemon.wait_results("first"), first)
        check_results(world.daemon.wait_results("second"), second)

    def test_intake_paused_leaves_files_where_they_are(self):
        world = self.world()
        world.daemon.post("/v1/pause?what=intake")
        world.daemon.drop("later.jsonl", jsonl(simple_requests(2, "later")))
        reply = world.daemon.call("POST", "/v1/jobs", jsonl(simple_requests(2, "socket")))
        self.assertEqual(reply.status, 503)
        self.assertEqual(reply.headers["Content-Type"], "application/problem+json")
        self.assertIn("hint", reply.json())
        self.assertEqual(os.listdir(world.daemon.incoming), ["later.jsonl"])
        world.daemon.post("/v1/resume?what=intake")
        check_results(world.daemon.wait_results("later"), simple_requests(2, "later"))


if __name__ == "__main__":
    main()
