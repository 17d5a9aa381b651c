#!/usr/bin/env python3
"""Adds up what a test run did to offpeak: the counts that its drivers printed, from ctest's log of the run.

    proof_counts.py LOG        usually build-asan/Testing/Temporary/LastTest.log

Prints one line. What a test printed of itself stands there in whole.
"""

import re
import sys
from pathlib import Path

# What the drivers call it, and what it is added up as.
NAMES = {"seeds": "seeds", "virtual_days": "virtual_days", "requests": "requests", "kills": "kills", "crashes": "crashes",
         "power_cuts": "virtual_power_cuts", "cuts": "cuts", "races": "races", "cases": "failed_calls", "jumps": "clock_jumps",
         "faults": "faults", "answers_lost_or_cut": "faults", "restores": "restores", "claims": "claims",
         "operator_commands": "operator_commands", "lost": "lost", "billed_twice": "billed_twice"}
DRIVER = re.compile(r"^(?:simtest|soak|random_kills|marker_pairs|power_cuts|syscall_faults|memory_faults|response_cuts|"
                    r"two_daemons|clock_jumps|io_points): (.*)$", re.M)


def add_up(log):
    """({name: sum}, drivers that printed counts)."""
    total, runs = {"lost": 0, "billed_twice": 0}, 0
    for line in DRIVER.findall(log):
        pairs = re.findall(r"\b(\w+)=(\d+)\b", line)
        if len(pairs) < 3:
            continue  # the line that names its seed
        runs += 1
        for name, number in pairs:
            if name in NAMES:
                total[NAMES[name]] = total.get(NAMES[name], 0) + int(number)
    return total, runs


def main():
    path = Path(sys.argv[1])
    if not path.is_file():
        print(f"proof_counts: there is no {path}: ctest writes it", file=sys.stderr)
        return 1
    total, runs = add_up(path.read_text(errors="replace"))
    told = " ".join(f"{name}={total[name]}" for name in dict.fromkeys(NAMES.values()) if name in total)
    print(f"proof: runs={runs} {told}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
