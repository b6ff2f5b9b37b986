# SPDX-License-Identifier: Apache-2.0
"""The lint suite: layout, static analysis, scripts. Each tool is one test."""

import concurrent.futures
import fnmatch
import json
import os
import re
import subprocess
import time

import runner
from runner import Counts

# Each release of the clang tools lays out some lines differently and finds other things; the tree
# follows Debian 12's.
CLANG_VERSION = "14"
FOLDERS = ("dnp3", "gateway", "tests")
TIDY_TIMEOUT_S = 300


def every_file(top):
    """Where git cannot tell: all files but what is built."""
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name not in (".git", "build", "__pycache__")]
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), top)


def tracked(top, *patterns):
    """Files that git knows or would add, so that a build folder is never read."""
    try:
        out = subprocess.run(["git", "ls-files", "-z", "--cached", "--others",
                              "--exclude-standard"], cwd=top, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, check=True).stdout
        names = set(out.decode().split("\0"))
    except (OSError, subprocess.CalledProcessError):
        names = set(every_file(top))
    return sorted(name for name in names if os.path.isfile(os.path.join(top, name))
                  and any(fnmatch.fnmatch(name, pattern) for pattern in patterns))


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


def follows(report, tool):
    """Whether this release of a clang tool is the one that the tree follows."""
    _, output, _ = runner.run_program([tool, "--version"])
    found = re.search(r"version (\d+)", output)
    if found is not None and found.group(1) == CLANG_VERSION:
        return True
    report.skip(f"lint/{tool}", f"the tree follows release {CLANG_VERSION}, here is "
                + (found.group(1) if found else "none"))
    return False


def check_format(report, top, sources):
    if not follows(report, "clang-format"):
        return
    begin = time.monotonic()
    _, output, _ = runner.run_program(["clang-format", "--dry-run", "-Werror", *sources], top)
    first = {}
    for name, line in re.findall(r"^(\S+?):(\d+):\d+: error: ", output, re.MULTILINE):
        first.setdefault(name, f"{name}:{line}: not as clang-format -i leaves it")
    check(report, "clang-format", list(first.values()), begin)


def check_headers(report, top, sources):
    begin = time.monotonic()
    problems = []
    for name in sources:
        with open(os.path.join(top, name), encoding="utf-8") as file:
            if file.readline().strip() != "/* SPDX-License-Identifier: Apache-2.0 */":
                problems.append(f"{name}:1: the first line is not the SPDX line")
    check(report, "licence lines", problems, begin)


def check_folders(report, top, sources):
    """The gateway's folders include only those below them in the table of its README."""
    begin = time.monotonic()
    with open(os.path.join(top, "gateway/README.md"), encoding="utf-8") as file:
        order = re.findall(r"^\| `(\w+)/` \|", file.read(), re.MULTILINE)
    problems = []
    for name in sources:
        folder = re.match(r"gateway/(\w+)/", name)
        if folder is None:
            continue
        if folder.group(1) not in order:
            problems.append(f"{name}:1: gateway/README.md's table lacks {folder.group(1)}/")
            continue
        below = order[order.index(folder.group(1)):]
        with open(os.path.join(top, name), encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                found = re.match(r'#include "gateway/(?:(\w+)/)?', line)
                if found and found.group(1) not in below:
                    problems.append(f"{name}:{number}: includes what stands above it")
    check(report, "folders", problems, begin)


def undocumented(text):
    """Lines of a header where a call is declared in a block without a comment; inline functions
    that follow one another share one."""
    explained = inline = False
    number = 0
    for block in text.split("\n\n"):
        lines = block.split("\n")
        is_inline = "static inline " in block
        explained = block.lstrip().startswith("/*") or "\n/*" in block \
            or explained and (inline and is_inline or not re.search(r"^\w", block, re.M))
        for at, line in enumerate(lines):
            if re.match(r"(?!typedef|#)\w[\w *]*\bdnp3_\w+\(", line) and not explained:
                yield number + at + 1
        inline = is_inline or inline and not re.search(r"^[^} ]", block, re.M)
        number += len(lines) + 1


def check_documented(report, top):
    begin = time.monotonic()
    problems = []
    for name in tracked(top, "dnp3/*.h"):
        if not name.endswith("_internal.h") and name.count("/") == 1:
            with open(os.path.join(top, name), encoding="utf-8") as file:
                problems += [f"{name}:{line}: a public call that nothing is said about"
                             for line in undocumented(file.read())]
    check(report, "public calls", problems, begin)


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
    return findings(output) or f"{name}: clang-tidy ended with {code}"


def findings(output):
    """Without the notes, which tell the analyser's whole way to each finding."""
    kept, keep = [], False
    for line in output.splitlines():
        found = re.match(r"\S+:\d+:\d+: (error|warning|note): ", line)
        if found:
            keep = found.group(1) != "note"
        if keep:
            kept.append(line)
    return "\n".join(kept)


def check_tidy(report, top, folder, jobs):
    if not follows(report, "clang-tidy"):
        return
    begin = time.monotonic()
    with open(os.path.join(folder, "compile_commands.json"), encoding="utf-8") as file:
        compiled = sorted({os.path.relpath(entry["file"], top) for entry in json.load(file)})
    # Not the cmocka programs: the analyser does not see that a failed assertion ends a test.
    compiled = [name for name in compiled
                if name.startswith(("dnp3/", "gateway/", "tests/sim/", "tests/bench/",
                                    "tests/decode/"))]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        found = pool.map(lambda name: tidy_one(top, folder, name), compiled)
        problems = [text for text in found if text]
    check(report, "clang-tidy", problems, begin)


def run(report, build, top, jobs):
    sources = [name for name in tracked(top, "*.c", "*.h") if name.startswith(FOLDERS)]
    check_format(report, top, sources)
    check_headers(report, top, sources)
    check_folders(report, top, sources)
    check_documented(report, top)
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
