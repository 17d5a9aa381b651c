#!/usr/bin/env python3
"""What documents, hints and error texts name must exist.

    documents.py ROOT

Read are the documents (*.md, config/*.toml, the unit) and the string literals of lib/ and daemon/. Checked are commands
of `offpeak` and verbs of `./dev`, options, configuration keys, routes and files. What stands under the heading "Not there
yet" must not exist: once it does, the document is behind. Prints FILE:LINE: what is wrong; exits 1 where there was
anything.
"""

import re
import sys
from collections import namedtuple
from pathlib import Path

Known = namedtuple("Known", "commands dev_verbs options keys routes files")

ADD_VERB = re.compile(r'add_(?:verb|change|pause)\(app, cli, "([a-z]+)"')
ADD_OPTION = re.compile(r'"((?:-\w,)?--[a-z][a-z-]*(?:,[^"]*)?)"')
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")
COMMAND = re.compile(r"(?:^|[\s;|&(\"'])(?:build/)?offpeak ([a-z]+)\b")
DEV = re.compile(r"\./dev ([a-z]+)\b")
OPTION = re.compile(r"(?:^|\s)(--[a-z][a-z-]+)")
KEY = re.compile(r"\b([a-z]+)\.([a-z_]+)\b")
ROUTE = re.compile(r"/v1/[a-z0-9/{}_-]+|/metrics\b|/healthz\b|/readyz\b")
FILE = re.compile(r"^[\w.*-]+(?:/[\w.*-]+)+/?$")
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
TOP = ("lib", "daemon", "tests", "schema", "config", "systemd")
OTHERS_OPTIONS = ("--unix-socket", "--now", "--create", "--prefix", "--install")  # of curl, systemctl, cmake


def read(path):
    return path.read_text(encoding="utf-8")


def known_in(root):
    cli = "\n".join(read(file) for file in sorted((root / "daemon/cli").glob("*.cpp")))
    programs = cli + "\n".join(read(file) for file in sorted((root / "daemon").rglob("*.cpp")))
    scripts = read(root / "dev") + "\n".join(read(file) for file in sorted((root / "tests").rglob("*"))
                                             if file.suffix in (".py", ".sh", ".cpp"))
    options = set(re.findall(r"--[a-z][a-z-]+", " ".join(ADD_OPTION.findall(programs)) + programs + scripts))
    keys, section = set(), ""
    for line in read(root / "config/offpeak.toml").split("\n"):
        head = re.match(r"\[(\w+)\]", line)
        section = head.group(1) if head else section
        key = re.match(r"(\w+) =", line)
        if key:
            keys.add((section, key.group(1)))
    routes = {re.sub(r"\{\w+\}", "{}", route) for route in re.findall(r'^    "(/[^"]*)": \{', read(
        root / "schema/openapi.json"), re.M)}
    files = {file.relative_to(root).as_posix() for top in TOP for file in (root / top).rglob("*")} | {
        file.name for file in root.iterdir()}
    return Known(set(ADD_VERB.findall(cli)), set(re.findall(r"^verb_(\w+)\(\)", read(root / "dev"), re.M)), options, keys,
                 routes, files)


def file_is_known(name, folder, known):
    """A path from the root or from the document's own folder; lib/README.md leaves suffixes out."""
    for start in ("", f"{folder}/" if folder else "", "lib/"):
        path = re.sub(r"[^/]+/\.\./", "", start + name.rstrip("/"))
        pattern = re.compile(re.escape(path).replace(r"\*", "[^/]*") + r"(\.\w+)?$")
        if any(pattern.match(file) for file in known.files):
            return True
    return False


def route_is_known(route, known):
    return re.sub(r"\{\w+\}|\b\d+\b", "{}", route.rstrip("/")) in known.routes


def complaints_of_code(text, folder, known, missing):
    """About one span or line of code. `missing`: what it names must not exist yet."""
    found = []

    def check(is_known, what):
        if missing and is_known:
            found.append(f"{what} exists: it does not belong under \"Not there yet\"")
        elif not missing and not is_known:
            found.append(f"{what} does not exist")

    for command in COMMAND.findall(text):
        check(command in known.commands, f"offpeak {command}")
    for verb in DEV.findall(text):
        check(verb in known.dev_verbs, f"./dev {verb}")
    for option in OPTION.findall(text):
        if option not in OTHERS_OPTIONS and not option.startswith("--gtest"):
            check(option in known.options, option)
    for route in ROUTE.findall(text):
        check(route_is_known(route, known), route)
    sections = {section for section, _ in known.keys}
    for section, key in KEY.findall(text):
        if section in sections and key not in ("toml", "py", "cpp", "hpp", "db", "sh"):
            check((section, key) in known.keys, f"{section}.{key}")
    if FILE.match(text) and text.split("/")[0] in TOP:
        check(file_is_known(text, folder, known), text)
    return found


def complaints_of_document(path, text, known):
    """(line, what) of one document."""
    folder = path.rpartition("/")[0]
    fenced, missing = False, False
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("```"):
            fenced = not fenced
            continue
        if fenced:
            parts = [line.split("#")[0]]
        else:
            if line.startswith("#"):
                missing = line.strip("# ") == "Not there yet"
            parts = SPAN.findall(line)
            for link in LINK.findall(line):
                if "://" not in link and not file_is_known(link, folder, known):
                    yield number, f"the link {link} leads nowhere"
        for part in parts:
            for what in complaints_of_code(part, folder, known, missing):
                yield number, what


def complaints_of_source(text, known):
    """(line, what) of one C++ file: commands in its literals, in backticks or as the whole text."""
    for number, line in enumerate(text.split("\n"), 1):
        for literal in LITERAL.findall(line):
            parts = SPAN.findall(literal)
            if re.match(r"offpeak [a-z]+( (\{\}|--|ID\b).*)?$", literal):
                parts.append(literal)
            for part in parts:
                for command in COMMAND.findall(part):
                    if command not in known.commands:
                        yield number, f"offpeak {command} does not exist"


def complaints(root):
    known = known_in(root)
    documents = [root / "README.md"] + [file for top in TOP for file in sorted((root / top).rglob("*.md"))]
    for file in documents:
        for number, what in complaints_of_document(file.relative_to(root).as_posix(), read(file), known):
            yield file, number, what
    for file in [*sorted((root / "config").glob("*.toml")), root / "systemd/offpeakd.service"]:
        for number, line in enumerate(read(file).split("\n"), 1):
            for part in SPAN.findall(line):
                for what in complaints_of_code(part, "", known, False):
                    yield file, number, what
    for top in ("lib", "daemon"):
        for file in sorted(p for p in (root / top).rglob("*") if p.suffix in (".cpp", ".hpp")):
            for number, what in complaints_of_source(read(file), known):
                yield file, number, what


def main():
    root = Path(sys.argv[1]).resolve()
    found = list(complaints(root))
    for file, number, what in found:
        print(f"{file.relative_to(root)}:{number}: {what}")
    known = known_in(root)
    print(f"{len(known.commands)} commands, {len(known.keys)} keys, {len(known.routes)} routes, {len(found)} complaints")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
