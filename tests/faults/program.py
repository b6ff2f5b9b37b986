# SPDX-License-Identifier: Apache-2.0
"""Runs the campaign as a program, and reads its table."""

import os
import re
import subprocess
import sys

RUN = os.path.join(os.path.dirname(os.path.realpath(__file__)), "run")


def campaign(*options):
    """(exit code, what it says)."""
    done = subprocess.run([sys.executable, RUN, *options], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=300, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def count(text, row):
    return int(re.search(rf"^\| {re.escape(row)} +\| +([\d,]+) \|$", text, re.M)[1].replace(",", ""))
