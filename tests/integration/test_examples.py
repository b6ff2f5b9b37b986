# SPDX-License-Identifier: Apache-2.0
"""The library's examples: the two against each other, and the master against dnp3-sim."""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from processes import Children, free_port

BIN = os.environ.get("DNP3_BIN", "build/dev/bin")
PATIENCE_S = 10
MAPPING = {
    "device": "small",
    "points": [{"type": "binary_input", "index": 0, "name": "breaker"},
               {"type": "analog_input", "index": "0..2"},
               {"type": "octet_string", "index": 0, "name": "label"}],
    "controls": [{"type": "binary_output", "index": 1, "name": "breaker", 
                  "states": {"close": {"operation": "pulse_on", "trip_close": "close"}}}],
}


def program(name):
    return os.path.join(BIN, "dnp3-example-" + name)


@unittest.skipUnless(os.path.exists(program("master")), "the examples are not built")
class Examples(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="dnp3-examples-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.children = Children(self.folder)
        self.addCleanup(self.children.stop)
        self.port = free_port()

    def wait_for_listener(self):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            self.children.check()
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                self.assertLess(time.monotonic(), deadline, "nobody listens")
                time.sleep(0.05)

    def start_outstation(self):
        process = self.children.start("outstation", [program("outstation"), "127.0.0.1",
                                                     str(self.port), "10", "1"])
        self.wait_for_listener()
        return process

    def master(self, address, *options, seconds=2):
        """Exit code and printed lines of the master."""
        done = subprocess.run([program("master"), "127.0.0.1", str(self.port), str(address), "1",
                               "--seconds", str(seconds), *options], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=30, check=False)
        return done.returncode, done.stdout.splitlines()

    def test_against_each_other(self):
        process = self.start_outstation()
        code, lines = self.master(10, "--close", "0", seconds=4)
        self.assertEqual(code, 0, lines)
        for line in ("binary_input 0 = 0 ONLINE", "binary_output_status 0 = 0 ONLINE",
                     "analog_input 0 = 0 ONLINE"):
            self.assertIn(line, lines)
        closed = lines.index("close 0: done, status SUCCESS")
        later = [line.split(" event at ")[0] for line in lines[closed:]]
        self.assertIn("binary_input 0 = 1 ONLINE", later)
        self.assertIn("analog_input 0 = 230 ONLINE", later)
        counted = [int(found.group(1)) for found in
                   (re.match(r"counter 0 = (\d+) ONLINE event", line) for line in lines) if found]
        self.assertGreaterEqual(len(counted), 3, lines)
        self.assertEqual(counted, list(range(counted[0], counted[0] + len(counted))))
        # Again: the breaker is as it was left, what was confirmed is not told again.
        code, lines = self.master(10)
        self.assertEqual(code, 0, lines)
        self.assertIn("binary_input 0 = 1 ONLINE", lines)
        self.assertFalse([line for line in lines if line.startswith("binary_input 0 = 0")])
        self.assertEqual(self.children.stop_one(process), 0)
        with open(self.children.log("outstation"), encoding="utf-8") as log:
            self.assertEqual(log.read(), "breaker open\nbreaker closed\n")

    def test_refused(self):
        self.start_outstation()
        code, lines = self.master(10, "--close", "3")
        self.assertEqual(code, 1)
        self.assertIn("close 3: not done, status NOT_SUPPORTED", lines)

    def test_nobody_answers(self):
        self.start_outstation()
        self.assertEqual(self.master(11, "--close", "0", seconds=1), (1, []))

    def test_no_listener(self):
        self.assertEqual(self.master(10), (2, []))

    def test_master_against_simulator(self):
        for name, content in (
                ("mapping.json", MAPPING),
                ("gateway.json", {"gateway": "test", "mqtt": {"url": "mqtt://127.0.0.1:1883"},
                                  "outstations": [{"name": "one", "address": 3,
                                                   "mapping": "mapping.json",
                                                   "connect": f"tcp://127.0.0.1:{self.port}"}]})):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                json.dump(content, file)
        self.children.start("sim", [os.path.join(BIN, "dnp3-sim"), "-c",
                                    os.path.join(self.folder, "gateway.json"),
                                    "--events-per-second", "0"])
        self.wait_for_listener()
        code, lines = self.master(3, "--close", "1", seconds=3)
        self.assertEqual(code, 0, lines)
        self.assertIn("* the startup sequence is through (0)", lines)
        for index in range(3):
            self.assertTrue([line for line in lines
                             if re.fullmatch(rf"analog_input {index} = \S+ ONLINE", line)], lines)
        self.assertTrue([line for line in lines if line.startswith('octet_string 0 = "')], lines)
        closed = lines.index("close 1: done, status SUCCESS")
        self.assertTrue([line for line in lines[closed:]
                         if line.startswith("binary_input 0 = 1 ONLINE event")], lines)


if __name__ == "__main__":
    unittest.main()
