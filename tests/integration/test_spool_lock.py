# SPDX-License-Identifier: Apache-2.0
"""One directory, one gateway: `check` beside it reads and touches nothing, a second one is told."""

import json
import os
import subprocess
import tempfile
import time
import unittest

GATEWAY = os.path.join(os.environ["DNP3_BIN"], "dnp3-mqtt")
START_S = 20


class SpoolLock(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.spool = os.path.join(folder.name, "spool")
        self.file = os.path.join(folder.name, "gateway.json")
        with open(self.file, "w", encoding="utf-8") as file:
            json.dump({"gateway": "lock", "mqtt": {"url": "mqtt://127.0.0.1:1"},
                       "spool": {"path": self.spool},
                       "outstations": [{"name": "a", "connect": "tcp://127.0.0.1:1",
                                        "address": 10}]}, file)

    def run_gateway(self, command):
        return subprocess.run([GATEWAY, command, "-c", self.file], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=START_S,
                              check=False)

    def test_check_and_a_second(self):
        alone = self.run_gateway("check")
        self.assertEqual(alone.returncode, 0, alone.stdout)
        self.assertFalse(os.path.exists(self.spool))
        first = subprocess.Popen([GATEWAY, "run", "-c", self.file], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(first.wait)
        self.addCleanup(first.terminate)
        end = time.monotonic() + START_S
        while not os.path.exists(os.path.join(self.spool, "spool.mdb")):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
        beside = self.run_gateway("check")
        self.assertEqual(beside.returncode, 0, beside.stdout)
        self.assertRegex(beside.stdout.decode(), r"\n  spool +\d+\.\d KB\n")
        second = self.run_gateway("run")
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"process {first.pid} has {self.spool}", second.stdout.decode())


if __name__ == "__main__":
    unittest.main()
