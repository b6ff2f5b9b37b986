# SPDX-License-Identifier: Apache-2.0
"""The spool on a disk that takes its time, and on one that fails: lib/slow_disk.c stands between."""

import errno
import os
import re
import subprocess
import tempfile
import time
import unittest

from processes import preload

BIN = os.environ["DNP3_BIN"]
SHIM = os.path.join(BIN, "slow_disk.so")
DELAY_MS = 50


class SlowDisk(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.spool = os.path.join(folder.name, "spool")
        self.control = os.path.join(folder.name, "control")

    def tell_disk(self, delay_ms, error):
        with open(self.control + ".new", "w", encoding="ascii") as file:
            file.write(f"{delay_ms} {error}\n")
        os.rename(self.control + ".new", self.control)

    def start(self, events):
        program = os.path.join(BIN, "spool_probe")
        env = dict(os.environ, LD_PRELOAD=preload(program, SHIM), DNP3_DISK_BELOW=self.spool,
                   DNP3_DISK_CONTROL=self.control)
        probe = subprocess.Popen([program, self.spool, str(events)],
                                 env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL)
        self.addCleanup(probe.stdout.close)
        self.addCleanup(probe.wait)
        self.addCleanup(probe.kill)
        return probe

    def wait_file(self):
        deadline = time.monotonic() + 20
        while not os.path.exists(os.path.join(self.spool, "spool.mdb")):
            self.assertLess(time.monotonic(), deadline, "no spool was made")
            time.sleep(0.01)

    def finish(self, probe, begin=""):
        output = begin + probe.communicate(timeout=60)[0].decode()
        self.assertEqual(probe.returncode, 0, output)
        found = re.search(r"durable (\d+) refused (\d+) commits (\d+) turns (\d+) left (\d+)",
                          output)
        self.assertIsNotNone(found, output)
        return [int(n) for n in found.groups()], output

    def test_the_loop_does_not_wait(self):
        self.tell_disk(DELAY_MS, 0)
        begin = time.monotonic()
        (durable, refused, commits, turns, left), output = self.finish(self.start(1000))
        passed_ms = (time.monotonic() - begin) * 1000
        self.assertGreaterEqual(durable, 1000)
        self.assertEqual((refused, left), (0, 0))
        self.assertNotIn("state", output)
        # A wait a commit: the disk was as slow as told, and events came meanwhile.
        self.assertGreater(commits, 3)
        self.assertGreaterEqual(passed_ms, commits * DELAY_MS)
        self.assertGreater(turns, commits * 10)

    def test_failing_and_back(self):
        self.tell_disk(1, 0)
        probe = self.start(3000)  # three seconds of events, at least
        self.wait_file()
        self.tell_disk(1, errno.EIO)
        line = probe.stdout.readline().decode()
        self.assertRegex(line, "^state failing writing failed: Input/output error")
        self.tell_disk(1, 0)
        (durable, refused, _, _, left), output = self.finish(probe, line)
        self.assertGreaterEqual(durable, 3000)
        self.assertGreater(refused, 0)
        self.assertEqual(left, 0)
        self.assertIn("state ok", output)


if __name__ == "__main__":
    unittest.main()
