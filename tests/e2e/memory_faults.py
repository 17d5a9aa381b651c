#!/usr/bin/env python3
"""The n-th allocation fails: of the daemon's own code, of coroutine frames, of SQLite, of OpenSSL; once or for ever, while
a job runs, at a start and in a recovery. The rule is crash-only: the daemon ends, by abort or with 1, and is started again;
every request ends, nothing is paid for twice, and nothing is damaged silently. Shows fault 42.

    memory_faults.py [--cases N] [--seconds S] [--seed N] [--kind sqlite] [--all] [--case CASE]
"""

import argparse
import sys

from fault_control import Setting, add_arguments, kinds_of, run

KINDS = kinds_of("failing_memory.cpp")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add_arguments(parser, 400, 45)
    setting = Setting(KINDS, {kind: ["ENOMEM"] for kind in KINDS}, program="tests/faults/offpeakd-memory", may_abort=True)
    return run("memory_faults", setting, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
