"""The simulator's own HTTP server: requests that come in pieces of any size, and what is no HTTP, do not end it."""

import pathlib
import socket
import tempfile
import time

from harness import Sim, TestCase, main

CREATE = (b"POST /v1/messages/batches HTTP/1.1\r\nHost: x\r\nx-api-key: k\r\nanthropic-version: 2023-06-01\r\n"
          b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
LEDGER = b"GET /_sim/ledger HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"


class SimHttp(TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(self.folder.cleanup)
        self.sim = Sim(pathlib.Path(self.folder.name))
        self.addCleanup(self.sim.close)

    def say(self, *pieces):
        """Sends the pieces apart; the first bytes of the answer."""
        with socket.create_connection((self.sim.host, self.sim.port)) as one:
            one.settimeout(30)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                for piece in pieces:
                    one.sendall(piece)
                    time.sleep(0.02)  # so that it is read alone, mostly; together it must be answered as well
                return one.recv(64)
            except ConnectionError:
                return b""

    def test_a_chunked_body_in_pieces_of_any_size(self):
        # With less than five bytes of a chunked body's end Beast 1.81 stops the whole program.
        for end in (b"0\r\n\r\n", b"0\r\na: b\r\n\r\n", b"2\r\n{}\r\n0\r\n\r\n"):
            for head, wanted in ((CREATE, b"HTTP/1.1 400"), (LEDGER, b"HTTP/1.1 200")):
                for cut in range(1, len(end)):
                    self.assertTrue(self.say(head, end[:cut], end[cut:]).startswith(wanted), (end, cut))
                single = [end[i:i + 1] for i in range(len(end))]
                self.assertTrue(self.say(head, *single).startswith(wanted), end)
                self.assertTrue(self.say(head, end[:3], *single[3:]).startswith(wanted), end)
        self.assertTrue(self.sim.process.alive())

    def test_what_is_no_http_is_dropped(self):
        for text in (b"\0" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n\r\n", CREATE + b"zz\r\n",
                     CREATE + b"ffffffffffffffffff\r\n", b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                     b"GET / HTTP/1.1\r\n" + b"a: " + b"b" * 200_000 + b"\r\n\r\n",
                     b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"):
            with socket.create_connection((self.sim.host, self.sim.port)) as one:
                try:
                    one.sendall(text)
                    one.shutdown(socket.SHUT_WR)
                    one.settimeout(30)
                    while one.recv(65536):
                        pass
                except OSError:  # dropped, or not connected any more
                    pass
            self.assertTrue(self.sim.process.alive(), text[:60])
        self.assertEqual(self.sim.totals()["batches"], 0)


if __name__ == "__main__":
    main()
