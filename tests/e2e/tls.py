"""https to the provider: with the right certificate it works; with a wrong name or an unknown issuer nothing is sent."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import KEY, TestCase, check_paid_once, check_results, jsonl, main, simple_requests, wait_until

OPENSSL = shutil.which("openssl")


def openssl(*arguments):
    subprocess.run([OPENSSL, *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.certificate = self.folder / "ca.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=offpeak test authority", "-keyout", self.folder / "ca.key", "-out", self.certificate)

    def issue(self, name, days=2):
        """Key and certificate for a subjectAltName such as DNS:localhost."""
        base = self.folder / name.replace(":", "-")
        key, wish, certificate = (base.with_name(base.name + end) for end in (".key", ".csr", ".pem"))
        more = self.folder / "extensions"
        more.write_text(f"subjectAltName={name}\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=server",
                "-keyout", key, "-out", wish)
        openssl("x509", "-req", "-in", wish, "-CA", self.certificate, "-CAkey", self.folder / "ca.key", "-CAcreateserial",
                "-days", days, "-extfile", more, "-out", certificate)
        return ["--tls-cert", str(certificate), "--tls-key", str(key)]


@unittest.skipUnless(OPENSSL, "there is no openssl program to make certificates with")
class Tls(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="offpeak-e2e-ca-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        (cls.folder / "other").mkdir()
        cls.authority = Authority(cls.folder)
        cls.other = Authority(cls.folder / "other")

    def secure_world(self, sim_arguments, host="localhost", ca_file=None):
        world = self.world(sim_arguments=sim_arguments, start=False)
        world.daemon.write_config({"provider": {"base_url": f"https://{host}:{world.sim.port}",
                                                "ca_file": str(ca_file or "")}})
        world.daemon.start()
        return world

    def assert_nothing_is_sent(self, world):
        world.daemon.drop("t.jsonl", jsonl(simple_requests(3, "t")))
        wait_until(lambda: world.daemon.job_named("t"), "the job is queued")
        before = len(world.daemon.log_text())
        # It keeps trying, and says why.
        world.daemon.wait_log("certificate", after=0)
        world.daemon.wait_log("guard.no_list", after=before)
        self.assertEqual(sum(world.sim.totals()["calls"].values()), 0)
        self.assertEqual(world.daemon.job_named("t")["counts"]["pending"], 3)
        status = world.daemon.status()
        self.assertNotEqual(status["health"], "ok")
        self.assertTrue(world.daemon.answers())
        self.assertNotIn(KEY, world.daemon.log_text())
        self.assertNotIn(KEY, world.sim.log.read_text())

    def test_a_certificate_for_the_host_from_a_trusted_authority_works(self):
        for name, host in (("DNS:localhost", "localhost"), ("IP:127.0.0.1", "127.0.0.1")):
            with self.subTest(name):
                world = self.secure_world(self.authority.issue(name), host, self.authority.certificate)
                requests = simple_requests(10, "t")
                world.daemon.drop("t.jsonl", jsonl(requests))
                check_results(world.daemon.wait_results("t"), requests)
                check_paid_once(world.sim, requests, created_twice=0)

    def test_a_certificate_for_another_host_is_refused(self):
        world = self.secure_world(self.authority.issue("DNS:api.example.test"), ca_file=self.authority.certificate)
        self.assert_nothing_is_sent(world)

    def test_a_certificate_of_an_unknown_authority_is_refused(self):
        world = self.secure_world(self.authority.issue("DNS:localhost"))
        self.assert_nothing_is_sent(world)

    def test_a_certificate_of_another_authority_than_the_configured_one_is_refused(self):
        world = self.secure_world(self.authority.issue("DNS:localhost"), ca_file=self.other.certificate)
        self.assert_nothing_is_sent(world)

    def test_http_where_https_is_expected_is_refused(self):
        world = self.world(start=False)
        world.daemon.write_config({"provider": {"base_url": f"https://localhost:{world.sim.port}"}})
        world.daemon.start()
        world.daemon.drop("t.jsonl", jsonl(simple_requests(3, "t")))
        world.daemon.wait_log("guard.no_list")
        self.assertEqual(sum(world.sim.totals()["calls"].values()), 0)


if __name__ == "__main__":
    main()
