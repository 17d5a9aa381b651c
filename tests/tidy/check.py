#!/usr/bin/env python3
"""Checks the rules of lib/README.md that no compiler sees.

    check.py layers ROOT    which room includes which, and who may see Beast, SQLite and OpenSSL
    check.py names ROOT     types that two headers define under one name
    check.py text ROOT      forbidden calls, notes left behind, tabs, long lines
    check.py made ROOT      files of the repository that a program made: they age, and nobody can read them

Prints FILE:LINE: what is wrong, and exits 1 where there was anything, 77 where it could not look.
"""

import re
import subprocess
import sys
from pathlib import Path

LEVELS = {
    "base": 0,
    "model": 1, "config": 1,
    "queue": 2, "watch": 2, "http": 2, "provider": 2, "sim": 2, "waits": 2,
    "ingest": 3, "pack": 3, "submit": 3, "poll": 3, "results": 3, "export": 3, "retention": 3, "control": 3,
    "daemon": 4,
}
# The only ways from a room to another one of its own level.
SIDEWAYS = {("provider", "http"), ("config", "model"), ("waits", "queue"), ("waits", "provider")}

# Headers that cost much to compile, or that belong behind a door: a pattern, and the places that may include it.
GUARDED = [
    ("Beast", re.compile(r"boost/beast\b"),
     ["lib/http/", "lib/control/", "daemon/sim/", "daemon/offpeak_sim.cpp", "daemon/cli/"]),
    ("OpenSSL", re.compile(r"(openssl/|boost/asio/ssl\b)"),
     ["lib/http/", "daemon/sim/", "daemon/offpeak_sim.cpp"]),
    ("SQLite", re.compile(r"sqlite3(ext)?\.h$"), ["lib/queue/"]),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
COLUMNS_MAX = 120  # of lib/ and daemon/; a recorded answer in a test, or a raw string, is as long as it is

# What no source may say: a pattern, why, and which files are free of the rule.
FORBIDDEN = [
    (re.compile(r"\bdetached\b"), "detached discards exceptions; spawn into a TaskGroup", []),
    (re.compile(r"\b(?:io|ioc|io_?context|context|ctx)_?(?:\.|->)stop\s*\("),
     "io_context::stop() destroys suspended frames; cancel and let run() return", []),
    (re.compile(r"\bio_context::stop\b"),
     "io_context::stop() destroys suspended frames; cancel and let run() return", []),
    (re.compile(r"\bco_spawn\b"), "only TaskGroup spawns", ["lib/base/task_group.cpp"]),
    (re.compile(r"\bTransaction\s+\w+\s*[({;]"), "one function, one transaction: it is Database::write's",
     ["lib/queue/migrations.cpp"]),
]
NOTES = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")


def room_of(path):
    """The room of a file, given as a path from the root; nothing outside of lib/ and daemon/."""
    parts = path.split("/")
    if parts[0] == "daemon":
        return "daemon"
    return parts[1] if parts[0] == "lib" and len(parts) > 2 else None


def check_layers(path, text):
    """Complaints about the includes of one file: (line, what) pairs."""
    room = room_of(path)
    if room is None:
        return []
    if room not in LEVELS:
        return [(1, f"the room lib/{room} has no level; add it to LEVELS of tests/tidy/check.py")]
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        include = INCLUDE.match(line)
        if not include:
            continue
        header = include.group(2)
        if include.group(1) == '"':
            found += [(number, what) for what in complaints_about_room(room, header)]
        for name, pattern, places in GUARDED:
            if pattern.search(header) and not path.startswith(tuple(places)):
                found.append((number, f"{name} ({header}) is for {', '.join(places)} only"))
    return found


def complaints_about_room(room, header):
    if header.startswith("."):
        yield f"{header}: includes start at lib/, never at the file's own folder"
        return
    target = header.split("/")[0]
    if target not in LEVELS or target == room:
        return
    if LEVELS[target] > LEVELS[room]:
        yield f"{room} (level {LEVELS[room]}) includes {header} of level {LEVELS[target]}: up"
    elif LEVELS[target] == LEVELS[room] and (room, target) not in SIDEWAYS:
        yield f"{room} includes {header} of its own level {LEVELS[room]}: sideways"


def without_comments(text):
    """Comments and string literals blanked, line breaks kept: code is judged by what it does."""
    pattern = re.compile(
        r'R"(?P<mark>[^\s()\\]{0,16})\(.*?\)(?P=mark)"'  # raw string
        r"|//[^\n]*|/\*.*?\*/"
        r'|"(?:\\.|[^"\\\n])*"'
        r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'",  # a quote within a number is no character
        re.S)
    keep_breaks = lambda match: re.sub(r"[^\n]", " ", match.group(0))
    return pattern.sub(keep_breaks, text)


def check_text(path, text):
    """Complaints about the wording of one file: (line, what) pairs."""
    found = []
    judged_code = path.endswith((".cpp", ".hpp")) and not path.startswith("tests/")
    for number, line in enumerate(text.split("\n"), 1):
        if "\t" in line:
            found.append((number, "a tab"))
        if line != line.rstrip():
            found.append((number, "white space at the end of the line"))
        too_long = len(line) > COLUMNS_MAX and not path.startswith("tests/") and 'R"(' not in line
        if too_long:
            found.append((number, f"{len(line)} columns; {COLUMNS_MAX} are allowed"))
        if NOTES.search(line):
            found.append((number, "a note left behind: do it, or say so in an issue"))
    if text and not text.endswith("\n"):
        found.append((text.count("\n") + 1, "no line break at the end of the file"))
    if judged_code:
        for number, line in enumerate(without_comments(text).split("\n"), 1):
            for pattern, why, free in FORBIDDEN:
                if pattern.search(line) and path not in free:
                    found.append((number, why))
    return sorted(found)


class NamesOnce:
    """A type has one definition in its namespace: two of one name in two headers break each other at link time, silently."""

    NAMESPACE = re.compile(r"^namespace ([\w:]+) \{", re.M)
    TYPE = re.compile(r"^(?:struct|class|enum class|enum) (\w+)(?: final)?(?: : [^;{]*)? \{", re.M)

    def __init__(self):
        self.first = {}

    def __call__(self, path, text):
        if not path.endswith(".hpp"):
            return []
        code = without_comments(text)
        spaces = self.NAMESPACE.findall(code)
        found = []
        for match in self.TYPE.finditer(code):
            name = f"{spaces[0] if spaces else ''}::{match.group(1)}"
            other = self.first.setdefault(name, path)
            if other != path:
                line = code.count("\n", 0, match.start()) + 1
                found.append((line, f"{name} is defined in {other} already; give one of them another name"))
        return found


MADE = re.compile(r"(\.(?:py[co]|o|a|so|obj|lo|gcda|gcno|profraw|profdata|db|db-wal)$|(?:^|/)__pycache__/)")
# What an executable, an archive, Python's bytecode or a database begins with, whatever its name.
MAGIC = (b"\x7fELF", b"!<arch>\n", b"SQLite format 3\0", b"\xcb\x0d\x0d\x0a", b"\xa7\x0d\x0d\x0a")


def check_made(path, head):
    """The complaint about one file of the repository, or nothing. `head`: its first bytes."""
    if MADE.search(path) or head.startswith(MAGIC):
        return "a program made this file: remove it, and let .gitignore name its kind"
    return None


def run_made(root):
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=False)
    if listed.returncode != 0:
        print("skipped: this is no git checkout", file=sys.stderr)
        return 77
    complaints = files = 0
    for path in listed.stdout.decode().split("\0"):
        if not path or not (root / path).is_file():
            continue
        files += 1
        with open(root / path, "rb") as file:
            what = check_made(path, file.read(16))
        if what:
            complaints += 1
            print(f"{path}: {what}")
    print(f"{files} files, {complaints} complaints")
    return 1 if complaints or not files else 0


def sources(root, folders, suffixes):
    for folder in folders:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in suffixes and file.is_file():
                yield file.relative_to(root).as_posix(), file.read_text(encoding="utf-8")


RULES = {
    "layers": (check_layers, ["lib", "daemon"], {".cpp", ".hpp", ".inc"}),
    "names": (NamesOnce(), ["lib", "daemon"], {".hpp"}),
    # The rules themselves stand in tests/tidy and have to name what they forbid.
    "text": (check_text, ["lib", "daemon", "tests", "schema", "config", "systemd"],
             {".cpp", ".hpp", ".sql", ".toml", ".sh", ".py", ".txt", ".cmake", ".service"}),
}


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "made":
        return run_made(Path(arguments[1]))
    if len(arguments) != 2 or arguments[0] not in RULES:
        print(__doc__, file=sys.stderr)
        return 2
    check, folders, suffixes = RULES[arguments[0]]
    root = Path(arguments[1])
    complaints = files = 0
    for path, text in sources(root, folders, suffixes):
        if path.startswith("tests/tidy/"):
            continue
        files += 1
        for number, what in check(path, text):
            complaints += 1
            print(f"{path}:{number}: {what}")
    if files == 0:
        print(f"no sources below {root}", file=sys.stderr)
        return 2
    print(f"{files} files, {complaints} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
