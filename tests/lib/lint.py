# SPDX-License-Identifier: Apache-2.0
"""The lint suite: layout, static analysis, scripts. Each tool is one test."""

import concurrent.futures
import json
import os
import re
import subprocess
import time

import runner
from runner import Counts

# Releases of clang-format lay out some lines differently; the tree follows Debian 12's.
FORMAT_VERSION = "14"
FOLDERS = ("dnp3", "gateway", "tests")
TIDY_TIMEOUT_S = 300


def tracked(top, *patterns):
    """Files that git knows or would add, so that a build folder is never read."""
    out = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard",
                          "--", *patterns], cwd=top, stdout=subprocess.PIPE, check=True).stdout
    names = sorted(set(name for name in out.decode().split("\0") if name))
    return [name for name in names if os.path.isfile(os.path.join(top, name))]


def sh_scripts(top):
    for name in tracked(top, "*"):
        path = os.path.join(top, name)
        with open(path, "rb") as file:
            first = file.readline(80)
        if re.match(rb"#!.*\b(sh|bash)\b", first) or name.endswith(".sh"):
            yield name


def check(report, name, problems, begin):
    counts = Counts(failed=1) if problems else Counts(passed=1)
    report.result(f"lint/{name}", counts, time.monotonic() - begin, "\n".join(problems))


def check_format(report, top, sources):
    _, output, _ = runner.run_program(["clang-format", "--version"])
    found = re.search(r"version (\d+)", output)
    if found is None or found.group(1) != FORMAT_VERSION:
        report.skip("lint/format", f"the tree is laid out by clang-format {FORMAT_VERSION}, here: "
                    + output.strip())
        return
    begin = time.monotonic()
    _, output, _ = runner.run_program(["clang-format", "--dry-run", "-Werror", *sources], top)
    first = {}
    for name, line in re.findall(r"^(\S+?):(\d+):\d+: error: ", output, re.MULTILINE):
        first.setdefault(name, f"{name}:{line}: not as clang-format -i leaves it")
    check(report, "format", list(first.values()), begin)


def check_headers(report, top, sources):
    begin = time.monotonic()
    problems = []
    for name in sources:
        with open(os.path.join(top, name), encoding="utf-8") as file:
            if file.readline().strip() != "/* SPDX-License-Identifier: Apache-2.0 */":
                problems.append(f"{name}:1: the first line is not the SPDX line")
    check(report, "licence lines", problems, begin)


def check_python(report, top):
    begin = time.monotonic()
    problems = []
    for name in tracked(top, "*.py", "tests/bench/run"):
        with open(os.path.join(top, name), "rb") as file:
            text = file.read()
        if name.endswith(".py") or text.startswith(b"#!/usr/bin/env python3"):
            try:
                compile(text, name, "exec")
            except SyntaxError as error:
                problems.append(f"{name}:{error.lineno}: {error.msg}")
    check(report, "python", problems, begin)


def tidy_one(top, folder, name):
    code, output, timed_out = runner.run_program(
        ["clang-tidy", "--quiet", "-p", folder, name], cwd=top, timeout=TIDY_TIMEOUT_S)
    if code == 0 and not timed_out:
        return ""
    lines = [line for line in output.splitlines() if not re.match(r"\d+ warnings? ", line)]
    return "\n".join(lines) or f"{name}: clang-tidy ended with {code}"


def check_tidy(report, top, folder, jobs):
    begin = time.monotonic()
    with open(os.path.join(folder, "compile_commands.json"), encoding="utf-8") as file:
        compiled = sorted({os.path.relpath(entry["file"], top) for entry in json.load(file)})
    compiled = [name for name in compiled if not name.startswith(("..", "build"))]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        found = pool.map(lambda name: tidy_one(top, folder, name), compiled)
        problems = [text for text in found if text]
    check(report, "clang-tidy", problems, begin)


def run(report, build, top, jobs):
    sources = [name for name in tracked(top, "*.c", "*.h") if name.startswith(FOLDERS)]
    check_format(report, top, sources)
    check_headers(report, top, sources)
    check_python(report, top)
    report.program("lint/shellcheck", ["shellcheck", *sh_scripts(top)], top)
    folder = build("dev")
    if folder is None:
        return
    report.program("lint/cppcheck", [
        "cppcheck", "--quiet", "--std=c11", "--enable=warning,performance,portability",
        "--inline-suppr", "--error-exitcode=1", "--suppress=missingIncludeSystem",
        "--suppress=unknownMacro", f"-j{jobs}", "-I", top, "-D_GNU_SOURCE",
        *[name for name in sources if name.endswith(".c") and name.startswith(("dnp3", "gateway"))]],
        top, timeout=600)
    check_tidy(report, top, folder, jobs)
