#!/usr/bin/env python3
"""Shows that the tests find defects: ./dev sabotage [--only NAME]... [--jobs N].

Copies the tree to build-sabotage/tree, builds the expected tests there (preset asan, sharing the compiler cache), and
runs them once as they are: they must pass. Then, one at a time, it puts each defect of defects.py into the copy, builds
and runs the tests that are expected to find it, and takes it out again. A defect is caught where a test fails, dies or
does not end. Prints `defect | caught by | seconds`, then `defects=N caught=N missed=N broken=N`; exits 1 where one was
missed, where its text does not stand in its file exactly once, or where it does not compile.

`run.py --check` only looks whether every replacement still applies exactly once (ctest: sabotage.applies).
"""

import argparse
import os
import shutil
import subprocess
import sys
import time

from defects import DEFECTS

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TREE = os.path.join(ROOT, "build-sabotage", "tree")
BUILD = os.path.join(TREE, "build-asan")
BUILD_SECONDS = 1800
RUN_SECONDS = 300


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def complaints(root, defects):
    """What is wrong with the list itself."""
    names = set()
    for defect in defects:
        if defect.name in names:
            yield f"{defect.name}: the name is used twice"
        names.add(defect.name)
        path = os.path.join(root, defect.file)
        count = read(path).count(defect.old) if os.path.exists(path) else 0
        if count != 1:
            yield f"{defect.name}: its text stands {count} times in {defect.file}; it must be there exactly once"
        if defect.old == defect.new or not defect.tests:
            yield f"{defect.name}: changes nothing, or nobody is expected to find it"


def copy_tree():
    """The files that git knows, or that are new and not ignored; those that are the same already are left alone."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            stdout=subprocess.PIPE, check=True).stdout.decode().split("\0")
    wanted = {name for name in listed if name and os.path.isfile(os.path.join(ROOT, name))}
    for folder, folders, names in os.walk(TREE):
        folders[:] = [name for name in folders if not name.startswith("build")]
        for name in names:
            path = os.path.join(folder, name)
            if os.path.relpath(path, TREE) not in wanted:
                os.remove(path)
    for name in sorted(wanted):
        source, target = os.path.join(ROOT, name), os.path.join(TREE, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(source, "rb") as file:
            content = file.read()
        if os.path.exists(target):
            with open(target, "rb") as file:
                if file.read() == content:
                    continue
        shutil.copy(source, target)


def build(programs, jobs):
    """True where it was built; the last of what was said otherwise."""
    environment = dict(os.environ, CCACHE_BASEDIR=TREE, CCACHE_NOHASHDIR="1")
    if not os.path.exists(os.path.join(BUILD, "build.ninja")):
        subprocess.run(["cmake", "--preset", "asan"], cwd=TREE, env=environment, stdout=subprocess.DEVNULL, check=True)
    done = subprocess.run(["ninja", "-C", BUILD, f"-j{jobs}"] + ["test_" + program for program in programs],
                          cwd=TREE, env=environment, timeout=BUILD_SECONDS, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    return True if done.returncode == 0 else done.stdout[-3000:]


def run_tests(program, tests):
    """(caught by, or nothing where all passed; how many ran)"""
    command = [os.path.join(BUILD, "tests", "test_" + program), "--gtest_filter=" + tests, "--gtest_fail_fast"]
    try:
        done = subprocess.run(command, cwd=TREE, timeout=RUN_SECONDS, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace")
    except subprocess.TimeoutExpired:
        return f"unit.{program}: does not end", 1
    lines = done.stdout.splitlines()
    ran = sum(line.startswith("[ RUN      ]") for line in lines)
    if done.returncode == 0:
        return None, ran
    failed = [line.split("]")[1].split()[0].rstrip(",") for line in lines if line.startswith("[  FAILED  ]")]
    running = [line.split("]")[1].strip() for line in lines if line.startswith("[ RUN      ]")]
    return failed[0] if failed else (running[-1] if running else f"unit.{program}") + " (died)", ran


def baseline(defects, jobs):
    programs = sorted({program for defect in defects for program, _ in defect.tests})
    built = build(programs, jobs)
    if built is not True:
        sys.exit("sabotage: the tree itself does not compile:\n" + built)
    for program in programs:
        filters = {tests for defect in defects for named, tests in defect.tests if named == program}
        tests = ":".join(sorted(filters))
        failed, ran = run_tests(program, tests)
        if failed or ran == 0:
            sys.exit(f"sabotage: test_{program} --gtest_filter={tests} must pass as it is: "
                     f"{failed or 'it has no test'}")


def try_one(defect, jobs):
    """(caught by, nothing where missed; what is broken about the defect, else nothing)"""
    path = os.path.join(TREE, defect.file)
    sound = read(path)
    write(path, sound.replace(defect.old, defect.new))
    try:
        built = build([program for program, _ in defect.tests], jobs)
        if built is not True:
            return None, built
        for program, tests in defect.tests:
            caught, _ = run_tests(program, tests)
            if caught:
                return caught, None
        return None, None
    finally:
        write(path, sound)


def main():
    arguments = argparse.ArgumentParser(description="shows that the tests find defects")
    arguments.add_argument("--only", action="append", metavar="NAME", help="this defect alone; may be given again")
    arguments.add_argument("--check", action="store_true", help="only look whether every replacement applies")
    arguments.add_argument("--list", action="store_true", help="print the defects")
    arguments.add_argument("--jobs", type=int, default=os.cpu_count() or 2, help="compilers at a time")
    options = arguments.parse_args()
    unknown = set(options.only or []) - {defect.name for defect in DEFECTS}
    if unknown:
        sys.exit("sabotage: no such defect: " + ", ".join(sorted(unknown)))
    defects = [defect for defect in DEFECTS if not options.only or defect.name in options.only]
    if options.list:
        for defect in defects:
            print(f"{defect.name:<30} {defect.what} ({defect.file}; faults {defect.faults})")
        return
    wrong = list(complaints(ROOT, DEFECTS))
    if wrong:
        sys.exit("sabotage: " + "\nsabotage: ".join(wrong))
    if options.check:
        print(f"sabotage: all {len(DEFECTS)} defects apply")
        return
    copy_tree()
    baseline(defects, options.jobs)
    caught = missed = broken = 0
    print(f"{'defect':<30} | {'caught by':<70} | seconds", flush=True)
    for defect in defects:
        begun = time.monotonic()
        by, trouble = try_one(defect, options.jobs)
        caught += bool(by)
        missed += not by and not trouble
        broken += bool(trouble)
        says = by or ("DOES NOT COMPILE" if trouble else "MISSED: " + defect.what)
        print(f"{defect.name:<30} | {says:<70} | {time.monotonic() - begun:7.1f}", flush=True)
        if trouble:
            print(trouble, flush=True)
    print(f"defects={len(defects)} caught={caught} missed={missed} broken={broken}")
    if missed or broken:
        sys.exit(1)


main()
