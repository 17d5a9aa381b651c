#!/usr/bin/env python3
"""The long form of the proof: for so many minutes new seeds of the simulation, beside them the shipped programs under kill -9
while every call fails in every way, then power cuts of a real file system where the machine allows it.

    soak.py MINUTES [--jobs N]

OFFPEAK_BUILD names the build folder. The last line adds everything up; the exit status is 1 where a promise broke. Each
part names the seed that repeats it.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from proof_counts import add_up

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("OFFPEAK_BUILD", HERE.parents[1] / "build-simtest"))
SKIPPED = 77


class Part:
    def __init__(self, command):
        print("soak:", " ".join(Path(word).name if "/" in word else word for word in command), flush=True)
        environment = dict(os.environ, OFFPEAK_BUILD=str(BUILD), PYTHONUNBUFFERED="1")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        env=environment)

    def end(self):
        output, _ = self.process.communicate()
        sys.stdout.write(output)
        return self.process.returncode, output


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("minutes", type=float)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    parts = [
        Part([str(BUILD / "tests/sim/offpeak-simtest"), "--minutes", str(arguments.minutes), "--jobs",
              str(max(1, arguments.jobs - 1))]),
        Part([sys.executable, str(HERE / "random_kills.py"), "--minutes", str(arguments.minutes * 0.8), "--chaos"]),
    ]
    kills = parts[1].end()
    ends = [kills]
    power = Part([sys.executable, str(HERE / "power_cuts.py"), "--cuts", str(max(10, int(arguments.minutes * 10)))])
    ends.append(power.end())
    ends.append(parts[0].end())
    total, runs = add_up("".join(output for _, output in ends))
    failed = [status for status, _ in ends if status not in (0, SKIPPED)]
    told = " ".join(f"{name}={count}" for name, count in total.items())
    print(f"soak: minutes={arguments.minutes:g} runs={runs} {told} -> {'FAILED' if failed else 'ok'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
