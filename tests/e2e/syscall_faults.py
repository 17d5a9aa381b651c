#!/usr/bin/env python3
"""The n-th system call fails: write, sync, open, rename, connect, send, recv ..., each with what it can fail with, once or
for ever, while a job runs, at a start and in a recovery. The daemon goes on or ends with 1 and is started again; every
request ends, nothing is paid for twice. Shows faults 4, 15, 37, 38, 39 (ENOSPC at the n-th write), 40, 46 (no inotify)
and 47.

    syscall_faults.py [--cases N] [--seconds S] [--seed N] [--kind write] [--error ENOSPC] [--all] [--case CASE]
"""

import argparse
import errno
import sys

from fault_control import Setting, add_arguments, kinds_of, run
from harness import BUILD

DISK = ["EIO", "ENOSPC"]
ERRORS = {
    "write": [*DISK, "EDQUOT", "EINTR", "short"],
    "pwrite": [*DISK, "EDQUOT", "EINTR", "short"],
    "read": ["EIO", "EINTR", "short"],
    "pread": ["EIO", "EINTR", "short"],
    "fsync": [*DISK, "EINTR"],
    "fdatasync": [*DISK, "EINTR"],
    "ftruncate": DISK,
    "open": ["EMFILE", "ENFILE", "EACCES", "EIO", "ENOSPC"],
    "unlink": ["EIO", "EACCES", "EROFS"],
    "rename": [*DISK, "EACCES"],
    "renameat2": [*DISK, "EACCES"],
    "mkdir": ["ENOSPC", "EACCES", "EIO"],
    "socket": ["EMFILE", "ENOBUFS"],
    "connect": ["ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH", "EADDRNOTAVAIL"],
    # No short count: it tells an edge-triggered reactor that the socket is full, which the kernel would not say falsely.
    "send": ["ECONNRESET", "EPIPE", "ETIMEDOUT", "EINTR"],
    "recv": ["ECONNRESET", "ETIMEDOUT", "EINTR", "short"],
    "accept": ["EMFILE", "ENFILE", "ECONNABORTED"],
    "inotify_init1": ["EMFILE"],
    "inotify_add_watch": ["ENOSPC", "EMFILE"],
}
SHIM = BUILD / "tests" / "faults" / "offpeak_syscall_shim.so"


def environment(daemon):
    if not SHIM.exists():
        raise FileNotFoundError(f"{SHIM} is missing: build offpeak_syscall_shim")
    return {"LD_PRELOAD": str(SHIM), "OFFPEAK_FAULT_UNDER": str(daemon.root) + "/"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add_arguments(parser, 400, 75)
    setting = Setting(kinds_of("syscall_shim.cpp"), ERRORS, env=environment,
                      number_of=lambda error: 0 if error == "short" else getattr(errno, error))
    return run("syscall_faults", setting, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
