# SPDX-License-Identifier: Apache-2.0
"""Outbox and MQTT connection against a real broker that is stopped, killed, cut off, or refuses."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from mqtt_client import Client
from processes import Children, free_port
from proxy import Proxy

PROBE = os.path.join(os.environ.get("DNP3_BIN", ""), "outbox_probe")
EVENTS = 10500  # a multiple of the probe's fragment and of its points
POINTS = 3
PATIENCE_S = 60


@unittest.skipUnless(shutil.which("mosquitto") or os.path.exists("/usr/sbin/mosquitto"),
                     "mosquitto is not installed")
class Mqtt(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="test-mqtt-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.children = Children(self.folder)
        self.addCleanup(self.children.stop)
        self.port = free_port()
        # Started by root, mosquitto becomes a user of its own and keeps its sessions here.
        self.store = os.path.join(self.folder, "store")
        os.mkdir(self.store)
        os.chmod(self.store, 0o777)

    def start_broker(self, *lines):
        return self.children.start_broker(self.port, [
            "persistence true", f"persistence_location {self.store}/", *lines])

    def start_probe(self, port, *args, events=EVENTS):
        self.log = open(os.path.join(self.folder, "probe.log"), "w+b")
        self.addCleanup(self.log.close)
        probe = subprocess.Popen([PROBE, str(port), str(events), *args],
                                 stdout=subprocess.PIPE, stderr=self.log)
        self.addCleanup(probe.stdout.close)
        self.addCleanup(probe.wait)
        self.addCleanup(lambda: probe.poll() is None and probe.kill())
        return probe

    def probe_log(self):
        with open(self.log.name, encoding="utf-8") as file:
            return file.read()

    def subscriber(self):
        client = Client(self.port, "subscriber", ["probe/point/#"]).wait_subscribed()
        self.addCleanup(client.close)
        return client

    def check(self, probe, client):
        """All is there, in order per point when repeats are dropped; returns the repeats."""
        out, _ = probe.communicate(timeout=PATIENCE_S)
        self.assertEqual(out, f"safe {EVENTS}\n".encode(), self.probe_log())
        self.assertEqual(probe.returncode, 0)
        client.wait(lambda messages: len({(m.topic, m.payload) for m in messages}) >= EVENTS,
                    PATIENCE_S, "every event")
        points, repeats = {}, 0
        for message in client.messages:
            values = points.setdefault(message.topic, [])
            value = int(message.payload)
            self.assertLessEqual(value, len(values), f"{message.topic}: a gap before {value}")
            if value == len(values):
                values.append(value)
            else:
                repeats += 1
        self.assertEqual(sorted(len(values) for values in points.values()),
                         [EVENTS // POINTS] * POINTS)
        return repeats

    def flow(self, client, count):
        """False when all events came before another `count` of messages, else when those came."""
        before = len(client.messages)

        def goes_on(messages):
            if len(messages) > before + count:
                return "yes"
            return "no" if len({(m.topic, m.payload) for m in messages}) >= EVENTS else None
        return client.wait(goes_on, PATIENCE_S, "events to flow") == "yes"

    def test_broker_stopped_and_started(self):
        broker = self.start_broker()
        client = self.subscriber()
        probe = self.start_probe(self.port)
        stops = 0
        while stops < 4 and self.flow(client, 300):
            stops += 1
            self.children.stop_one(broker)
            self.wait_log("connect_refused", stops)
            broker = self.start_broker()
        self.assertGreater(stops, 0)
        self.check(probe, client)

    def test_line_cut_again_and_again(self):
        self.start_broker()
        client = self.subscriber()
        proxy = Proxy(self, free_port(), self.port)
        proxy.up()
        probe = self.start_probe(proxy.port)
        cuts = 0
        while cuts < 12 and self.flow(client, 100):
            cuts += 1
            proxy.cut()
        self.assertGreater(cuts, 0)
        self.check(probe, client)

    def test_killed_broker_gets_what_it_had_not_acknowledged(self):
        # What mosquitto acknowledged and had not stored is lost by its kill: this counts only what
        # the probe had to send again.
        broker = self.start_broker()
        client = self.subscriber()
        probe = self.start_probe(self.port)
        client.wait(lambda m: len(m) > 1000, PATIENCE_S, "events to flow")
        broker.kill()
        self.children.stop_one(broker)
        self.wait_log("connect_refused")
        before = {(m.topic, m.payload) for m in client.messages}
        self.start_broker()
        client.wait_subscribed()
        out, _ = probe.communicate(timeout=PATIENCE_S)
        self.assertEqual(out, f"safe {EVENTS}\n".encode())
        self.assertGreater(len(before), 1000)

    def test_broker_that_refuses(self):
        passwords = os.path.join(self.folder, "passwords")
        subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, "north", "right"], check=True)
        os.chmod(passwords, 0o644)
        config = ("allow_anonymous false", f"password_file {passwords}")
        self.start_broker(*config)
        refused = self.start_probe(self.port, "north", "wrong", events=7)
        self.wait_log("connection refused by the broker: not authorized")
        time.sleep(1)
        self.assertEqual(self.probe_log().count("refused by the broker"), 1, "once is enough")
        refused.kill()
        taken = self.start_probe(self.port, "north", "right", events=7)
        self.assertEqual(taken.communicate(timeout=PATIENCE_S)[0], b"safe 7\n")
        self.assertNotIn("right", self.probe_log())

    def wait_log(self, text, times=1):
        deadline = time.monotonic() + 10
        while self.probe_log().count(text) < times:
            self.assertLess(time.monotonic(), deadline, f"{text!r} not in:\n{self.probe_log()}")
            time.sleep(0.05)

    def test_nobody_listens(self):
        probe = self.start_probe(self.port, events=7)
        self.wait_log("connect_refused")
        self.start_broker()
        self.assertEqual(probe.communicate(timeout=PATIENCE_S)[0], b"safe 7\n")

    def test_somebody_listens_and_says_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            self.start_probe(silent.getsockname()[1], events=7)
            self.wait_log("no answer to CONNECT in time")

    def test_somebody_else_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            self.start_probe(other.getsockname()[1], events=7)
            peer, _ = other.accept()
            with peer:
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            self.wait_log("no connection")


if __name__ == "__main__":
    unittest.main()
