#!/usr/bin/env python3
"""The budget that stays: instructions of the hot pieces, counted by valgrind, and the memory of whole files.

    budget.py PROGRAM             compares with budget.json; exit 1 where a piece costs more than its tolerance allows
    budget.py PROGRAM --update    writes budget.json anew

Counts do not depend on how busy the machine is. A piece that has become much cheaper fails too: then the budget is
written anew, so that the gain stays. Exit 77 where there is no valgrind.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

BUDGET = pathlib.Path(__file__).resolve().parent / "budget.json"
REPETITIONS = 10
MISSING = 77


def instructions(program, folder, piece):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program]
    command += ["run", folder, piece, str(REPETITIONS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"budget: {piece} failed:\n{done.stderr[-2000:]}")
    return int(found.group(1))


def call(program, *arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout


def measure(program, folder):
    """Instructions a unit by piece: what the piece adds to a run that does nothing."""
    nothing = instructions(program, folder, "none")
    counted = {}
    for line in call(program, "list", folder).splitlines():
        name, units, unit = line.split()
        added = instructions(program, folder, name) - nothing
        counted[f"{name}, instructions a {unit}"] = added / REPETITIONS / int(units)
    call(program, "make", folder)
    counted["peak MiB of checking 100 MB and reading 60 MB of results"] = int(call(program, "memory", folder)) / 1024
    return counted


def main():
    if not shutil.which("valgrind"):
        print("budget: valgrind is not installed; nothing is compared")
        return MISSING
    program = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="offpeak-budget-") as folder:
        counted = measure(program, folder)
    if "--update" in sys.argv:
        budget = {"tolerance": 0.10, "budget": {name: round(value, 1) for name, value in counted.items()}}
        BUDGET.write_text(json.dumps(budget, indent=2) + "\n")
    wanted = json.loads(BUDGET.read_text())
    tolerance = wanted["tolerance"]
    failed = 0
    for name in sorted(set(counted) | set(wanted["budget"])):
        now, before = counted.get(name), wanted["budget"].get(name)
        if now is None or before is None:
            verdict = "is in only one of the two: --update"
            failed += 1
        elif abs(now / before - 1) > tolerance:
            verdict = f"more than {tolerance:.0%} {'above' if now > before else 'below: --update keeps the gain'}"
            failed += 1
        else:
            verdict = "ok"
        print(f"{name:60} {now if now is None else round(now, 1):>10} of {before}: {verdict}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
