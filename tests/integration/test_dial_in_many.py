# SPDX-License-Identifier: Apache-2.0
"""Ten thousand calls to one port, half of them never saying who they are: the other half works, and
what the gateway takes stays bounded. Nothing here depends on how fast it goes."""

import json
import os
import resource
import socket
import threading
import time
import unittest

from field_site import BIN, Site
from processes import free_port

GOOD = 5000
SILENT = 5000
UNIDENTIFIED = 256
PATIENCE_S = 240

MAPPING = {"device": "pump", "points": [{"name": "count", "type": "counter", "index": 0}]}

# For a session with its line, connection and profile of one point, and for what all share.
RSS_KB_EACH, RSS_KB_SHARED = 6, 10000
# What a flood of silent callers may add: their places, and what allocators keep.
RSS_KB_FLOOD = 2000
SPARE_DESCRIPTORS = 64


def raise_descriptors(wanted):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < wanted:
        return False
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return True


class Silent:
    """Callers that connect and say nothing."""

    def __init__(self, test, port):
        self.port = port
        self.sockets = []
        test.addCleanup(self.stop)

    def call(self, count):
        for _ in range(count):
            sock = socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)
            sock.setblocking(False)
            self.sockets.append(sock)

    def call_meanwhile(self, count):
        thread = threading.Thread(target=self.call, args=(count,), daemon=True)
        thread.start()
        return thread

    @staticmethod
    def is_closed(sock):
        try:
            while sock.recv(4096): # it is asked who it is
                pass
        except BlockingIOError:
            return False
        except ConnectionResetError:
            pass
        return True

    def closed(self):
        return sum(map(self.is_closed, self.sockets))

    def stop(self):
        for sock in self.sockets:
            sock.close()


class Many(unittest.TestCase):
    def make(self):
        self.port = free_port()
        self.site = Site(self, outstations=GOOD, mapping=MAPPING, profile={
            "response_timeout_s": 60, "keep_alive_s": 0, "offline_after_s": 3600,
            "polls": [{"classes": [0], "every_s": 3600}]})
        self.site.config["log"] = {"level": "warning"}
        self.site.config["channels"] = [
            {"name": "mobile", "type": "tcp_listen", "listen": f"127.0.0.1:{self.port}",
             "identify_s": 60, "max_unidentified": UNIDENTIFIED}]
        for outstation in self.site.config["outstations"]:
            outstation["channel"] = "mobile"
        self.site.write_config()
        self.site.start_broker()
        self.client = self.site.client(filters=("dnp3/test/status", "dnp3/test/+/point/#"))

    def rss_kb(self, pid):
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))

    def online(self, messages):
        for message in reversed(messages):
            if message.topic == "dnp3/test/status":
                return json.loads(message.payload).get("outstations", {}).get("online", 0)
        return 0

    def wait_listening(self):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                self.assertLess(time.monotonic(), deadline)
                self.site.children.check()
                time.sleep(0.05)

    def check_bounds(self, pid, before_kb):
        rss_kb = self.rss_kb(pid)
        if self.sanitized:
            rss_kb = 0
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        self.assertLess(rss_kb, RSS_KB_SHARED + GOOD * RSS_KB_EACH)
        self.assertLessEqual(descriptors, GOOD + UNIDENTIFIED + SPARE_DESCRIPTORS)
        if before_kb:
            self.assertLess(rss_kb - before_kb, RSS_KB_FLOOD)
        return rss_kb

    def test_half_of_them_say_nothing(self):
        if not raise_descriptors(GOOD + SILENT + 1000):
            self.skipTest("the system does not allow so many open files")
        self.make()
        with open(os.path.join(BIN, "dnp3-mqtt"), "rb") as program:
            self.sanitized = b"__asan_init" in program.read()  # its memory is another matter
        gateway = self.site.start_gateway()
        self.wait_listening()
        silent = Silent(self, self.port)
        silent.call(SILENT // 4)
        self.site.start_sim("--events-per-second", "200")
        meanwhile = silent.call_meanwhile(SILENT // 4)
        self.client.wait(lambda messages: self.online(messages) == GOOD, PATIENCE_S,
                         f"{GOOD} outstations online")
        meanwhile.join(PATIENCE_S)
        rss_kb = self.check_bounds(gateway.pid, None)
        # All are there, and the flood goes on: events arrive, nobody is lost, nothing grows.
        del self.client.messages[:]
        silent.call(SILENT // 2)
        self.assertEqual(len(silent.sockets), SILENT)
        self.client.wait(lambda messages: sum("/point/" in m.topic for m in messages) > 500,
                         PATIENCE_S, "events during the flood")
        self.check_bounds(gateway.pid, rss_kb)
        deadline = time.monotonic() + PATIENCE_S
        while silent.closed() < SILENT - UNIDENTIFIED: # those in the kernel's queue come too
            self.assertLess(time.monotonic(), deadline, silent.closed())
            time.sleep(0.2)
        self.check_bounds(gateway.pid, rss_kb)
        for message in self.client.messages: # it is published when a number changes
            if message.topic == "dnp3/test/status":
                self.assertEqual(json.loads(message.payload)["outstations"]["online"], GOOD)
        with open(self.site.children.log("gateway"), "rb") as file:
            self.assertLess(len(file.read()), 20000, "a flood must not fill the log")


if __name__ == "__main__":
    unittest.main()
