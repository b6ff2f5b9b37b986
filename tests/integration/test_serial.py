# SPDX-License-Identifier: Apache-2.0
"""Gateway and simulator on the two ends of a serial line, which is a pair of pseudo-terminals: two
outstations on it, events and controls, and no event lost whichever side goes away."""

import json
import os
import shutil
import subprocess
import time
import unittest

from dnp3_peer import frame
from field_site import BIN, Site
from test_delivery import events_of, first_arrivals

EVENTS_PER_SECOND = 60
STEP_S = 1.5
PATIENCE_S = 30

MAPPING = {
    "device": "panel",
    "points": [
        {"name": "count-{index}", "type": "counter", "index": "0..3"},
        {"name": "level-{index}", "type": "analog_input", "index": "0..3"},
        {"name": "relay", "type": "binary_output_status", "index": 0}],
    "controls": [
        {"name": "relay", "type": "binary_output", "index": 0, "mode": "select_before_operate",
         "states": {"on": {"operation": "latch_on"}, "off": {"operation": "latch_off"}}}]}


@unittest.skipUnless(shutil.which("socat"), "socat makes the pseudo-terminals")
class Serial(unittest.TestCase):
    def setUp(self):
        # An outstation that waits for a confirm from before the port was open answers no READ until
        # it gives up: sooner than we do.
        self.site = Site(self, mapping=MAPPING, profile={"keep_alive_s": 2, "confirm_timeout_s": 1})
        self.near, self.far = self.site.path("near"), self.site.path("far")
        self.configure(self.far, "sim.json")
        self.configure(self.near, "gateway.json")
        self.plug_in()
        self.site.start_broker()
        self.client = self.site.client()

    def configure(self, device, name, **keys):
        channel = {"name": "lane", "type": "serial", "device": device, "baud": 115200,
                   "reconnect_s": [0.1, 0.5], **keys}
        outstations = [{**outstation, "channel": "lane"}
                       for outstation in self.site.config["outstations"]]
        self.site.write(name, {**self.site.config, "channels": [channel],
                               "outstations": outstations})

    def plug_in(self):
        self.cable = self.site.children.start_cable(self.near, self.far)

    def unplug(self):
        self.site.children.stop_one(self.cable)

    def start_sim(self, total):
        return self.site.start_sim("--numbered", "--events-per-second", str(EVENTS_PER_SECOND),
                                   "--events-total", str(total), config="sim.json")

    def both_online(self):
        for name in self.site.names:
            self.site.wait_state(self.client, name, "online")

    def finish(self, total):
        """Every event is there, in order per point."""
        def all_there(messages):
            return sum(len(set(v)) for v in events_of(messages).values()) >= total
        try:
            self.client.wait(all_there, PATIENCE_S, f"{total} events")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.site.children.tail('gateway', 15)}") from None
        for topic, values in events_of(self.client.messages).items():
            arrived = first_arrivals(values)
            self.assertEqual(arrived, list(range(1, len(arrived) + 1)), topic)

    def operate(self, outstation, value):
        begin = len(self.client.messages)
        self.client.publish(f"dnp3/test/{outstation}/set/relay", value)

        def result(messages):
            for message in messages[begin:]:
                if message.topic == f"dnp3/test/{outstation}/result/relay":
                    return json.loads(message.payload)
            return None
        return self.client.wait(result, PATIENCE_S, "a result")

    def test_events_and_controls_of_two_outstations(self):
        self.start_sim(600)
        self.site.start_gateway()
        self.both_online()
        for outstation in self.site.names:
            result = self.operate(outstation, "on")
            self.assertEqual(result["outcome"], "done", result)
        self.finish(600)
        status = self.site.wait_state(self.client, self.site.names[0], "online")
        self.assertEqual(status["connect"], f"serial://{self.near}")
        self.assertEqual(self.site.stop("gateway"), 0)
        self.assertEqual(self.site.stop("sim"), 0)

    def test_confirmed_frames(self):
        """Each frame of either outstation awaits its acknowledgement within its turn."""
        self.site.config["profiles"]["default"]["link_confirm"] = True
        self.configure(self.near, "gateway.json")
        self.start_sim(200)
        self.site.start_gateway()
        self.both_online()
        for outstation in self.site.names:
            self.assertEqual(self.operate(outstation, "on")["outcome"], "done")
        self.finish(200)

    def test_turnaround(self):
        self.configure(self.near, "gateway.json", turnaround_s=0.02, baud=38400)
        self.start_sim(120)
        self.site.start_gateway()
        self.both_online()
        self.assertEqual(self.operate(self.site.names[1], "on")["outcome"], "done")
        self.finish(120)

    def test_the_gateway_is_killed(self):
        self.start_sim(400)
        for _ in range(3):
            self.site.start_gateway()
            time.sleep(STEP_S)
            self.site.kill("gateway")
        self.site.start_gateway()
        self.finish(400)

    def test_the_cable_is_pulled(self):
        self.start_sim(400)
        self.site.start_gateway()
        self.both_online()
        for _ in range(2):
            self.unplug()
            status = self.site.wait_state(self.client, self.site.names[0], "offline",
                                          "serial_failed")
            self.assertIn(self.near, status["detail"])
            self.plug_in()
            self.both_online()
        self.finish(400)

    def test_the_simulator_is_killed(self):
        """Its events die with it; what it makes afterwards comes, and the gateway says what is."""
        self.start_sim(50)
        self.site.start_gateway()
        self.finish(50)
        self.site.kill("sim")
        self.site.wait_state(self.client, self.site.names[1], "offline", "timeout")
        self.client.messages.clear()
        self.start_sim(50)
        self.both_online()
        self.finish(50)

    def test_garbage_on_the_line(self):
        self.site.start_gateway()
        with open(self.far, "wb", buffering=0) as line:
            for _ in range(20):
                line.write(os.urandom(200) + frame(0x44, 1, 77, b"\xC0\xC0\x81\x00\x00"))
                time.sleep(0.05)
        self.start_sim(100)
        self.both_online()
        self.finish(100)

    def test_no_device(self):
        self.unplug()
        self.site.start_gateway()
        status = self.site.wait_state(self.client, self.site.names[0], "offline", "serial_failed")
        self.assertIn(f"{self.near} cannot be opened: No such file", status["detail"])
        self.start_sim(20)
        self.plug_in()
        self.both_online()
        self.finish(20)

    def test_check_says_where_it_is(self):
        done = subprocess.run([os.path.join(BIN, "dnp3-mqtt"), "check", "-c",
                               self.site.path("gateway.json")],
                              capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"serial {self.near}, 115200 8N1 (channel lane)", done.stdout)


if __name__ == "__main__":
    unittest.main()
