# SPDX-License-Identifier: Apache-2.0
"""Controls through MQTT against the simulator: what is accepted, what is refused and why, and that
every command gets a result."""

import json
import time
import unittest

from field_site import Site
from processes import free_port

MAPPING = {
    "device": "switch",
    "points": [
        {"type": "double_bit_input", "index": 0, "name": "breaker",
         "states": {"off": "open", "on": "closed"}},
        {"type": "analog_output_status", "index": 0, "name": "setpoint", "unit": "V"}],
    "controls": [
        {"name": "breaker", "type": "binary_output", "index": 0, "max_per_minute": 100,
         "states": {"open": {"operation": "pulse_on", "trip_close": "trip"},
                    "close": {"operation": "pulse_on", "trip_close": "close"}},
         "feedback": {"point": "breaker", "within_s": 3,
                      "expect": {"open": "open", "close": "closed"}}},
        {"name": "setpoint", "type": "analog_output", "index": 0, "encoding": "float32",
         "min": -10, "max": 10, "max_per_minute": 100},
        {"name": "strict", "type": "binary_output", "index": 1, "require": ["id", "expires"],
         "states": {"on": {"operation": "latch_on"}}},
        {"name": "guarded", "type": "binary_output", "index": 3, "arm_s": 5,
         "states": {"on": {"operation": "latch_on"}}},
        {"name": "rare", "type": "binary_output", "index": 2, "max_per_minute": 2,
         "states": {"on": {"operation": "latch_on"}, "off": {"operation": "latch_off"}}}]}


def now_ms():
    return int(time.time() * 1000)


class Control(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = Site(cls.addClassCleanup, outstations=2, mapping=MAPPING)
        cls.site.config["outstations"][1]["controls"] = False
        cls.site.write_config()
        cls.site.start_broker()
        cls.client = cls.site.client()
        cls.site.start_sim("--events-per-second", "0")
        cls.site.start_gateway()
        for name in cls.site.names:
            cls.site.wait_state(cls.client, name, "online", "ok")

    def send(self, control, payload, outstation="device-0", retain=False):
        """Publishes, and gives the result that follows."""
        stem = f"dnp3/test/{outstation}"
        return self.client.ask(f"{stem}/set/{control}", payload, f"{stem}/result/{control}", retain)

    def refused(self, reason, control, payload, **options):
        result = self.send(control, payload, **options)
        self.assertEqual((result["outcome"], result["reason"], result["may_have_operated"]),
                         ("refused", reason, False), result)

    def test_bare_word_moves_the_breaker(self):
        for word, state in (("open", "open"), ("close", "closed")):
            result = self.send("breaker", word)
            self.assertEqual((result["outcome"], result["reason"], result["status"],
                              result["feedback"], result["may_have_operated"], result["value"]),
                             ("done", "ok", "SUCCESS", "reached", True, word), result)
            last = [json.loads(m.payload) for m in self.client.messages
                    if m.topic == "dnp3/test/device-0/point/breaker"][-1]
            self.assertEqual(last["state"], state)

    def test_analog_number(self):
        result = self.send("setpoint", "-2.5")
        self.assertEqual(result["outcome"], "done", result)
        self.client.wait(lambda messages: [
            m for m in messages if m.topic == "dnp3/test/device-0/point/setpoint" and
            json.loads(m.payload)["value"] == -2.5], 10, "the set point's status")

    def test_refusals(self):
        self.refused("unknown_value", "breaker", "shut")
        self.refused("unknown_value", "breaker", {"value": 1, "id": "r1"})
        self.refused("out_of_range", "setpoint", "10.5")
        self.refused("unknown_control", "braeker", "open")
        self.refused("malformed", "breaker", "{\"value\": \"open\"")
        self.refused("malformed", "breaker", {"value": "open", "expires": int(time.time())})
        self.refused("no_id", "strict", "on")
        self.refused("no_expiry", "strict", {"value": "on", "id": "r2"})
        self.refused("expired", "breaker", {"value": "open", "id": "r3", "expires": now_ms() - 1})
        self.refused("expired", "breaker", {"value": "open", "id": "r4", "time": now_ms() - 60000})
        self.refused("inhibited", "breaker", "open", outstation="device-1")

    def test_required_id_and_expiry(self):
        result = self.send("strict", {"value": "on", "id": "s1", "expires": now_ms() + 5000})
        self.assertEqual((result["id"], result["outcome"]), ("s1", "done"), result)

    def test_armed_first(self):
        self.refused("not_armed", "guarded", {"value": "on", "id": "g1"})
        self.client.publish("dnp3/test/device-0/arm/guarded", json.dumps({"id": "g1"}))
        armed = json.loads(self.client.wait(
            lambda messages: [m for m in messages
                              if m.topic == "dnp3/test/device-0/result/arm/guarded"], 10,
            "the result of arming")[0].payload)
        self.assertEqual((armed["id"], armed["outcome"], armed["may_have_operated"]),
                         ("g1", "done", False), armed)
        self.refused("not_armed", "guarded", {"value": "on", "id": "g2"})
        result = self.send("guarded", {"value": "on", "id": "g1"})
        self.assertEqual((result["id"], result["outcome"]), ("g1", "done"), result)

    def test_retained_is_refused(self):
        """A retained command reaches the gateway when it subscribes: it must not operate then."""
        topic = "dnp3/test/device-0/set/breaker"
        self.refused("retained", "breaker", "open", retain=True)
        before = len(self.client.messages)
        self.site.kill("gateway")
        self.site.start_gateway()
        found = self.client.wait(
            lambda messages: [m for m in messages[before:]
                              if m.topic == "dnp3/test/device-0/result/breaker"], 15, "a result")
        result = json.loads(found[0].payload)
        self.assertEqual((result["outcome"], result["reason"]), ("refused", "retained"), result)
        self.refused("retained", "breaker", "", retain=True)  # clears it
        for name in self.site.names:
            self.site.wait_state(self.client, name, "online", "ok", since=before)
            self.site.wait_settled(self.client, name)

    def test_same_id_operates_once(self):
        first = self.send("breaker", {"value": "open", "id": "once"})
        self.assertEqual((first["outcome"], first["repeated"]), ("done", False), first)
        again = self.send("breaker", {"value": "open", "id": "once"})
        self.assertEqual((again["outcome"], again["repeated"]), ("done", True), again)
        self.refused("id_reused", "breaker", {"value": "close", "id": "once"})
        self.assertEqual(self.site.log("sim").count("device-0") > 0, True)

    def test_repeat_without_id(self):
        self.assertEqual(self.send("setpoint", "3")["outcome"], "done")
        self.refused("repeat", "setpoint", "3")

    def test_rate(self):
        self.assertEqual(self.send("rare", "on")["outcome"], "done")
        self.assertEqual(self.send("rare", "off")["outcome"], "done")
        self.refused("rate", "rare", "on")

    def test_offline_is_refused(self):
        site = Site(self, outstations=1, mapping=MAPPING)
        site.start_broker()
        client = site.client()
        site.start_gateway()
        site.wait_state(client, "device-0", "offline", "connect_refused")
        client.publish("dnp3/test/device-0/set/breaker", "open")
        result = json.loads(client.wait(
            lambda m: [x for x in m if x.topic == "dnp3/test/device-0/result/breaker"], 10,
            "a result")[0].payload)
        self.assertEqual((result["outcome"], result["reason"]), ("refused", "offline"), result)

    def test_every_command_is_in_the_log(self):
        self.send("setpoint", {"value": 1, "id": "audit-1", "by": "dispatcher-2"})
        line = [x for x in self.site.log("gateway").splitlines() if "audit-1" in x]
        self.assertEqual(len(line), 1, line)
        self.assertIn("dispatcher-2", line[0])
        self.assertIn("done", line[0])


class OlderBroker(unittest.TestCase):
    """MQTT 3.1.1, and a broker that is not the first of the list."""

    def test_control_and_points(self):
        site = Site(self, outstations=1, mapping=MAPPING, mqtt={"version": "3.1.1"})
        nobody = f"mqtt://127.0.0.1:{free_port()}"
        site.config["mqtt"]["url"] = [nobody, site.config["mqtt"]["url"]]
        site.write_config()
        site.start_broker()
        client = site.client()
        site.start_sim("--events-per-second", "5")
        site.start_gateway()
        site.wait_state(client, "device-0", "online", "ok")
        client.publish("dnp3/test/device-0/set/breaker", json.dumps({"value": "open", "id": "1"}))
        found = client.wait(lambda messages: [
            m for m in messages if m.topic == "dnp3/test/device-0/result/breaker"], 15, "a result")
        result = json.loads(found[0].payload)
        self.assertEqual((result["outcome"], result["feedback"]), ("done", "reached"), result)
        client.wait(lambda messages: [m for m in messages if m.topic.endswith("/point/breaker") and
                                      json.loads(m.payload)["source"] == "event"], 15, "an event")


if __name__ == "__main__":
    unittest.main()
