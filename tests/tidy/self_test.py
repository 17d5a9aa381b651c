#!/usr/bin/env python3
"""Holds that check.py finds what it must find, and nothing else."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
import check  # noqa: E402
import documents  # noqa: E402
import model_links  # noqa: E402


class Layers(unittest.TestCase):
    def complaints(self, path, text):
        return [what for _, what in check.check_layers(path, text)]

    def assert_bad(self, path, header, word):
        found = self.complaints(path, f"#include {header}\n")
        self.assertEqual(len(found), 1, f"{path}: {header}: {found}")
        self.assertIn(word, found[0])

    def assert_good(self, path, *headers):
        text = "".join(f"#include {header}\n" for header in headers)
        self.assertEqual(self.complaints(path, text), [])

    def test_down_is_allowed(self):
        self.assert_good("lib/pack/packer.cpp", '"pack/packer.hpp"', '"queue/queue.hpp"', '"model/ids.hpp"',
                         '"base/task.hpp"', "<vector>", "<boost/asio/awaitable.hpp>")
        self.assert_good("lib/provider/http_provider.cpp", '"http/http.hpp"')
        self.assert_good("lib/config/prices.cpp", '"model/money.hpp"')
        self.assert_good("daemon/app.cpp", '"control/server.hpp"', '"daemon/options.hpp"', '"base/log.hpp"')

    def test_up_and_sideways_are_found(self):
        self.assert_bad("lib/base/log.cpp", '"model/ids.hpp"', "up")
        self.assert_bad("lib/queue/queue.hpp", '"ingest/ingest.hpp"', "up")
        self.assert_bad("lib/control/server.cpp", '"daemon/app.hpp"', "up")
        self.assert_bad("lib/pack/packer.cpp", '"submit/submit.hpp"', "sideways")
        self.assert_bad("lib/queue/queue.cpp", '"provider/provider.hpp"', "sideways")
        self.assert_bad("lib/http/http.cpp", '"provider/provider.hpp"', "sideways")
        self.assert_bad("lib/model/job.cpp", '"config/config.hpp"', "sideways")

    def test_odd_spellings_are_found(self):
        self.assert_bad("lib/base/log.cpp", '  "model/ids.hpp"', "up")
        self.assertEqual(len(self.complaints("lib/base/x.hpp", ' #  include "queue/queue.hpp"\n')), 1)
        self.assert_bad("lib/pack/packer.cpp", '"../submit/submit.hpp"', "includes start at lib/")
        self.assert_bad("lib/pack/sub/packer.cpp", '"submit/submit.hpp"', "sideways")

    def test_a_room_without_a_level_is_found(self):
        self.assertIn("no level", self.complaints("lib/news/news.cpp", "")[0])

    def test_guarded_headers_stay_in_their_rooms(self):
        self.assert_bad("lib/submit/submit.cpp", "<boost/beast.hpp>", "Beast")
        self.assert_bad("lib/sim/sim.cpp", "<boost/beast/http.hpp>", "Beast")
        self.assert_bad("daemon/app.cpp", "<boost/beast/core.hpp>", "Beast")
        self.assert_bad("daemon/app.cpp", "<sqlite3.h>", "SQLite")
        self.assert_bad("lib/base/digest.cpp", "<openssl/sha.h>", "OpenSSL")
        self.assert_bad("lib/control/server.cpp", "<boost/asio/ssl.hpp>", "OpenSSL")
        self.assert_good("lib/http/client.cpp", "<boost/beast/http.hpp>", "<boost/asio/ssl.hpp>", "<openssl/ssl.h>")
        self.assert_good("lib/control/server.cpp", "<boost/beast/http.hpp>")
        self.assert_good("daemon/cli/client.cpp", "<boost/beast/http.hpp>")
        self.assert_good("daemon/offpeak_sim.cpp", "<boost/beast/http.hpp>", "<boost/asio/ssl.hpp>")
        self.assert_good("lib/queue/database.cpp", "<sqlite3.h>")


class Text(unittest.TestCase):
    def found(self, text, path="lib/pack/packer.cpp"):
        return check.check_text(path, text)

    def test_clean_code_is_clean(self):
        self.assertEqual(self.found("// The task is never detached; see co_spawn.\nint x = 1'000'000;\n"), [])

    def test_forbidden_calls_are_found(self):
        for line in ["co_spawn(executor, task(), detached);", "boost::asio::co_spawn(", "context.stop();",
                     "io_context_->stop();", "ioc.stop( );"]:
            self.assertTrue(self.found(line + "\n"), line)

    def test_other_stops_and_words_are_not(self):
        for line in ["watcher.stop();", 'log.info("co_spawn detached");', "/* context.stop(); */",
                     'auto t = R"x(co_spawn\n"detached")x";', "char c = '\"'; // detached"]:
            self.assertEqual(self.found(line + "\n"), [], line)

    def test_code_behind_literals_is_still_read(self):
        for line in ["f('\"'); co_spawn(g());", 'f("\\""); co_spawn(g());', "f(1'000, 2'000); co_spawn(g());"]:
            self.assertTrue(self.found(line + "\n"), line)

    def test_only_the_database_opens_transactions(self):
        self.assertTrue(self.found("  Transaction transaction(*sql_);\n", "lib/queue/jobs.cpp"))
        self.assertEqual(self.found("  Transaction transaction(sql);\n", "lib/queue/migrations.cpp"), [])
        self.assertEqual(self.found("class Transaction;\n", "lib/queue/queue.hpp"), [])

    def test_only_the_task_group_spawns(self):
        self.assertEqual(self.found("co_spawn(a, b, c);\n", "lib/base/task_group.cpp"), [])
        self.assertTrue(self.found("co_spawn(a, b, c);\n", "daemon/offpeakd.cpp"))
        self.assertEqual(self.found("co_spawn(a, b, detached);\n", "tests/unit/base/worker_test.cpp"), [])

    def test_layout_is_checked_everywhere(self):
        self.assertTrue(self.found("// " + "x" * 118 + "\n"))
        self.assertEqual(self.found("// " + "x" * 118 + "\n", "tests/unit/base/x_test.cpp"), [], "a recorded answer")
        for bad in ["\tint x;\n", "int x; \n", "int x;", "int x;\r\n", "// TODO\n", "# FIXME: y\n"]:
            self.assertTrue(self.found(bad, "tests/unit/base/x_test.cpp"), repr(bad))
        self.assertEqual(self.found("// " + "x" * 117 + "\n"), [])
        self.assertEqual(self.found("// " + "\u00e9" * 117 + "\n"), [], "columns, not bytes")


class Names(unittest.TestCase):
    def test_a_type_has_one_definition_in_its_namespace(self):
        names = check.NamesOnce()
        here = "namespace offpeak {\nstruct Fault {\n};\n}\n"
        self.assertEqual(names("lib/config/a.hpp", here), [])
        self.assertEqual(names("lib/ingest/b.hpp", here)[0][0], 2)
        self.assertEqual(names("lib/sim/c.hpp", here.replace("offpeak", "offpeak::sim")), [], "another namespace")
        self.assertEqual(names("lib/ingest/d.cpp", here), [], "a file of its own keeps it in an unnamed namespace")


class Program(unittest.TestCase):
    def run_on(self, files, rule):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                file = Path(root, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            return subprocess.run([sys.executable, check.__file__, rule, root], capture_output=True, text=True)

    def test_says_where_and_fails(self):
        done = self.run_on({"lib/base/a.cpp": '\n#include "queue/queue.hpp"\n'}, "layers")
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stdout.startswith("lib/base/a.cpp:2: "), done.stdout)
        self.assertEqual(self.run_on({"lib/base/a.cpp": "\tint x;\n"}, "text").returncode, 1)

    def test_passes_where_all_is_well(self):
        self.assertEqual(self.run_on({"lib/base/a.cpp": "#include <map>\n"}, "layers").returncode, 0)

    def test_an_empty_tree_is_no_success(self):
        self.assertEqual(self.run_on({}, "layers").returncode, 2)
        self.assertEqual(self.run_on({}, "nonsense").returncode, 2)


class Documents(unittest.TestCase):
    KNOWN = documents.Known({"status", "wait"}, {"test"}, {"--json"}, {("batch", "linger")}, {"/v1/status", "/v1/jobs/{}"},
                            {"README.md", "lib/README.md", "lib/pack/plan.cpp", "schema/README.md"})

    def document(self, text, path="README.md"):
        return [what for _, what in documents.complaints_of_document(path, text, self.KNOWN)]

    def test_what_exists_is_not_complained_about(self):
        self.assertEqual(self.document("`offpeak status --json`, `./dev test`, `batch.linger`, `/v1/jobs/7`\n"
                                       "[the rooms](lib/README.md), `lib/pack/plan.cpp`\n"
                                       "```sh\noffpeak wait 1   # ends when offpeak does\n```\n"), [])
        self.assertEqual(self.document("`pack/plan` and [formats](../schema/README.md)\n", "lib/README.md"), [])

    def test_what_does_not_exist_is_found(self):
        for text in ["`offpeak retry 7`", "```\noffpeak retry\n```", "`./dev fly`", "`offpeak status --fast`",
                     "`batch.size`", "`/v1/events`", "[here](docs/here.md)", "`lib/pack/gone.cpp`"]:
            self.assertEqual(len(self.document(text + "\n")), 1, text)

    def test_prose_is_not_read(self):
        self.assertEqual(self.document("offpeak goes on by itself, `offpeak: ok`, `offpeak 0.1.0`\n"), [])

    def test_what_is_not_there_yet_must_not_be_there(self):
        self.assertEqual(self.document("## Not there yet\n`offpeak retry`, `/v1/events`\n"), [])
        self.assertEqual(len(self.document("## Not there yet\n`offpeak wait`\n")), 1)
        self.assertEqual(len(self.document("## Not there yet\n## Next\n`offpeak retry`\n")), 1)

    def test_commands_in_messages_are_read(self):
        def found(text):
            return [what for _, what in documents.complaints_of_source(text, self.KNOWN)]
        self.assertEqual(found('log("hint", "wait, or `offpeak wait {}`"); f("offpeak status"); f("offpeak runs LLMs");'), [])
        self.assertEqual(len(found('log("hint", "`offpeak retry` does that");')), 1)
        self.assertEqual(len(found('fmt::format("offpeak retry {}", id)')), 1)


class ModelLinks(unittest.TestCase):
    MODEL = (" *   T1  the watermark is read                             Packer::send                               6.1\n"
             " */\nT1:    watermark_now = 0;\n")

    def complaints(self, code, model=MODEL):
        return model_links.complaints(model, [("lib/pack/packer.cpp", code)])

    def test_a_marked_function_is_good(self):
        self.assertEqual(self.complaints("// Sends. Model: T1.\nTask<> Packer::send() {\n"), [])

    def test_what_does_not_fit_is_found(self):
        self.assertIn("has no mark", self.complaints("Task<> Packer::send() {\n")[0])
        self.assertIn("no transition T9", "".join(self.complaints("// Model: T1, T9.\nTask<> Packer::send() {\n")))
        self.assertIn("does not name", "".join(self.complaints("// Model: T1.\nTask<> Packer::other() {\n")))
        self.assertIn("no label", "".join(self.complaints("// Model: T1.\nvoid Packer::send() {\n",
                                                          self.MODEL.replace("T1:", "T2:"))))


class Made(unittest.TestCase):
    def test_what_a_program_made_is_found(self):
        for path, head in (("tests/e2e/__pycache__/x.txt", b""), ("a/b.pyc", b""), ("lib/x.o", b""),
                           ("tool", b"\x7fELF\x02"), ("data/some", b"SQLite format 3\0"), ("x", b"\xa7\r\r\n\0")):
            self.assertIsNotNone(check.check_made(path, head), path)

    def test_what_a_human_wrote_is_not(self):
        for path in ("tests/e2e/tls.py", "schema/0001_queue.sql", "tests/bench/last_run.svg", "dev", "lib/sim/store.hpp"):
            self.assertIsNone(check.check_made(path, b"#!/usr/bin/env bash"), path)


if __name__ == "__main__":
    unittest.main()
