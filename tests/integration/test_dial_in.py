# SPDX-License-Identifier: Apache-2.0
"""Outstations that dial in: who gets in, who is refused and with which words, and what becomes of a
connection that died without saying so. Callers are the simulator's outstations and raw sockets."""

import json
import os
import socket
import time
import unittest

from dnp3_peer import frame
from field_site import BIN, Site
from processes import free_port
from proxy import Proxy
from test_delivery import events_of, first_arrivals

PATIENCE_S = 20
EVENTS_PER_SECOND = 100
STEP_S = 1.5

MAPPING = {
    "device": "pump",
    "points": [
        {"name": "count-{index}", "type": "counter", "index": "0..3"},
        {"name": "relay", "type": "binary_output_status", "index": 0}],
    "controls": [
        {"name": "relay", "type": "binary_output", "index": 0,
         "states": {"on": {"operation": "latch_on"}, "off": {"operation": "latch_off"}}}]}

LINK_STATUS = 0x0B
REQUEST_LINK_STATUS = 9


class DialIn(unittest.TestCase):
    def setUp(self):
        self.port = free_port()
        self.sims = 0

    def make(self, profile=None, outstations=2, **channel):
        self.site = Site(self, outstations=outstations, mapping=MAPPING, profile=profile)
        self.listener = {"name": "mobile", "type": "tcp_listen",
                         "listen": f"127.0.0.1:{self.port}", **channel}
        self.site.config["channels"] = [self.listener]
        for outstation in self.site.config["outstations"]:
            outstation["channel"] = "mobile"
        self.site.write_config()
        self.site.start_broker()
        self.client = self.site.client()

    def put_behind(self, *numbers, caller="device-0"):
        for number in numbers:
            self.site.config["outstations"][number]["behind"] = caller
        self.site.write_config()

    def start_sim(self, port=None, *options, outstations=slice(None), **profile):
        """Outstations that dial `port`; several simulators may run."""
        self.sims += 1
        name = f"sim-{self.sims}"
        config = json.loads(json.dumps(self.site.config))
        config["channels"][0]["listen"] = f"127.0.0.1:{port or self.port}"
        config["outstations"] = config["outstations"][outstations]
        config["profiles"]["default"].update(profile)
        self.site.write(name + ".json", config)
        return self.site.children.start(
            name, [os.path.join(BIN, "dnp3-sim"), "-c", self.site.path(name + ".json"), *options])

    def calls(self, name="device-0"):
        return self.site.log("gateway").count(f"{name} message=\"dials in from")

    def result(self, name, value):
        self.client.publish(f"dnp3/test/{name}/set/relay", value)
        return self.client.wait(
            lambda messages: next((json.loads(m.payload) for m in messages
                                   if m.topic == f"dnp3/test/{name}/result/relay"), None),
            PATIENCE_S, "a result")

    def state(self, name, state, reason=None):
        return self.site.wait_state(self.client, name, state, reason, PATIENCE_S)

    def online(self):
        for name in self.site.names:
            self.state(name, "online", "ok")

    def dial(self, octets=b""):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                caller = socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)
                break
            except ConnectionRefusedError:
                self.assertLess(time.monotonic(), deadline, "the gateway does not listen")
                time.sleep(0.05)
        self.addCleanup(caller.close)
        caller.sendall(octets)
        return caller

    def assert_closed(self, caller):
        try:
            while caller.recv(4096):
                pass
        except ConnectionResetError:
            pass

    def wait_log(self, text, times=1):
        deadline = time.monotonic() + PATIENCE_S
        while self.site.log("gateway").count(text) < times:
            self.assertLess(time.monotonic(), deadline, f"not in the log: {text}")
            time.sleep(0.05)

    def test_from_not_calling_to_hung_up(self):
        self.make()
        self.site.start_gateway()
        self.state("device-0", "connecting", "not_calling")
        status = self.state("device-0", "offline", "not_calling")
        self.assertIn("has not dialled in", status["detail"])
        self.assertEqual(status["connect"], f"tcp_listen://127.0.0.1:{self.port}")
        sim = self.start_sim()
        self.online()
        self.site.children.stop_one(sim)
        status = self.state("device-1", "offline", "closed_by_peer")
        self.assertIn("has not called again", status["detail"])
        self.start_sim()
        self.online()

    def test_one_that_reports_and_hangs_up(self):
        self.make(profile={"session": "report_by_exception", "max_silence_s": 3600})
        self.site.start_gateway()
        self.state("device-0", "connecting", "not_calling")
        for _ in range(2):
            sim = self.start_sim(None, "--events-per-second", "20")
            self.online()
            self.site.children.stop_one(sim)
            self.state("device-0", "idle", "ok")
            self.state("device-1", "idle", "ok")
        self.assertFalse([m for m in self.client.messages
                          if "/point/" in m.topic and b"COMM_LOST" in m.payload])

    def test_events_and_controls_through_calls_that_break(self):
        self.make()
        proxy = Proxy(self, free_port(), self.port)
        proxy.up()
        self.site.start_gateway()
        total = int(EVENTS_PER_SECOND * STEP_S * 3)
        self.start_sim(proxy.port, "--numbered", "--events-per-second", str(EVENTS_PER_SECOND),
                       "--events-total", str(total), "--event-buffer", "2000")
        self.online()
        for cut in (proxy.cut, proxy.cut):
            time.sleep(STEP_S)
            cut()

        def all_there(messages):
            points = events_of(messages)
            return sum(len(set(values)) for values in points.values()) >= total
        self.client.wait(all_there, PATIENCE_S, f"{total} events")
        for topic, values in events_of(self.client.messages).items():
            arrived = first_arrivals(values)
            self.assertEqual(arrived, list(range(1, len(arrived) + 1)), topic)
        self.online()
        result = self.result("device-1", "on")
        self.assertEqual(result["outcome"], "done", result)

    def test_several_behind_one_call(self):
        self.make(outstations=3)
        self.put_behind(1)
        proxy = Proxy(self, free_port(), self.port)
        proxy.up()
        self.site.start_gateway()
        total = int(EVENTS_PER_SECOND * STEP_S * 2)
        self.start_sim(proxy.port, "--numbered", "--events-per-second", str(EVENTS_PER_SECOND),
                       "--events-total", str(total), "--event-buffer", "2000")
        self.online()
        self.assertEqual((self.calls(), self.calls("device-1"), self.calls("device-2")), (1, 0, 1))
        self.client.wait(lambda messages: len(events_of(messages)) >= 12, PATIENCE_S, "events")
        proxy.cut()

        def all_there(messages):
            points = events_of(messages)
            return sum(len(set(values)) for values in points.values()) >= total
        self.client.wait(all_there, PATIENCE_S, f"{total} events")
        self.online()
        for name in self.site.names:
            self.assertEqual(self.result(name, "on")["outcome"], "done", name)

    def test_one_of_those_behind_a_call_is_away(self):
        self.make(outstations=3, profile={"keep_alive_s": 1})
        self.put_behind(1, 2)
        self.site.start_gateway()
        self.start_sim(outstations=slice(0, 2))
        for name in self.site.names[:2]:
            self.state(name, "online", "ok")
        self.state("device-2", "offline", "no_answer")
        # It does not take the call from the others.
        del self.client.messages[:]
        self.client.wait(lambda messages: any("device-1/point/count" in m.topic for m in messages),
                         PATIENCE_S, "points of those that are there")
        self.assertEqual(self.calls(), 1)
        self.assertEqual(self.result("device-0", "on")["outcome"], "done")

    def second_call_of_one_of_several(self, there, timeout_s, **channel):
        self.make(outstations=3, **channel, profile={
            "keep_alive_s": 0, "response_timeout_s": timeout_s, "polls": []})
        self.put_behind(1, 2)
        proxy = Proxy(self, free_port(), self.port)
        proxy.up()
        self.site.start_gateway()
        first = self.start_sim(proxy.port, outstations=slice(0, there))
        for name in self.site.names[:there]:
            self.state(name, "online", "ok")
        second = self.dial(frame(0x44, 1, 12, b"\xC0\xF0\x82\x00\x00"))
        self.assert_closed(second)
        self.wait_log("is refused: the first one answers")
        self.assertNotIn("lost", self.site.log("gateway"))
        proxy.stall()
        self.site.children.stop_one(first)
        self.start_sim(outstations=slice(0, 3))
        self.wait_log("lost, timeout")
        self.wait_log("device-0 message=\"dials in from", 2)
        self.online()

    def test_a_second_call_of_one_of_several(self):
        # One of three does not answer on the first connection: the others are enough.
        self.second_call_of_one_of_several(there=2, timeout_s=60)

    def test_a_second_call_on_a_multi_drop_line(self):
        # A request that is under way has the line for its time before the question leaves.
        self.second_call_of_one_of_several(there=3, timeout_s=2, half_duplex=True)

    def destinations(self, octets):
        """Of whole frames with data."""
        found = []
        while len(octets) >= 10:
            data = octets[2] - 5
            if data:
                found.append(octets[4])
            octets = octets[10 + data + (data + 15) // 16 * 2:]
        return found

    def ask_two(self, **channel):
        """What was in the log when both had been asked, and neither answers."""
        self.make(outstations=2, **channel)
        self.put_behind(1)
        self.site.start_gateway()
        caller = self.dial(frame(0x40, 1, 11)) # it resets its link: that asks nothing
        octets = b""
        while set(self.destinations(octets)) != {10, 11}:
            octets += caller.recv(4096)
        return self.site.log("gateway")

    def test_both_are_asked_at_once(self):
        self.assertNotIn("no answer to", self.ask_two())

    def test_one_request_at_a_time(self):
        self.assertIn("no answer to", self.ask_two(half_duplex=True))

    def test_one_that_is_not_said_to_be_behind(self):
        self.make()
        self.site.start_gateway()
        both = frame(0x44, 1, 10, b"\xC0\xF0\x82\x00\x00") + \
            frame(0x44, 1, 11, b"\xC0\xF0\x82\x00\x00")
        self.dial(both)
        self.wait_log('it needs \\"behind\\": \\"device-0\\"')
        self.state("device-1", "offline", "not_calling")

    def test_a_dead_connection_is_replaced(self):
        # Nothing but the second call finds out that the first connection is dead.
        self.make(profile={"keep_alive_s": 0, "response_timeout_s": 60, "polls": []})
        proxy = Proxy(self, free_port(), self.port)
        proxy.up()
        self.site.start_gateway()
        first = self.start_sim(proxy.port, outstations=slice(0, 1))
        self.state("device-0", "online", "ok")
        proxy.stall()
        self.site.children.stop_one(first)
        self.start_sim(outstations=slice(0, 1))
        self.wait_log("dials in once more")
        self.wait_log("lost, timeout")
        del self.client.messages[:]
        self.client.wait(lambda messages: any("device-0/point/count" in m.topic for m in messages),
                         PATIENCE_S, "points by the second connection")

    def test_a_living_connection_is_kept(self):
        self.make()
        self.site.start_gateway()
        self.start_sim()
        self.online()
        second = self.dial(frame(0x44, 1, 10, b"\xC0\xF0\x82\x00\x00"))
        self.assert_closed(second)
        self.wait_log("is refused: the first one answers")
        self.assertNotIn("lost", self.site.log("gateway"))

    def test_silent_callers_are_asked(self):
        quiet = {"unsolicited": []}
        self.make(profile=quiet)
        self.site.start_gateway()
        self.start_sim(**quiet)
        self.online()

    def test_one_that_answers_link_status_only(self):
        self.make()
        self.site.start_gateway()
        caller = self.dial()
        heard = b""
        asked = frame(0xC0 | REQUEST_LINK_STATUS, 11, 1)
        while asked not in heard:
            octets = caller.recv(4096)
            self.assertTrue(octets)
            heard += octets
        caller.sendall(frame(LINK_STATUS, 1, 11))
        caller.settimeout(1)
        deadline = time.monotonic() + PATIENCE_S
        while not any(m.topic.endswith("device-1/status") and b"link_only" in m.payload
                      for m in list(self.client.messages)):
            self.assertLess(time.monotonic(), deadline)
            try:
                if asked in caller.recv(4096):
                    caller.sendall(frame(LINK_STATUS, 1, 11))
            except TimeoutError:
                pass
        self.assertIn("device-1 message=\"dials in from 127.0.0.1\"", self.site.log("gateway"))

    def test_wrong_addresses(self):
        self.make()
        self.site.start_gateway()
        self.assert_closed(self.dial(frame(0x44, 1, 99, b"\xC0\xF0\x82\x00\x00")))
        self.wait_log("\\\"channel\\\": \\\"mobile\\\", \\\"address\\\": 99")
        self.dial(frame(0x44, 5, 10, b"\xC0\xF0\x82\x00\x00"))
        status = self.state("device-0", "offline", "other_address")
        self.assertIn("master address 5", status["detail"])

    def test_no_dnp3(self):
        self.make(identify_s=1)
        self.site.start_gateway()
        self.assert_closed(self.dial(b"GET / HTTP/1.1\r\n" * 100))
        self.wait_log("no DNP3 in its first 1024 octets")
        self.assert_closed(self.dial())
        self.wait_log("it said nothing in 1 s")

    def test_networks(self):
        self.make(allow=["192.0.2.0/24"])
        self.site.start_gateway()
        self.start_sim()
        self.wait_log("closed a call from 127.0.0.1: it is in no network of \\\"allow\\\"")
        self.state("device-0", "offline", "not_calling")

    def test_a_port_that_is_taken(self):
        self.make()
        with socket.create_server(("127.0.0.1", self.port)):
            self.site.start_gateway()
            status = self.state("device-0", "offline", "not_calling")
            self.assertIn(f"cannot listen on 127.0.0.1:{self.port}", status["detail"])
        self.start_sim()
        self.online()


if __name__ == "__main__":
    unittest.main()
