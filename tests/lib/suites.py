# SPDX-License-Identifier: Apache-2.0
"""The suites of tests/run, which installs their packages and names them on the command line."""

import concurrent.futures
import glob
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback

import coverage
import lint
import runner
from runner import Counts

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
JOBS = min(os.cpu_count() or 1, 8)
PYTHON_JOBS = JOBS + 1  # they mostly wait
CI = os.environ.get("CI") == "true"
UNIT_TIMEOUT_S = 120
PYTHON_TIMEOUT_S = 420
CONTAINER_TIMEOUT_S = 1200  # a first run makes the base image and installs packages in it
COVERED_LINES, COVERED_BRANCHES = 95, 85  # per cent of dnp3/, the goal
FUZZ_SECONDS = int(os.environ.get("FUZZ_SECONDS", "10"))

SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "second_deadlock_stack=1:halt_on_error=1",
}

report = runner.Report()
built = {}


def build(preset):
    """Configures and builds a preset once; a failure is one failed test with its output."""
    if preset in built:
        return built[preset]
    begin = time.monotonic()
    log = ""
    for argv in (["cmake", "--preset", preset],
                 ["cmake", "--build", "--preset", preset, "--parallel", str(JOBS)]):
        code, output, timed_out = runner.run_program(argv, cwd=TOP, timeout=1200)
        log += output
        if code != 0 or timed_out:
            break
    ok = code == 0 and not timed_out
    report.result(f"build {preset}", Counts() if ok else Counts(failed=1),
                  time.monotonic() - begin, log)
    built[preset] = os.path.join(TOP, "build", preset) if ok else None
    return built[preset]


def environment(folder):
    """What test programs get: where the programs are, and Python's way to tests/lib."""
    return dict(os.environ, DNP3_BIN=os.path.join(folder, "bin"), PYTHONDONTWRITEBYTECODE="1",
                PYTHONPATH=os.path.join(TOP, "tests", "lib"), **SANITIZER_ENV)


def ctest_entries(folder, suite):
    listing = subprocess.run(["ctest", "--test-dir", folder, "--show-only=json-v1"], cwd=TOP,
                             stdout=subprocess.PIPE, check=True).stdout
    for test in json.loads(listing)["tests"]:
        if test["name"].startswith(suite + "/") and "command" in test:
            properties = {p["name"]: p["value"] for p in test.get("properties", [])}
            yield test["name"], test["command"], properties.get("WORKING_DIRECTORY", folder)


def run_ctest(suite, preset, label=""):
    """Runs each program that CMake registered under the suite, and counts the tests in it."""
    folder = build(preset)
    if folder is None:
        return
    entries = list(ctest_entries(folder, suite))
    if not entries:
        report.skip(label + suite, "no test is there")
        return
    env = environment(folder)
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        jobs = [pool.submit(report.program, label + name, argv, cwd, env, UNIT_TIMEOUT_S)
                for name, argv, cwd in entries]
        for job in jobs:
            job.result()


def run_python(suite, preset, label="", python=sys.executable, timeout=PYTHON_TIMEOUT_S,
               pattern="test_*.py", jobs=PYTHON_JOBS):
    """Runs the test_*.py of a folder beside one another: each has ports and brokers to itself."""
    folder = build(preset)
    if folder is None:
        return
    files = sorted(glob.glob(os.path.join(TOP, "tests", suite, pattern)))
    if not files:
        report.skip(label + suite, "no test is there")
        return
    env = environment(folder)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        modules = [(os.path.basename(path)[:-3], os.path.dirname(path)) for path in files]
        for job in [pool.submit(report.program, f"{label}{suite}/{module}",
                                [python, "-m", "unittest", "-v", module], cwd, env, timeout)
                    for module, cwd in modules]:
            job.result()


def interop_python():
    """A venv with the third-party stack, or None and the reason."""
    requirements = os.path.join(TOP, "tests", "interop", "requirements.txt")
    with open(requirements, "rb") as file:
        digest = hashlib.sha256(file.read() + sys.version.encode()).hexdigest()
    venv = os.path.join(TOP, "build", "interop-venv")
    python = os.path.join(venv, "bin", "python3")
    stamp = os.path.join(venv, "stamp")
    if os.path.exists(stamp):
        with open(stamp, encoding="utf-8") as file:
            if file.read() == digest:
                return python, None
    shutil.rmtree(venv, ignore_errors=True)
    code, output, _ = runner.run_program([sys.executable, "-m", "venv", venv], timeout=120)
    if code == 0:
        code, output, _ = runner.run_program(
            [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--retries", "2",
             "--timeout", "30", "--only-binary", ":all:", "-r", requirements], timeout=300)
    if code != 0:
        lines = [line for line in output.strip().splitlines() if line.strip()]
        return None, lines[-1] if lines else "pip failed"
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(digest)
    return python, None


def suite_interop():
    if not glob.glob(os.path.join(TOP, "tests", "interop", "test_*.py")):
        (report.fail if CI else report.skip)("interop", "no test is there")
        return
    python, reason = interop_python()
    if python is not None:
        run_python("interop", "dev", python=python)
    elif CI:
        report.fail("interop", f"must run in CI, and its stack could not be installed: {reason}")
    else:
        report.skip("interop", f"the third-party stack could not be installed: {reason}")


def suite_faults(preset="dev", label="", pattern="test_*.py"):
    """With the third-party outstation where that can be installed; the campaign says if not."""
    interop_python()
    run_python("faults", preset, label, pattern=pattern, jobs=1)


def suite_tsan():
    run_ctest("unit", "tsan", "tsan/")
    suite_faults("tsan", "tsan/", "test_faults.py")


def suite_asan():
    for suite in ("unit", "vectors", "scenarios"):
        run_ctest(suite, "asan", "asan/")
    run_python("procedures", "asan", "asan/")
    run_python("integration", "asan", "asan/")
    python, _ = interop_python()
    if python is not None:
        run_python("interop", "asan", "asan/", python=python)
    suite_faults("asan", "asan/", "test_faults.py")


def suite_fuzz():
    folder = build("fuzz")
    if folder is None:
        return
    targets = [name for name, _, _ in ctest_entries(folder, "fuzz")]
    if not targets:
        report.skip("fuzz", "no target is there")
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for job in [pool.submit(fuzz_target, folder, name.split("/")[1]) for name in targets]:
            job.result()


def fuzz_target(folder, name):
    """Fuzzes from the committed corpus; what is found stays under build/fuzz/."""
    found = os.path.join(folder, "corpus", name)
    crashes = os.path.join(folder, "crashes", name, "")
    os.makedirs(found, exist_ok=True)
    os.makedirs(crashes, exist_ok=True)
    argv = [os.path.join(folder, "bin", name), f"-max_total_time={FUZZ_SECONDS}",
            f"-artifact_prefix={crashes}", "-print_final_stats=1", "-timeout=10", "-verbosity=0",
            found]
    corpus = os.path.join(TOP, "tests", "fuzz", "corpus", name)
    if os.path.isdir(corpus):
        argv.append(corpus)
    report.program(f"fuzz/{name}", argv, TOP, environment(folder), FUZZ_SECONDS + 120)


def suite_static():
    folder = build("static")
    if folder is None:
        return
    report.program("static/symbols", [os.path.join(TOP, "tests", "unit", "symbols.sh"),
                                      os.path.join(folder, "dnp3", "libdnp3.a")])
    report.program("static/install", [os.path.join(TOP, "tests", "install", "install.sh"), folder])
    for name in ("dnp3-mqtt", "dnp3-sim"):
        path = os.path.join(folder, "bin", name)
        begin = time.monotonic()
        code, output, _ = runner.run_program(["readelf", "-ldW", path])
        dynamic = re.findall(r"INTERP|\(NEEDED\).*", output)
        ok = code == 0 and not dynamic and "GNU_RELRO" in output
        note = f"{os.path.getsize(path) // 1024} KB with symbols" if ok else ""
        report.result(f"static/{name}", Counts(passed=1) if ok else Counts(failed=1),
                      time.monotonic() - begin, "\n".join(dynamic) or output, note)


def suite_container():
    code, _, _ = runner.run_program(["docker", "info"], timeout=30)
    if code != 0:
        report.skip("container", "no docker engine answers")
        return
    run_python("container", "dev", timeout=CONTAINER_TIMEOUT_S)


def coverage_of(folder, part, lines=0, branches=0):
    """Prints what is covered of a folder of the tree; under its goals it has failed."""
    begin = time.monotonic()
    summary, error = coverage.measure(TOP, folder, part)
    if summary is None:
        report.fail(f"coverage of {part}/", error)
        return
    print("\n" + coverage.table(summary))
    under = coverage.below(summary, lines, branches)
    share = [f"{100 * summary[kind + '_covered'] / summary[kind + '_total']:.1f} % of {kinds}"
             for kind, kinds in (("line", "lines"), ("branch", "branches"))]
    report.result(f"coverage of {part}/", Counts(failed=1) if under else Counts(passed=1),
                  time.monotonic() - begin, under, ", ".join(share))


def suite_coverage():
    """The library by the suites that drive it alone; the gateway by those and by integration."""
    folder = build("coverage")
    if folder is None:
        return
    for path in glob.glob(os.path.join(folder, "**", "*.gcda"), recursive=True):
        os.unlink(path)
    for suite in ("unit", "vectors", "scenarios"):
        run_ctest(suite, "coverage")
    run_python("procedures", "coverage")
    coverage_of(folder, "dnp3", COVERED_LINES, COVERED_BRANCHES)
    run_python("integration", "coverage")
    coverage_of(folder, "gateway")


def suite_bench():
    code = subprocess.run([os.path.join(TOP, "tests", "bench", "run")], cwd=TOP, check=False,
                          stdin=subprocess.DEVNULL).returncode
    report.result("bench", Counts(passed=1) if code == 0 else Counts(failed=1), 0.0)


SUITES = {
    "unit": lambda: run_ctest("unit", "dev"),
    "vectors": lambda: run_ctest("vectors", "dev"),
    "scenarios": lambda: run_ctest("scenarios", "dev"),
    "procedures": lambda: run_python("procedures", "dev"),
    "integration": lambda: run_python("integration", "dev"),
    "interop": suite_interop,
    "asan": suite_asan,
    "faults": suite_faults,
    "tsan": suite_tsan,
    "lint": lambda: lint.run(report, build, TOP, JOBS),
    "fuzz": suite_fuzz,
    "static": suite_static,
    "container": suite_container,
    "coverage": suite_coverage,
    "bench": suite_bench,
}


def main(names):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    begin = time.monotonic()
    for name in names:
        report.heading(name)
        try:
            SUITES[name]()
        except Exception:  # the other suites still run, and the count is still printed
            report.fail(name, traceback.format_exc())
    print(f"\n{time.monotonic() - begin:.0f} s in all")
    return report.close()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
