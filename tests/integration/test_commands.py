# SPDX-License-Identifier: Apache-2.0
"""Commands of outstations through MQTT against the simulator: what each does there, what is refused
and why, and that every command gets a result."""

import json
import time
import unittest

from field_site import Site

MAPPING = {
    "device": "meter",
    "unmapped": ["analog_input_dead_band"],
    "points": [
        {"type": "binary_input", "index": "0..1", "name": "door-{index}"},
        {"type": "counter", "index": "0..1", "name": "energy-{index}", "unit": "kWh"},
        {"type": "frozen_counter", "index": "0..1", "name": "billed-{index}", "unit": "kWh"},
        {"type": "analog_input", "index": 4, "name": "current-a", "scale": 0.1, "unit": "A",
         "deadband": 2}]}


class Asking:
    """Sends commands by `self.client` and looks at what follows."""

    def send(self, command, payload="", outstation="device-0", retain=False):
        """Publishes, and gives the result that follows."""
        stem = f"dnp3/test/{outstation}"
        return self.client.ask(f"{stem}/command/{command}", payload,
                               f"{stem}/result/command/{command}", retain)

    def done(self, command, payload="", **options):
        result = self.send(command, payload, **options)
        self.assertEqual((result["outcome"], result["reason"]), ("done", "ok"), result)
        return result

    def refused(self, reason, command, payload="", **options):
        result = self.send(command, payload, **options)
        self.assertEqual((result["outcome"], result["reason"], result["may_have_operated"]),
                         ("refused", reason, False), result)
        return result

    def points_since(self, before, outstation="device-0"):
        stem = f"dnp3/test/{outstation}/point/"
        return [(m.topic[len(stem):], json.loads(m.payload))
                for m in self.client.messages[before:] if m.topic.startswith(stem)]

    def last_point(self, name, outstation="device-0"):
        return next(point for at, point in reversed(self.points_since(0, outstation))
                    if at == name)


class Commands(Asking, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = Site(cls.addClassCleanup, outstations=2, mapping=MAPPING,
                        profile={"commands": ["integrity", "events", "time_sync", "freeze",
                                              "freeze_clear", "restart_cold", "restart_warm",
                                              "deadband", "decode"],
                                 "unsolicited": [],
                                 "polls": [{"group": 34, "every_s": 0.3}], "events_on_iin": False})
        cls.site.config["outstations"][1].update(
            {"controls": False, "commands": ["integrity", "freeze"]})
        cls.site.write_config()
        cls.site.start_broker()
        cls.client = cls.site.client()
        cls.site.start_sim("--events-per-second", "20")
        cls.site.start_gateway()
        for name in cls.site.names:
            cls.site.wait_state(cls.client, name, "online", "ok")

    def test_events_come_when_asked_for(self):
        """Nothing polls here and nothing is unsolicited: what comes, the command has read."""
        self.done("events")
        before = len(self.client.messages)

        def ask(identity):
            result = self.done("events", {"id": identity})
            self.assertEqual((result["id"], result["may_have_operated"]), (identity, False))
        self.ask_until(ask, lambda: any(point["source"] == "event"
                                        for _, point in self.points_since(before)))

    def test_integrity(self):
        self.done("integrity")
        before = len(self.client.messages)
        self.ask_until(lambda identity: self.done("integrity", {"id": identity}),
                       lambda: self.points_since(before))

    def ask_until(self, ask, moved):
        """The simulator moves something now and then."""
        asked, deadline = 0, time.monotonic() + 20
        while not moved():
            self.assertLess(time.monotonic(), deadline, "nothing has moved")
            time.sleep(0.1)
            asked += 1
            ask(f"{self.id()}-{asked}")

    def test_what_the_profile_does_not_name_is_inhibited(self):
        self.done("integrity", outstation="device-1")
        self.refused("inhibited", "events", outstation="device-1")

    def test_freeze_publishes_what_was_frozen(self):
        before = len(self.client.messages)
        result = self.done("freeze", {"indexes": 1, "id": "f1"})
        self.assertTrue(result["may_have_operated"])
        self.client.wait(lambda _: [p for name, p in self.points_since(before)
                                    if name == "billed-1"], 10, "the frozen counter")
        self.assertEqual([name for name, _ in self.points_since(before)
                          if name.startswith("billed")], ["billed-1"])
        again = self.done("freeze", {"indexes": 1, "id": "f1"})
        self.assertTrue(again["repeated"])
        self.refused("id_reused", "freeze", {"indexes": 0, "id": "f1"})

    def test_freeze_and_clear(self):
        self.done("freeze_clear", {"indexes": "0..1"})
        frozen = self.last_point("billed-0")["value"]
        before = len(self.client.messages)
        self.done("integrity")
        self.client.wait(lambda _: [p for name, p in self.points_since(before)
                                    if name == "energy-0"], 10, "the counter that starts anew")
        self.assertLess(self.last_point("energy-0")["value"], max(frozen, 100))

    def test_time_sync(self):
        before = self.site.log("sim").count("clock set")
        self.done("time_sync", "{}")
        self.assertEqual(self.site.log("sim").count("clock set"), before + 1)

    def test_z_restart(self):
        """Last: the connection goes, and comes back."""
        self.done("freeze_clear", {"id": "before-the-restart"})
        result = self.done("restart_cold", {"id": "r1", "by": "engineer-2"})
        self.assertEqual(result["delay_ms"], 1000)
        self.assertIn("cold restart", self.site.log("sim"))
        deadline = time.monotonic() + 20
        while self.send("integrity")["outcome"] != "done" and time.monotonic() < deadline:
            time.sleep(0.2)
        self.assertEqual(self.send("restart_cold", {"id": "r1", "by": "engineer-2"})["repeated"],
                         True)
        self.assertEqual(self.site.log("sim").count("cold restart"), 1)

    def test_deadband(self):
        def shown(raw):
            self.client.wait(lambda _: [
                point for name, point in self.points_since(0)
                if name == "analog_input_dead_band/4"][-1:] and
                self.last_point("analog_input_dead_band/4")["value"] == raw, 10,
                f"a dead-band of {raw}")
        shown(20)  # the mapping's, since the startup
        self.done("deadband", {"point": "current-a", "value": 5})
        shown(50)
        self.refused("unknown_value", "deadband", {"point": "current-b", "value": 5})
        result = self.refused("out_of_range", "deadband", {"point": "current-a", "value": -1})
        self.assertIn("0 or more", result["detail"])

    def test_what_writes_needs_the_switches_and_an_object(self):
        self.refused("inhibited", "freeze", "{}", outstation="device-1")
        self.refused("malformed", "freeze", "")
        self.refused("retained", "freeze", "{}", retain=True)
        self.client.publish("dnp3/test/device-0/command/freeze", "", retain=True)

    def test_refusals(self):
        result = self.refused("malformed", "integrity", {"classes": [1]})
        self.assertIsNotNone(result["detail"])
        self.refused("malformed", "integrity", {"classes": 1})
        self.refused("malformed", "integrity", {"expires": int(time.time())})
        self.refused("expired", "integrity", {"expires": int(time.time() * 1000) - 1})
        self.refused("unknown_control", "integrate")
        self.refused("retained", "integrity", "{}", retain=True)
        self.client.publish("dnp3/test/device-0/command/integrity", "", retain=True)

    def test_decode(self):
        """What the integrity poll says, in the log of its outstation and of no other."""
        before = len(self.site.log("gateway").splitlines())
        self.done("decode", {"for_s": 20})
        self.done("integrity")
        lines = self.site.log("gateway").splitlines()[before:]
        for text in ('subject=device-0 message="sent 1>10 UNCONFIRMED_USER_DATA',
                     "READ", "g60v1 class all", "came 10>1 UNCONFIRMED_USER_DATA", "RESPONSE",
                     "g20v1 counter 0..1"):
            self.assertTrue([line for line in lines if text in line], f"{text} in {lines}")
        for payload in ({"for_s": 0}, {"for_s": 301}, {"for_s": "30"}, {"until": 5}):
            self.refused("malformed", "decode", payload)

    def test_every_command_is_in_the_log(self):
        self.done("events", {"id": "audit-1", "by": "engineer-2"})
        line = [x for x in self.site.log("gateway").splitlines() if "audit-1" in x]
        self.assertEqual(len(line), 1, line)
        self.assertIn("command events", line[0])
        self.assertIn("engineer-2", line[0])


class Broadcast(Asking, unittest.TestCase):
    """Two outstations on one line freeze at the same moment."""

    def test_a_freeze_reaches_everybody(self):
        self.site = Site(self, outstations=2, mapping=MAPPING, profile={
            "commands": ["integrity", "freeze"], "unsolicited": [], "polls": [],
            "events_on_iin": False})
        self.site.config["channels"] = [{**self.site.config["channels"][0], "broadcast": True}]
        self.site.config["outstations"][1]["channel"] = "line-0"
        self.site.write_config()
        self.site.start_broker()
        self.client = self.site.client()
        self.site.start_sim("--events-per-second", "0")
        self.site.start_gateway()
        for name in self.site.names:
            self.site.wait_state(self.client, name, "online", "ok")
            self.done("integrity", outstation=name)
        before = len(self.client.messages)
        result = self.send("freeze", {"broadcast": True, "indexes": 0})
        self.assertEqual((result["outcome"], result["reason"], result["may_have_operated"]),
                         ("unknown", "no_answer", True), result)
        for name in self.site.names:
            self.done("integrity", outstation=name)
            self.client.wait(lambda _, name=name: [
                point for at, point in self.points_since(before, name)
                if at == "billed-0" and point["source"] == "event"], 10, f"{name}: frozen")
            self.assertEqual(self.last_point("billed-0", name)["value"],
                             self.last_point("energy-0", name)["value"])
        self.assertEqual([at for at, _ in self.points_since(before) if at == "billed-1"], [])


if __name__ == "__main__":
    unittest.main()
