#!/usr/bin/env python3
"""Branch coverage of the code that decides what is sent, settled and recorded: ./dev coverage.

Builds the preset `coverage` (the asan build, with Clang's own counters in the rooms that are asked about), runs the
test programs below, and prints for each file how many branches of its conditions were taken: every condition, every
operand of && and ||, every case of a switch counts twice, once for each way it can go. What a template or an inlined
constructor made several times is one branch, taken where any of them took it. A branch that no test takes must stand
in unreached.txt with its reason, or the check fails; so it does under 95 percent. Clang counts no branches for
co_await and for exceptions, so none of those have to be explained away.

usage: coverage.py [--no-build] [--all]
"""

import argparse
import glob
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build-coverage")
UNREACHED = os.path.join(ROOT, "tests", "coverage", "unreached.txt")
LEAST_PERCENT = 95.0
RUN_SECONDS = 600
UNITS = ["submit", "results", "queue", "poll", "model", "provider", "stages"]
# Target, where it is built, arguments.
PROGRAMS = [("test_" + name, "tests/test_" + name, ["--gtest_brief=1"]) for name in UNITS] + [
    ("offpeak-simtest", "tests/sim/offpeak-simtest", ["--small", "--seeds", "1..150"])]
SCOPE = [
    "lib/submit/*", "lib/results/*", "lib/poll/audit.*", "lib/model/states.*", "lib/model/params.*",
    "lib/provider/verdict.*", "lib/queue/moves.cpp", "lib/queue/intents.cpp", "lib/queue/settling.cpp",
    "lib/queue/results.cpp", "lib/queue/recording.cpp", "lib/queue/packing.cpp",
]


def fail(text):
    print("coverage: " + text, file=sys.stderr)
    sys.exit(1)


def tool(name):
    for found in (name + "-19", "/usr/lib/llvm-19/bin/" + name):
        if subprocess.run(["sh", "-c", "command -v " + found], capture_output=True).returncode == 0:
            return found
    fail(name + " is missing: apt-get install llvm-19, or ./dev setup")


def run(command, **more):
    if subprocess.run(command, cwd=ROOT, **more).returncode != 0:
        fail("failed: " + " ".join(command))


def build(jobs):
    run(["cmake", "--preset", "coverage"], stdout=subprocess.DEVNULL)
    run(["cmake", "--build", "--preset", "coverage", "-j", str(jobs), "--target"] +
        [target for target, _, _ in PROGRAMS])


def measure():
    """Runs the programs; the merged counters as llvm-cov exports them."""
    raw = os.path.join(BUILD, "profiles")
    os.makedirs(raw, exist_ok=True)
    for old in glob.glob(os.path.join(raw, "*.profraw")):
        os.remove(old)
    binaries = [os.path.join(BUILD, path) for _, path, _ in PROGRAMS]
    for (program, _, arguments), binary in zip(PROGRAMS, binaries):
        environment = dict(os.environ, LLVM_PROFILE_FILE=os.path.join(raw, program + ".profraw"))
        done = subprocess.run([binary] + arguments, cwd=ROOT, env=environment, timeout=RUN_SECONDS,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        if done.returncode != 0:
            print(done.stdout[-4000:])
            fail(f"{program} failed: what a failing test executes proves nothing")
    merged = os.path.join(BUILD, "coverage.profdata")
    run([tool("llvm-profdata"), "merge", "-sparse", "-o", merged] + sorted(glob.glob(os.path.join(raw, "*.profraw"))))
    objects = [binaries[0]]
    for binary in binaries[1:]:
        objects += ["-object", binary]
    exported = subprocess.run([tool("llvm-cov"), "export", "-format=text", "-instr-profile=" + merged] + objects,
                              cwd=ROOT, stdout=subprocess.PIPE)
    if exported.returncode != 0:
        fail("llvm-cov export failed")
    return json.loads(exported.stdout)


def scope_files():
    found = set()
    for pattern in SCOPE:
        found.update(os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, pattern)))
    return sorted(path for path in found if path.endswith((".cpp", ".hpp")))


def enclosing(lines, number):
    """The function, or the class, in whose text a line stands."""
    for at in range(number - 1, -1, -1):
        line = lines[at]
        if not line or line[0] in " }/#)":
            continue
        named = re.match(r"(?:class|struct)\s+([\w:]+)[^;]*$", line)
        if named:
            return named.group(1)
        called = re.search(r"([\w:~]+)\(", line)
        if called:
            return called.group(1)
    return "?"


def span(lines, begin_line, begin_column, end_line, end_column):
    if begin_line == end_line:
        text = lines[begin_line - 1][begin_column - 1:end_column - 1]
    else:
        parts = [lines[begin_line - 1][begin_column - 1:]] + lines[begin_line:end_line - 1]
        text = " ".join(parts + [lines[end_line - 1][:end_column - 1]])
    return " ".join(text.split())


def branches_of(exported, files):
    """{file: {(place): [true count, false count]}}, the instantiations of one place added up."""
    wanted = {os.path.join(ROOT, path): path for path in files}
    found = {path: {} for path in files}
    for data in exported["data"]:
        for function in data["functions"]:
            for branch in function.get("branches", []):
                path = wanted.get(function["filenames"][branch[6]])
                if path is None:
                    continue
                counts = found[path].setdefault(tuple(branch[:4]), [0, 0])
                counts[0] += branch[4]
                counts[1] += branch[5]
    return found


def read_unreached():
    """{(file, function, condition, way): reason}"""
    explained = {}
    with open(UNREACHED, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            parts = [part.strip() for part in line.split(" | ")]
            if len(parts) != 5 or not all(parts) or parts[3] not in ("true", "false"):
                fail(f"unreached.txt:{number}: wants FILE | FUNCTION | CONDITION | true or false | REASON")
            explained[tuple(parts[:4])] = parts[4]
    return explained


def main():
    arguments = argparse.ArgumentParser(description="branch coverage of the code that spends")
    arguments.add_argument("--no-build", action="store_true", help="measure what is built already")
    arguments.add_argument("--all", action="store_true", help="print the explained branches too")
    arguments.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    options = arguments.parse_args()
    if not options.no_build:
        build(options.jobs)
    files = scope_files()
    explained = read_unreached()
    used = set()
    unexplained = []
    total = covered = 0
    print(f"{'file':<36}{'branches':>9}{'covered':>9}{'percent':>9}")
    for path, branches in branches_of(measure(), files).items():
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            lines = file.read().split("\n")
        hit = 0
        for place, counts in sorted(branches.items()):
            for way, count in (("true", counts[0]), ("false", counts[1])):
                if count > 0:
                    hit += 1
                    continue
                key = (path, enclosing(lines, place[0]), span(lines, *place), way)
                used.add(key)
                if key not in explained:
                    unexplained.append((place[0], key))
                elif options.all:
                    print(f"  {path}:{place[0]}: {key[2]} is never {way}: {explained[key]}")
        count = 2 * len(branches)
        total += count
        covered += hit
        if count:
            print(f"{path:<36}{count:>9}{hit:>9}{100.0 * hit / count:>9.1f}")
    percent = 100.0 * covered / total if total else 0.0
    print(f"{'all':<36}{total:>9}{covered:>9}{percent:>9.1f}")
    for key in sorted(set(explained) - used):
        print("coverage: explained, but a test takes it now: " + " | ".join(key))
    for line, key in unexplained:
        print(f"coverage: {key[0]}:{line}: no test takes it, and unreached.txt does not say why:")
        print("  " + " | ".join(key) + " | REASON")
    print(f"coverage: branches={total} covered={covered} percent={percent:.1f} "
          f"explained={total - covered - len(unexplained)} unexplained={len(unexplained)}")
    if total == 0:
        fail("nothing was measured")
    if percent < LEAST_PERCENT:
        fail(f"{percent:.1f} percent; at least {LEAST_PERCENT:.0f} are wanted")
    if unexplained:
        fail(f"{len(unexplained)} branches are neither taken nor explained")


main()
