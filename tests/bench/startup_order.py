#!/usr/bin/env python3
"""Writes daemon/startup.symbols: the functions that a starting and then idling offpeakd runs, for the linker.

    startup_order.py

They are put side by side, so that of the program's text only they lie in memory: the kernel maps 64 KiB around each page
that is touched, and strewn over the program they hold all of it. It needs valgrind and a Release build with the
programs of the benchmark (OFFPEAK_BUILD). A list that is not quite of this program does no harm: the linker passes over
names that it does not know, and what is not named stays where it was. To be run again when idle memory has grown.
"""

import os
import re
import shutil
import subprocess
import sys
import time

import measure

# What waits, and what a small answer needs: a few polls, with and without TLS.
IDLING_S = 5


def functions_run(profile, program):
    """The mangled names in a callgrind profile of what ran in `program`."""
    names, objects, here, found = {}, {}, None, set()
    for line in profile.read_text().splitlines():
        match = re.match(r"(c?)(ob|fn)=\((\d+)\)(?: (.*))?", line)
        if not match:
            continue
        called, kind, number, name = match.groups()
        known = objects if kind == "ob" else names
        if name:
            known[number] = name.strip()
        if called:
            continue
        if kind == "ob":
            here = known[number]
        elif here and here.endswith(program.name):
            # valgrind numbers the depths of a recursion.
            found.add(re.sub(r"'\d+$", "", known[number]))
    return {name for name in found if name == "main" or name.startswith("_Z")}


def main():
    for tool in ("valgrind", "strip"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not installed")
    measure.WORK.mkdir(parents=True, exist_ok=True)
    # valgrind 3.19 gives up on debug information in DWARF 5.
    program = measure.WORK / "offpeakd.stripped"
    subprocess.run(["strip", "--strip-debug", "-o", program, measure.harness.program("offpeakd")], check=True)
    built = measure.harness.program
    measure.harness.program = lambda name: str(program) if name == "offpeakd" else built(name)
    found = set()
    provider = measure.Provider()
    try:
        for tls in (False, True):
            profile = measure.WORK / "callgrind.out"
            prefix = ["valgrind", "-q", "--tool=callgrind", "--demangle=no", f"--callgrind-out-file={profile}"]
            daemon = measure.Daemon(provider, {"poll": {"min_interval": "1s", "max_interval": "2s"}}, tls=tls, prefix=prefix)
            try:
                daemon.start()
                time.sleep(IDLING_S)
                if daemon.terminate() != 0:
                    sys.exit("offpeakd did not end with 0")
            finally:
                daemon.remove()
            found |= functions_run(profile, program)
    finally:
        provider.close()
    target = measure.SOURCE / "daemon" / "startup.symbols"
    target.write_text("".join(name + "\n" for name in sorted(found)))
    print(f"{target}: {len(found)} functions, {os.path.getsize(target)} bytes")


if __name__ == "__main__":
    main()
