#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of claims in docs/evidence.md: which command showed each claim last, with which figure, when, on which kernel.

    Tests/evidence.py LOGS       reads what the steps of Tests/run.sh printed (a file for each step), and rewrites the rows that
                                 they show; a claim that no line shows, or that a line contradicts, ends it with status 1
    Tests/evidence.py --check    whether each promise of docs/security.md and each point of the README has a claim, and each
                                 claim a row; rewrites nothing

The claims are in Tests/evidence.json: `claim` in words; `said`, where it is promised; `command`; `log`, the step of Tests/run.sh
that prints it, or none for a command that takes longer (its row is written by hand); `lines`, a pattern of the lines that
count: `ok …` and `not ok …` of shell tests, `✔ …` and `✘ …` of Swift tests; or `figures`, patterns of which each must be
found, with what they found in groups as the figure.
"""

import datetime
import json
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "evidence.md"
BEGIN, END = "<!-- claims -->", "<!-- end of claims -->"
HEAD = ["claim", "said in", "command", "result", "date", "kernel"]


def fail(text):
    sys.exit(f"evidence: {text}")


def claims():
    found = json.loads((ROOT / "Tests" / "evidence.json").read_text())
    names = [claim["claim"] for claim in found]
    for name in names:
        if names.count(name) > 1:
            fail(f"Tests/evidence.json: the claim '{name}' is there twice")
    return found


def split_page():
    """The page before the table, its rows by claim, and the page after it."""
    before, found, rest = PAGE.read_text().partition(BEGIN)
    table, found_end, after = rest.partition(END)
    if not found or not found_end:
        fail(f"{PAGE.name} has no table between '{BEGIN}' and '{END}'")
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.strip().splitlines()[2:]]
    return before, {row[0]: row for row in rows if len(row) == len(HEAD)}, after


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def result(claim, log):
    """The figure that a log shows for a claim, and what is wrong."""
    if "figures" in claim:
        found = [re.search(pattern, log, re.MULTILINE) for pattern in claim["figures"]]
        missing = [pattern for pattern, match in zip(claim["figures"], found) if not match]
        if missing:
            return None, f"no line matches '{missing[0]}'"
        return "; ".join(" ".join(part for part in match.groups() if part) or match.group(0) for match in found), None
    held = refuted = 0
    for line in log.splitlines():
        mark, _, rest = line.partition(" ")
        if mark == "not" and rest.startswith("ok "):
            mark, rest = "not ok", rest[3:]
        if mark not in ("ok", "not ok", "✔", "✘") or not re.search(claim["lines"], rest):
            continue
        if mark in ("ok", "✔"):
            held += 1
        else:
            refuted += 1
    if refuted:
        return None, f"{refuted} of {held + refuted} lines say that it does not hold"
    if not held:
        return None, f"no line matches '{claim['lines']}'"
    return f"{held} of {held} hold", None


def rewrite(folder):
    before, rows, after = split_page()
    today, kernel = datetime.date.today().isoformat(), re.match(r"[\d.]*", os.uname().release).group(0)
    wrong, lines, shown = [], [], 0
    for claim in claims():
        name = claim["claim"]
        row = [name, claim["said"], f"`{claim['command']}`"] + rows.get(name, [""] * 6)[3:]
        log = pathlib.Path(folder, claim["log"]) if "log" in claim else None
        if log and log.exists():
            figure, problem = result(claim, plain(log.read_text(errors="replace")))
            if problem:
                wrong.append(f"{name}: {log}: {problem}")
            else:
                shown += 1
                row[3:] = [figure, today, kernel]
        elif log:
            wrong.append(f"{name}: {log} is missing")
        lines.append("| " + " | ".join(cell or "—" for cell in row) + " |")
    table = "\n".join(["| " + " | ".join(HEAD) + " |", "|---" * len(HEAD) + "|"] + lines)
    new = PAGE.with_name(PAGE.name + ".new")
    new.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")
    new.replace(PAGE)
    for text in wrong:
        print(f"not ok {text}")
    print(f"evidence: {shown} claims shown, {len(wrong)} not, {len(lines) - shown - len(wrong)} by longer commands")
    return bool(wrong)


def check():
    promises = re.findall(r"^\| (\d+[a-z]?) \| ", (ROOT / "docs" / "security.md").read_text(), re.MULTILINE)
    readme = (ROOT / "README.md").read_text()
    points = re.findall(r"^- \*\*(.+?)\*\*", readme[readme.index("## What it does"):readme.index("## Commands")], re.MULTILINE)
    said = {place.strip() for claim in claims() for place in claim["said"].split(";")}
    wrong = [f"promise {number} of docs/security.md has no claim" for number in promises if f"security {number}" not in said]
    wrong += [f"'{point}' of the README has no claim" for point in points if f"README: {point.rstrip('.')}" not in said]
    known = {f"security {number}" for number in promises} | {f"README: {point.rstrip('.')}" for point in points}
    wrong += [f"'{place}' is said nowhere" for place in sorted(said - known)]
    _, rows, _ = split_page()
    wrong += [f"'{claim['claim']}' has no row" for claim in claims() if claim["claim"] not in rows]
    for text in wrong:
        print(f"evidence: {text}")
    return bool(wrong)


def main():
    if sys.argv[1:] == ["--check"]:
        return check()
    if len(sys.argv) == 2 and pathlib.Path(sys.argv[1]).is_dir():
        return rewrite(sys.argv[1])
    print(__doc__, file=sys.stderr)
    return 64


sys.exit(main())
