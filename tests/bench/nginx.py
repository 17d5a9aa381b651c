"""The server that the status socket is compared with."""

import pathlib
import shutil
import subprocess
import time

from measure import WORK, Skipped


def find_nginx():
    """nginx of the system, else its package unpacked in the build folder: no service is started."""
    found = shutil.which("nginx") or (pathlib.Path("/usr/sbin/nginx").exists() and "/usr/sbin/nginx")
    if found:
        return found
    folder = WORK / "nginx"
    binary = folder / "root" / "usr" / "sbin" / "nginx"
    if not binary.exists():
        folder.mkdir(parents=True, exist_ok=True)
        got = subprocess.run(["apt-get", "download", "-q", "nginx"], cwd=folder, capture_output=True, check=False)
        packages = list(folder.glob("nginx_*.deb"))
        if got.returncode != 0 or not packages:
            raise Skipped("nginx is not installed and its package could not be had")
        subprocess.run(["dpkg-deb", "-x", str(packages[0]), str(folder / "root")], check=True)
    return str(binary)


class Nginx:
    """`return 200` over a Unix socket, one worker."""

    def __init__(self):
        folder = WORK / "nginx-run"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.socket = folder / "socket"
        (folder / "nginx.conf").write_text(
            f"daemon off; worker_processes 1; pid {folder}/pid; error_log stderr;\n"
            "events { worker_connections 64; }\n"
            f"http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/a;"
            f" proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;\n"
            f"server {{ listen unix:{self.socket}; location / {{ return 200 'ok'; }} }} }}\n")
        self.process = subprocess.Popen([find_nginx(), "-p", str(folder), "-c", str(folder / "nginx.conf")],
                                        stdin=subprocess.DEVNULL, stderr=open(folder / "log", "wb"))
        until = time.monotonic() + 10
        while not self.socket.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                self.close()
                raise Skipped(f"nginx does not start: {(folder / 'log').read_text()[-300:]}")
            time.sleep(0.01)

    def close(self):
        self.process.terminate()
        self.process.wait()
