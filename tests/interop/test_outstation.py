# SPDX-License-Identifier: Apache-2.0
"""The gateway masters an outstation of a stack that nobody here wrote: polls, unsolicited events,
a restart, controls through MQTT."""

import json
import os
import subprocess
import sys
import threading
import time
import unittest

from field_site import Site
from link_proxy import LinkProxy

HERE = os.path.dirname(os.path.abspath(__file__))

MAPPING = {
    "device": "peer", "unmapped": True,
    "points": [{"type": "counter", "index": "0..3", "name": "count-{index}"}],
    "controls": [
        {"name": "breaker", "type": "binary_output", "index": 0,
         "states": {"open": {"operation": "pulse_on", "trip_close": "trip"},
                    "close": {"operation": "pulse_on", "trip_close": "close"}}},
        {"name": "lamp", "type": "binary_output", "index": 1, "mode": "direct_operate",
         "max_per_minute": 1000,
         "states": {"on": {"operation": "latch_on"}, "off": {"operation": "latch_off"}}},
        {"name": "locked", "type": "binary_output", "index": 3,
         "states": {"on": {"operation": "latch_on"}}},
        {"name": "setpoint-int16", "type": "analog_output", "index": 0, "encoding": "int16",
         "min": -1000, "max": 1000},
        {"name": "setpoint-int32", "type": "analog_output", "index": 1, "encoding": "int32",
         "min": -1000000, "max": 1000000},
        {"name": "setpoint-float32", "type": "analog_output", "index": 2, "encoding": "float32",
         "min": -1000, "max": 1000},
        {"name": "setpoint-float64", "type": "analog_output", "index": 1, "encoding": "float64",
         "mode": "direct_operate", "min": -1000, "max": 1000}]}


class Peer:
    """The third-party outstation's process."""

    def __init__(self, test, port, *options):
        self.test, self.argv = test, [sys.executable, os.path.join(HERE, "peer_outstation.py"),
                                      "--port", str(port), *options]
        self.told, self.changed = [], threading.Condition()
        self.unsolicited = "--no-unsolicited" not in options
        self.process, self.listener, self.asked = None, None, 0
        test.addCleanup(self.stop)
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.listener = threading.Thread(target=self._listen, args=(self.process.stdout,),
                                         daemon=True)
        self.listener.start()
        self.wait(lambda told: told if told.get("ready") else None)

    def _listen(self, stream):
        for line in stream:
            with self.changed:
                self.told.append(json.loads(line))
                self.changed.notify_all()

    def wait(self, condition, seconds=15):
        deadline = time.monotonic() + seconds
        with self.changed:
            while True:
                for told in self.told:
                    if condition(told):
                        return told
                self.test.assertLess(time.monotonic(), deadline, f"not told: {self.told}")
                self.changed.wait(0.5)

    def order(self, **what):
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()

    def update(self, *points, **more):
        self.order(update=points, **more)

    def controls(self):
        """All that came until now: what it has said of them is waited for."""
        self.asked += 1
        self.order(answer=self.asked)
        self.wait(lambda told: told.get("answer") == self.asked)
        with self.changed:
            return [told["control"] for told in self.told if "control" in told]

    def confirmed(self):
        """How many of its responses the master has confirmed."""
        with self.changed:
            return sum("confirmed" in told for told in self.told)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.listener.join()
        self.process.stdin.close()
        self.process.stdout.close()


class Outstation(unittest.TestCase):
    def set_up(self, *peer_options, **site_options):
        site = Site(self, outstations=1, mapping=MAPPING, **site_options)
        peer = Peer(self, site.ports[0], *peer_options)
        site.start_broker()
        client = site.client()
        site.start_gateway()
        self.wait_settled(site, peer, client)
        return site, peer, client

    def wait_settled(self, site, peer, client):
        """Until everything has been read behind the confirmation of the outstation's first
        unsolicited response. This stack keeps one fragment that comes while it sends, and forgets
        that for the next one: a request that crosses an unsolicited response is lost when the CONFIRM
        comes close behind it. So is an OPERATE, and not only in datagrams."""
        if peer.unsolicited:
            peer.wait(lambda told: told.get("confirmed") == "unsolicited")
        site.wait_settled(client, "device-0")

    def point(self, client, name, wanted, seconds=15):
        """The first message of a point for which `wanted(payload)` is true."""
        topic = f"dnp3/test/device-0/point/{name}"

        def found(messages):
            for message in messages:
                if message.topic == topic and message.payload:
                    payload = json.loads(message.payload)
                    if wanted(payload):
                        return payload
            return None
        return client.wait(found, seconds, f"{name}")

    def result(self, client, control, identity):
        topic = f"dnp3/test/device-0/result/{control}"

        def found(messages):
            for message in messages:
                if message.topic == topic:
                    payload = json.loads(message.payload)
                    if payload["id"] == identity:
                        return payload
            return None
        return client.wait(found, 15, f"result of {control}")

    def operate(self, client, control, value, identity):
        client.publish(f"dnp3/test/device-0/set/{control}",
                       json.dumps({"value": value, "id": identity}))
        return self.result(client, control, identity)

    def test_udp(self):
        """Startup, unsolicited events and a control in datagrams, both ports fixed."""
        site = Site(self, outstations=2, mapping=MAPPING)
        near, far = site.ports
        del site.config["outstations"][1]
        site.config["channels"] = [{"name": "line-0", "type": "udp", "reconnect_s": [0.1, 0.5],
                                    "endpoints": [f"127.0.0.1:{far}"],
                                    "listen": f"127.0.0.1:{near}"}]
        site.write_config()
        peer = Peer(self, far, "--udp-peer", str(near))
        site.start_broker()
        client = site.client()
        site.start_gateway()
        self.wait_settled(site, peer, client)
        result = self.operate(client, "breaker", "close", "udp-1")
        self.assertEqual((result["outcome"], result["status"]), ("done", "SUCCESS"), result)
        self.assertEqual([c["stage"] for c in peer.controls()], ["select", "SelectBeforeOperate"])
        for value in range(1, 101):
            peer.update(["counter", 2, value])
        self.point(client, "count-2", lambda p: p["source"] == "event" and p["value"] == 100)

    def test_integrity_reads_every_point_type(self):
        _, _, client = self.set_up()
        for name in ("binary_input/0", "double_bit_input/3", "binary_output_status/1", "count-2",
                     "frozen_counter/0", "analog_input/3", "analog_output_status/2",
                     "octet_string/1", "time/0"):
            payload = self.point(client, name, lambda p: p["source"] == "static")
            self.assertIn("quality", payload)

    def test_unsolicited_events_in_order(self):
        _, peer, client = self.set_up()
        for value in range(1, 301):
            peer.update(["counter", 0, value], ["analog_input", 1, value])
        for name in ("count-0", "analog_input/1"):
            self.point(client, name, lambda p: p["value"] == 300 and p["source"] == "event")
        for topic in ("dnp3/test/device-0/point/count-0", "dnp3/test/device-0/point/analog_input/1"):
            values = [json.loads(m.payload) for m in client.messages if m.topic == topic]
            events = [int(p["value"]) for p in values if p["source"] == "event"]
            self.assertEqual(events, list(range(1, 301)), topic)
            ids = [p["id"] for p in values if p["source"] == "event"]
            self.assertEqual(len(set(ids)), 300)

    def test_events_by_poll_where_unsolicited_is_off(self):
        _, peer, client = self.set_up(
            "--no-unsolicited", profile={"unsolicited": None, "polls": [
                {"classes": [1, 2, 3], "every_s": 0.2}]})
        for value in range(1, 101):
            peer.update(["counter", 1, value])
        self.point(client, "count-1", lambda p: p["value"] == 100 and p["source"] == "event")

    def test_restart(self):
        """The peer is killed and started: offline with a reason, then everything is read anew."""
        site, peer, client = self.set_up()
        peer.update(["counter", 0, 7])
        self.point(client, "count-0", lambda p: p["value"] == 7)
        peer.stop()
        site.wait_state(client, "device-0", "offline")
        self.point(client, "count-0", lambda p: p["flags"] == ["COMM_LOST"] and
                   p["source"] == "gateway" and p["value"] == 7)
        peer.told.clear()
        peer.start()
        site.wait_state(client, "device-0", "online", "ok")
        peer.update(["counter", 0, 8])
        self.point(client, "count-0", lambda p: p["value"] == 8 and p["source"] == "event")

    def test_restart_indication_is_cleared(self):
        """IIN1.7 is noticed and cleared at once; the status topic ends without it."""
        site, peer, client = self.set_up()
        before = site.log("gateway").count("IIN1.7 appeared")
        peer.order(restart=True)
        peer.update(["counter", 0, 1])
        self.point(client, "count-0", lambda p: p["source"] == "event")
        peer.update(["counter", 0, 2])
        self.point(client, "count-0", lambda p: p["source"] == "event" and p["value"] == 2)
        self.assertEqual(site.log("gateway").count("IIN1.7 appeared"), before + 1)
        client.wait(lambda messages: json.loads(
            [m for m in messages if m.topic == "dnp3/test/device-0/status"][-1].payload)
            ["iin"] == [], 5, "a status without DEVICE_RESTART")

    def test_select_before_operate(self):
        _, peer, client = self.set_up()
        result = self.operate(client, "breaker", "close", "c1")
        self.assertEqual((result["outcome"], result["status"], result["stage"]),
                         ("done", "SUCCESS", "operate"), result)
        self.assertEqual([(c["stage"], c["index"], c["code"]) for c in peer.controls()],
                         [("select", 0, 0x41), ("SelectBeforeOperate", 0, 0x41)])
        again = self.operate(client, "breaker", "close", "c1")
        self.assertFalse(again["repeated"])  # the first one, as kept by the client
        client.wait(lambda messages: [m for m in messages if m.topic.endswith("result/breaker") and
                                      json.loads(m.payload)["repeated"]], 10, "the repeated result")
        self.assertEqual(len(peer.controls()), 2, "an id operates once")

    def test_direct_operate_and_refusal(self):
        _, peer, client = self.set_up()
        self.assertEqual(self.operate(client, "lamp", "on", "d1")["outcome"], "done")
        self.assertEqual(self.operate(client, "lamp", "off", "d2")["outcome"], "done")
        self.assertEqual([c["code"] for c in peer.controls()], [0x03, 0x04])
        result = self.operate(client, "locked", "on", "d3")
        self.assertEqual((result["outcome"], result["reason"], result["status"], result["stage"],
                          result["may_have_operated"]),
                         ("failed", "outstation_refused", "LOCAL", "select", False), result)

    def set_up_confirmed(self, lose):
        """With confirmed link frames, through a proxy that counts and loses them."""
        site = Site(self, outstations=1, mapping=MAPPING,
                    profile={"link_confirm": True, "response_timeout_s": 0.5})
        peer = Peer(self, site.ports[0])
        proxy = LinkProxy(self, site.ports[0], lose)
        site.config["channels"][0]["endpoints"] = [f"127.0.0.1:{proxy.port}"]
        site.write_config()
        site.start_broker()
        client = site.client()
        site.start_gateway()
        self.wait_settled(site, peer, client)
        return peer, proxy, client

    def test_confirmed_link_frames(self):
        peer, proxy, client = self.set_up_confirmed(lambda *_: False)
        before = peer.confirmed()
        peer.update(["counter", 0, 77])
        self.point(client, "count-0", lambda p: p["value"] == 77)
        peer.wait(lambda _: peer.confirmed() > before)
        self.assertEqual(self.operate(client, "breaker", "close", "k1")["outcome"], "done")
        self.assertEqual([c["stage"] for c in peer.controls()], ["select", "SelectBeforeOperate"])
        self.assertEqual(proxy.seen[True, 0x44], 0, "unconfirmed data left")
        self.assertGreater(proxy.seen[True, 0x43], 5)
        self.assertEqual(proxy.first[0][:2], [0xC0, 0xF3])

    def test_confirmed_link_frames_get_lost(self):
        """Whatever gets lost, frame or acknowledgement: no control operates twice."""
        def lose(from_master, control, number):
            return number > 12 and number % 4 == 0 and control & 0x4F in (0x43, 0x00)
        peer, proxy, client = self.set_up_confirmed(lose)
        results, done, deadline = [], [], time.monotonic() + 60
        while proxy.lost < 3 or len(done) < 3:
            self.assertLess(time.monotonic(), deadline, f"{proxy.lost} lost of {proxy.seen}")
            results.append(self.operate(client, "lamp", "on" if len(results) % 2 else "off",
                                        f"n{len(results)}"))
            done = [r for r in results if r["outcome"] == "done"]
            if results[-1]["outcome"] == "refused":
                time.sleep(0.1)  # it was just found to be away
        operated = [c for c in peer.controls() if c["stage"] != "select"]
        sent = [r for r in results if r["outcome"] != "refused"]
        self.assertLessEqual(len(done), len(operated))
        self.assertLessEqual(len(operated), len(sent), "a control operated twice")

    def test_analog_outputs(self):
        _, peer, client = self.set_up()
        for control, value in (("setpoint-int16", -321), ("setpoint-int32", 654321),
                               ("setpoint-float32", 12.5), ("setpoint-float64", -0.125)):
            self.assertEqual(self.operate(client, control, value, control)["outcome"], "done")
            self.assertEqual(peer.controls()[-1]["value"], value)

    def test_time_is_not_written_unasked(self):
        """The peer does not set NEED_TIME, so its clock is left alone."""
        _, peer, client = self.set_up()
        peer.update(["counter", 0, 1])
        self.point(client, "count-0", lambda p: p["source"] == "event")
        self.assertFalse([told for told in peer.told if "time" in told])


if __name__ == "__main__":
    unittest.main()
