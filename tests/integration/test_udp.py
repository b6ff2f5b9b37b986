# SPDX-License-Identifier: Apache-2.0
"""Gateway and simulator over UDP: datagrams that are lost, come twice or overtake one another cost
neither an event nor an operation; outstations that are known by what they send."""

import json
import random
import time
import unittest

import dnp3_peer
from field_site import Site
from processes import free_port
from proxy import UdpProxy

EVENTS = 300
QUICK = {"response_timeout_s": 0.5, "keep_alive_s": 5, "confirm_timeout_s": 0.6,
         "polls": [{"classes": [1, 2, 3], "every_s": 0.3}]}
SWITCH = {
    "device": "switch",
    "points": [{"type": "double_bit_input", "index": 0, "name": "breaker",
                "states": {"off": "open", "on": "closed"}},
               {"type": "analog_output_status", "index": 0, "name": "setpoint"}],
    "controls": [
        {"name": "breaker", "type": "binary_output", "index": 0, "max_per_minute": 100,
         "poll_after": False,
         "states": {"open": {"operation": "pulse_on", "trip_close": "trip"},
                    "close": {"operation": "pulse_on", "trip_close": "close"}}},
        {"name": "setpoint", "type": "analog_output", "index": 0, "encoding": "int16",
         "mode": "direct_operate", "min": -10, "max": 10, "max_per_minute": 100}]}


def application(octets):
    """Control and function octet of a datagram of one frame with one segment, else nothing."""
    return octets[11:13] if len(octets) > 13 else b"\x00\x00"


class Udp(unittest.TestCase):
    def site(self, mapping=None, profile=None, up=None, down=None):
        """One outstation, reached through a proxy where there are fates."""
        site = Site(self, outstations=1, mapping=mapping, profile={**QUICK, **(profile or {})})
        outstation = site.config["outstations"][0]
        del outstation["channel"], site.config["channels"]
        outstation["connect"] = f"udp://127.0.0.1:{site.ports[0]}"
        site.write("sim.json", site.config)
        if up or down:
            port = free_port()
            self.proxy = UdpProxy(self, port, site.ports[0], up, down)
            outstation["connect"] = f"udp://127.0.0.1:{port}"
        site.write_config()
        site.start_broker()
        return site

    def command(self, client, control, value, outstation="device-0"):
        before = len(client.messages)
        client.publish(f"dnp3/test/{outstation}/set/{control}",
                       json.dumps({"value": value, "id": str(random.random())}))
        topic = f"dnp3/test/{outstation}/result/{control}"
        found = client.wait(lambda m: [x for x in m[before:] if x.topic == topic], 15, topic)
        return json.loads(found[0].payload)

    def operations(self, site):
        return site.log("sim").count("control ")

    def test_no_event_is_lost_on_a_bad_network(self):
        fate = random.Random(7)

        def bad(_number, octets):
            chance = fate.random()
            if chance < 0.1:
                return []
            if chance < 0.2:
                return [octets, octets]
            return UdpProxy.HOLD if chance < 0.3 else [octets]
        site = self.site(up=bad, down=bad)
        client = site.client()
        site.start_sim("--numbered", "--events-per-second", "50", "--events-total", str(EVENTS),
                       config="sim.json")
        site.start_gateway()

        def all_seen(messages):
            seen = {(m.topic, json.loads(m.payload)["value"]) for m in messages
                    if "/point/" in m.topic and b'"event"' in m.payload}
            return seen if len(seen) >= EVENTS else None
        seen = client.wait(all_seen, 90, "every event")
        self.assertEqual(len(seen), EVENTS)
        for topic in {t for t, _ in seen}:
            values = sorted(v for t, v in seen if t == topic)
            self.assertEqual(values, list(range(1, len(values) + 1)), topic)
        self.assertGreater(self.proxy.counts["down"], 20)

    def test_a_control_that_comes_twice_operates_once(self):
        site = self.site(mapping=SWITCH, up=lambda _n, octets: [octets, octets],
                         down=lambda _n, octets: [octets, octets])
        client = site.client()
        site.start_sim("--events-per-second", "0", config="sim.json")
        site.start_gateway()
        site.wait_state(client, "device-0", "online", "ok")
        for control, value in (("breaker", "open"), ("setpoint", 5)):
            before = self.operations(site)
            result = self.command(client, control, value)
            self.assertEqual((result["outcome"], result["status"]), ("done", "SUCCESS"), result)
            time.sleep(0.3)
            self.assertEqual(self.operations(site), before + 1, site.log("sim"))

    def test_a_lost_answer_is_unknown_and_nothing_is_sent_again(self):
        sent = []

        def up(_number, octets):
            if application(octets)[1:] in (b"\x04", b"\x05"):
                sent.append(octets)
            return [octets]

        def down(_number, octets):  # the answers to what was sent
            answered = {application(s)[0] & 0x0F for s in sent}
            lost = application(octets)[1:] == b"\x81" and application(octets)[0] & 0x0F in answered
            return [] if lost else [octets]
        site = self.site(mapping=SWITCH, up=up, down=down)
        client = site.client()
        site.start_sim("--events-per-second", "0", config="sim.json")
        site.start_gateway()
        site.wait_state(client, "device-0", "online", "ok")
        before = self.operations(site)
        result = self.command(client, "breaker", "open")
        self.assertEqual((result["outcome"], result["reason"], result["may_have_operated"]),
                         ("unknown", "no_answer", True), result)
        time.sleep(2)
        self.assertEqual((len(sent), self.operations(site)), (1, before + 1))

    def test_nobody_there(self):
        site = self.site()
        client = site.client()
        site.start_gateway()
        status = site.wait_state(client, "device-0", "offline", "connect_refused")
        self.assertEqual(status["connect"], f"udp://127.0.0.1:{site.ports[0]}")
        site.start_sim("--events-per-second", "0", config="sim.json")
        site.wait_state(client, "device-0", "online", "ok")


class Learned(unittest.TestCase):
    """Outstations that speak to one port, each from an address of its own."""

    def setUp(self):
        self.site = Site(self, outstations=2, mapping=SWITCH, profile=QUICK)
        self.port = free_port()
        self.site.config["channels"] = [
            {"name": "mobile", "type": "udp", "listen": f"127.0.0.1:{self.port}"}]
        for outstation in self.site.config["outstations"]:
            outstation["channel"] = "mobile"
        self.site.write_config()
        self.site.start_broker()
        self.client = self.site.client()
        self.site.start_gateway()

    def test_not_heard_then_heard_then_from_elsewhere(self):
        site, client = self.site, self.client
        for name in site.names:
            status = site.wait_state(client, name, "offline", "not_calling")
            self.assertIn("UDP port", status["detail"])
        site.start_sim("--events-per-second", "20")
        for name in site.names:
            site.wait_state(client, name, "online", "ok")
            self.operate(name, "open")
        site.kill("sim")
        for name in site.names:
            site.wait_state(client, name, "offline")
        site.start_sim("--events-per-second", "20")  # from other ports
        for name in site.names:
            site.wait_state(client, name, "online", "ok")
            self.operate(name, "close")

    def operate(self, name, value):
        result = Udp.command(self, self.client, "breaker", value, name)
        self.assertEqual(result["outcome"], "done", result)

    def restart_unnoticed(self, **changes):
        """Nothing is asked, so that nobody notices that the first one has gone."""
        site, client = self.site, self.client
        site.stop("gateway")
        site.config["profiles"]["default"].update({"polls": [], "keep_alive_s": 0, **changes})
        site.write_config()
        site.write("mapping-other.json", dict(SWITCH, device="pump"))
        site.write("other.json", dict(site.config, outstations=[
            dict(o, mapping="mapping-other.json") for o in site.config["outstations"]]))
        site.start_sim("--events-per-second", "1")
        site.start_gateway()
        site.wait_state(client, "device-0", "online", "ok")
        self.wait_log("the startup sequence is through", 2)
        site.kill("sim")
        del client.messages[:]
        site.start_sim("--events-per-second", "1", config="other.json")

    def wait_log(self, text, times):
        deadline = time.monotonic() + 20
        while self.site.log("gateway").count(text) < times:
            self.assertLess(time.monotonic(), deadline, self.site.log("gateway")[-3000:])
            time.sleep(0.05)

    def test_one_from_elsewhere_starts_anew(self):
        self.restart_unnoticed()
        self.wait_log("lost, timeout", 2)
        self.wait_log("the startup sequence is through", 4)

    def test_another_device_from_elsewhere(self):
        self.restart_unnoticed(identity={"model": "switch"})
        status = self.site.wait_state(self.client, "device-0", "offline", "wrong_device")
        self.assertIn('its model is "pump"', status["detail"])

    def test_one_that_answers_is_not_replaced(self):
        site, client = self.site, self.client
        site.start_sim("--events-per-second", "0")
        for name in site.names:
            site.wait_state(client, name, "online", "ok")
        impostor = dnp3_peer.datagram_socket(self)
        setpoint = bytes.fromhex("C0D0 82 0000 28 01 17 01 00 01 64000000")  # g40v1, index 0 is 100
        for _ in range(8):
            impostor.sendto(dnp3_peer.frame(0x44, 1, 10, setpoint), ("127.0.0.1", self.port))
            time.sleep(0.5)
        self.assertIn("not taken yet", site.log("gateway"))
        self.assertFalse([m for m in client.messages if m.topic.endswith("device-0/point/setpoint")
                          and json.loads(m.payload)["value"] == 100])
        impostor.setblocking(False)
        self.assertRaises(BlockingIOError, impostor.recv, 100)  # nothing is said to it
        result = Udp.command(self, client, "breaker", "open")
        self.assertEqual(result["outcome"], "done", result)


if __name__ == "__main__":
    unittest.main()
