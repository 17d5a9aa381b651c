#!/usr/bin/env python3
"""The model of the submit protocol and the code point at each other.

    model_links.py ROOT

tests/model/submit.pml has a table: transition, functions that do it. Before the definition of each such function stands
"// Model: T4." (or "T7, T8."). Complaints: a transition that the model does not run, a function of the table without its
mark, a mark that the table does not know.
"""

import re
import sys
from pathlib import Path

ROW = re.compile(r"^ \*   (T\d+(?:_\w+)?)\s{1,2}(.*)$")
MORE = re.compile(r"^ \*       (.*)$")
FUNCTION = re.compile(r"\b((?:[A-Z]\w*::)*[a-z]\w*)\b(?=,|\s*$|\s{2,})")
MARK = re.compile(r"^// (?:.*\s)?Model: (T\d+(?:_\w+)?(?:, T\d+(?:_\w+)?)*)\.$")
COLUMN = 58  # of the table's second column: code


def table_of(model):
    """{transition: functions} of the head comment, the names as in the code column."""
    table, current = {}, None
    for line in model.split("\n"):
        row = ROW.match(line)
        if row:
            current = row.group(1)
            table[current] = set()
        elif not MORE.match(line):
            current = None
        if current:
            code = line[COLUMN:].rsplit("  ", 1)[0] if line[COLUMN:] else ""
            table[current] |= {name.strip() for name in re.split(r"[,\s]+", code) if re.match(r"^[A-Za-z_:]+$", name)}
    return table


def marks_of(text):
    """(line, function, transitions) of every mark; the function is the next definition below it."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        mark = MARK.match(line.strip())
        if not mark:
            continue
        for below in lines[number + 1:]:
            if below.strip().startswith("//"):
                continue
            name = re.search(r"([\w:]+)\(", below)
            yield number + 1, name.group(1) if name else "", set(mark.group(1).split(", "))
            break


def last(name):
    return name.split("::")[-1]


def complaints(model, sources):
    table = table_of(model)
    found = [f"the model's table names {step}, but no label {step}: runs" for step in table
             if not re.search(rf"^{step}:", model, re.M)]
    if not table:
        found.append("the model's table was not found")
    marked = {}
    for path, text in sources:
        for number, function, steps in marks_of(text):
            for step in steps:
                marked.setdefault(step, set()).add(last(function))
                if step not in table:
                    found.append(f"{path}:{number}: the model has no transition {step}")
                elif last(function) not in {last(name) for name in table[step]}:
                    found.append(f"{path}:{number}: the model's table does not name {function} for {step}")
    for step, functions in table.items():
        for function in functions:
            if last(function) not in marked.get(step, set()):
                found.append(f"{function} does {step} and has no mark \"// Model: {step}.\" before its definition")
    return found


def main():
    root = Path(sys.argv[1])
    sources = [(file.relative_to(root).as_posix(), file.read_text(encoding="utf-8"))
               for file in sorted((root / "lib").rglob("*.cpp"))]
    found = complaints((root / "tests/model/submit.pml").read_text(encoding="utf-8"), sources)
    for complaint in found:
        print(complaint)
    print(f"{len(sources)} files, {len(found)} complaints")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
