# SPDX-License-Identifier: Apache-2.0
"""Runs one program at a time for tests/run: time limit, output kept, test counts read from it."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

OUTPUT_LINES = 120  # of a failed program, shown


class Counts:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def line(self):
        text = f"{self.passed} passed, {self.failed} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")


def kill_group(pid, number):
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def run_program(argv, cwd=None, env=None, timeout=300):
    """Returns (exit code, output, timed out). The program leads a process group of its own, and
    what is left of that group afterwards is killed."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        timed_out = False
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
            kill_group(process.pid, signal.SIGABRT)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                pass
        finally:
            kill_group(process.pid, signal.SIGKILL)
            process.wait()
        out.seek(0)
        return process.returncode, out.read().decode("utf-8", "replace"), timed_out


def count_cmocka(output):
    counts = Counts()
    seen = False
    for line in output.splitlines():
        match = re.search(r"\[  (PASSED|FAILED|SKIPPED) *\][^:]*?(?:[\w./-]+: )?(\d+) test\(s\)", line)
        if match:
            seen = True
            word = match.group(1).lower()
            setattr(counts, word, getattr(counts, word) + int(match.group(2)))
    return counts if seen else None


def count_unittest(output):
    ran = re.findall(r"^Ran (\d+) tests? in", output, re.MULTILINE)
    if not ran:
        return None
    bad = sum(int(n) for n in re.findall(r"^FAILED \(.*?failures=(\d+)", output, re.MULTILINE))
    bad += sum(int(n) for n in re.findall(r"^FAILED \(.*?errors=(\d+)", output, re.MULTILINE))
    skipped = sum(int(n) for n in
                  re.findall(r"^(?:OK|FAILED) \(.*?skipped=(\d+)", output, re.MULTILINE))
    total = sum(int(n) for n in ran)
    return Counts(max(total - bad - skipped, 0), bad, skipped)


def count_plain(output):
    found = re.findall(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", output, re.MULTILINE)
    if not found:
        return None
    passed, failed, skipped = found[-1]
    return Counts(int(passed), int(failed), int(skipped or 0))


def count(output, code):
    """What the output says; a program that says nothing is one test. Never fewer failures than
    the exit code tells."""
    counts = count_unittest(output) or count_cmocka(output) or count_plain(output)
    if counts is None:
        counts = Counts(passed=1) if code == 0 else Counts(failed=1)
    if code != 0 and counts.failed == 0:
        counts.failed = 1
    return counts


class Report:
    """Prints results as they come, from any thread, and keeps the total."""

    def __init__(self):
        self.total = Counts()
        self.failures = []
        self.skips = []
        self.lock = threading.Lock()
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def paint(self, text, code):
        return f"\033[{code}m{text}\033[0m" if self.colour else text

    def heading(self, text):
        with self.lock:
            print(f"\n{self.paint(text, 1)}", flush=True)

    def result(self, name, counts, seconds, output="", note=""):
        with self.lock:
            self.total.add(counts)
            ok = counts.failed == 0
            word = self.paint("ok  ", 32) if ok else self.paint("FAIL", 31)
            tail = f"  {note}" if note else ""
            ran = counts.passed + counts.failed + counts.skipped > 0
            print(f"  {word} {name:<42} {counts.line() if ran else '':<32} {seconds:6.1f} s{tail}")
            if not ok:
                self.failures.append(name)
                lines = output.rstrip().splitlines()
                if len(lines) > OUTPUT_LINES:
                    print(f"       | ... {len(lines) - OUTPUT_LINES} lines above")
                for line in lines[-OUTPUT_LINES:]:
                    print(f"       | {line}")
            elif counts.skipped:
                for line in re.findall(r"^.*\bskipped ['\"].*$", output, re.MULTILINE):
                    print(f"       | {line}")
            sys.stdout.flush()

    def skip(self, suite, reason):
        with self.lock:
            self.total.skipped += 1
            self.skips.append(f"{suite}: {reason}")
            print(self.paint(f"  SKIPPED {suite}: {reason}", 33), flush=True)

    def fail(self, name, output):
        self.result(name, Counts(failed=1), 0.0, output)

    def program(self, name, argv, cwd=None, env=None, timeout=300, keep=None):
        """Runs a program, prints its line, returns its output. `keep` is a file for the output."""
        begin = time.monotonic()
        try:
            code, output, timed_out = run_program(argv, cwd, env, timeout)
        except OSError as error:
            code, output, timed_out = 127, f"{argv[0]}: {error}", False
        if timed_out:
            output += f"\nstopped: still running after {timeout} s"
        if keep:
            with open(keep, "w", encoding="utf-8") as file:
                file.write(output)
        self.result(name, count(output, code), time.monotonic() - begin, output)
        return code, output

    def close(self):
        print()
        for skip in self.skips:
            print(self.paint(f"SKIPPED {skip}", 33))
        for name in self.failures:
            print(self.paint(f"FAILED {name}", 31))
        tally = os.environ.get("DNP3_TALLY")
        if tally:
            with open(tally, "a", encoding="utf-8") as file:
                file.write(f"{self.total.passed} {self.total.failed} {self.total.skipped}\n")
        print(self.total.line(), flush=True)
        return 0 if self.total.failed == 0 and self.total.passed > 0 else 1
