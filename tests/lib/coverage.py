# SPDX-License-Identifier: Apache-2.0
"""Line and branch coverage of a folder, by gcovr, and the goal that it is held to."""

import json
import os
import subprocess


def table(summary):
    """Text of a gcovr summary: a line a file, those with the most untaken branches first."""
    def row(what, entry):
        parts = []
        for kind in ("line", "branch"):
            covered, total = entry[kind + "_covered"], entry[kind + "_total"]
            percent = 100 * covered / total if total else 100
            parts.append(f"{covered:6} of {total:6} {percent:6.1f} %")
        return f"  {what:<36} {'   '.join(parts)}"

    files = sorted(summary["files"],
                   key=lambda file: file["branch_covered"] - file["branch_total"])
    head = f"  {'':<36} {'lines':>25}   {'branches':>25}"
    return "\n".join([head] + [row(file["filename"], file) for file in files] +
                     [row("together", summary)])


def measure(top, build, part):
    """Returns (summary, None) of one folder of the tree, or (None, what gcovr said). Every line
    and branch counts: nothing is excluded but the examples, which tests/install builds."""
    done = subprocess.run(
        ["gcovr", "--root", top, "--filter", f"{part}/", "--exclude", f"{part}/examples/",
         "--json-summary", "-", os.path.join(build, part)], cwd=top, stdin=subprocess.DEVNULL,
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return (json.loads(done.stdout), None) if done.returncode == 0 else (None, done.stderr)


def below(summary, lines, branches):
    """What is under its goal (per cent), as text; empty where nothing is."""
    found = []
    for kind, kinds, goal in (("line", "lines", lines), ("branch", "branches", branches)):
        covered, total = summary[kind + "_covered"], summary[kind + "_total"]
        if 100 * covered < goal * total or not total:
            found.append(f"{covered} of {total} {kinds} are covered, the goal is {goal} %")
    return "\n".join(found)
