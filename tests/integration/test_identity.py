# SPDX-License-Identifier: Apache-2.0
"""`identity`: an outstation is believed, and operated, once it has proved to be the device that it
must be; a wrong one says why it is off-line, and the right one comes back by itself."""

import json
import unittest

from dnp3_peer import Peer, frames, link_function
from field_site import Site

POINTS = [{"type": "counter", "index": "0..1", "name": "count-{index}"},
          {"type": "analog_input", "index": "0..1", "name": "level-{index}"},
          {"type": "binary_output_status", "index": 0, "name": "pump"}]
MAPPING = {"device": "meter-b", "points": POINTS, "controls": [
    {"name": "pump", "type": "binary_output", "index": 0,
     "states": {"on": {"operation": "latch_on"}, "off": {"operation": "latch_off"}}}]}


BUSY, REFUSED, UNKNOWN_OBJECT = 0x10, 0x01, 0x02 # IIN2.4, 2.0, 2.1


class Device:
    """Answers everything, and READs with an analog input; to who it is, with `refusal` (IIN2) while
    that is set."""

    def __init__(self, manufacturer, model):
        self.refusal = None
        self.said = {252: manufacturer, 250: model}

    def attributes(self):
        return b"".join(bytes([0, variation, 0, 0, 0, 1, len(text)]) + text.encode()
                        for variation, text in self.said.items())

    def answer(self, octets):
        if octets[12] != 1: # READ
            return bytes(2)
        if octets[13] != 0: # of attributes
            return bytes(2) + b"\x1e\x01\x00\x00\x00\x01\x07\x00\x00\x00"
        return bytes([0, self.refusal]) if self.refusal else bytes(2) + self.attributes()

    def behave(self, connection):
        while octets := connection.recv(4096):
            if link_function(octets) == 4 and len(octets) > 13 and octets[12] != 0: # CONFIRM
                answer = bytes([0xC0 | octets[11] & 0x0F, 0x81]) + self.answer(octets)
                connection.sendall(frames(0x44, 1, 10, answer))


class Identity(unittest.TestCase):
    def setUp(self):
        self.site = Site(self, outstations=2, mapping=MAPPING, profile={
            "commands": ["integrity", "attributes"],
            "polls": [{"classes": [1, 2, 3], "every_s": 0.3}, {"classes": [0], "every_s": 1}],
            "identity": {"manufacturer": "dnp3-mqtt", "model": "meter-b"}})
        self.site.config["outstations"][1]["identity"] = {"serial_number": "4711"}
        self.site.write_config()
        self.site.start_broker()
        self.client = self.site.client()

    def points(self, name, before=0):
        stem = f"dnp3/test/{name}/point/"
        return [json.loads(m.payload) for m in self.client.messages[before:]
                if m.topic.startswith(stem)]

    def result(self, topic, result, payload):
        return self.client.ask(f"dnp3/test/{topic}", payload, f"dnp3/test/{result}")

    def test_right_and_wrong(self):
        self.site.start_sim("--events-per-second", "40")
        self.site.start_gateway()
        self.site.wait_state(self.client, "device-0", "online", "ok")
        status = self.site.wait_state(self.client, "device-1", "offline", "wrong_device")
        self.assertEqual(status["detail"],
                         'its serial_number is "SIM-00011", expected "4711": another device?')
        self.client.wait(lambda _: {"event", "static"} <= {point["source"] for point in
                                                           self.points("device-0")}, 15, "points")
        # Several polls later nothing of the wrong one has come, and nothing is done to it.
        before = len(self.client.messages)
        self.client.wait(lambda _: len([point for point in self.points("device-0", before)
                                        if point["source"] == "event"]) > 40, 15, "more events")
        self.assertEqual(self.points("device-1"), [])
        for topic, result in (("set/pump", "result/pump"),
                              ("command/integrity", "result/command/integrity")):
            answer = self.result(f"device-1/{topic}", f"device-1/{result}", {"value": "on", "id": "1"}
                                 if "set" in topic else {})
            self.assertEqual((answer["outcome"], answer["reason"]), ("refused", "offline"), answer)
        self.assertEqual(self.result("device-0/set/pump", "device-0/result/pump",
                                     {"value": "on", "id": "1"})["outcome"], "done")

    def told(self, name, *words):
        """Waits for a status with these words in its detail."""
        return self.client.wait(lambda messages: next(
            (json.loads(m.payload) for m in messages if m.topic == f"dnp3/test/{name}/status" and
             all(word in m.payload.decode() for word in words)), None), 15, words)

    def test_one_that_cannot_say_it_now(self):
        device = Device("dnp3-mqtt", "meter-b")
        device.refusal = BUSY
        Peer(self, self.site.ports[0], device.behave)
        self.site.start_gateway()
        self.assertEqual(self.told("device-0", "too busy to say")["state"], "connecting")
        answer = self.result("device-0/set/pump", "device-0/result/pump", {"value": "on", "id": "1"})
        self.assertEqual((answer["outcome"], answer["reason"]), ("refused", "offline"), answer)
        device.refusal = REFUSED
        self.assertEqual(self.told("device-0", "refuses to say")["state"], "connecting")
        self.assertEqual(self.points("device-0"), [])
        device.refusal = None
        self.site.wait_state(self.client, "device-0", "online", "ok")
        self.client.wait(lambda _: self.points("device-0"), 15, "points")
        self.assertNotIn("wrong_device", self.site.log("gateway"))

    def test_one_that_is_told_its_name_late(self):
        device = Device("dnp3-mqtt", "meter-b")
        device.refusal = UNKNOWN_OBJECT
        Peer(self, self.site.ports[0], device.behave)
        self.site.start_gateway()
        self.assertEqual(self.told("device-0", "does not tell its manufacturer")["reason"],
                         "wrong_device")
        device.refusal = None
        self.site.wait_state(self.client, "device-0", "online", "ok")

    def test_another_device_at_the_same_place(self):
        self.site.start_sim("--events-per-second", "20")
        self.site.start_gateway()
        self.site.wait_state(self.client, "device-0", "online", "ok")
        self.client.wait(lambda _: self.points("device-0"), 15, "points")
        self.site.stop("sim")
        other = dict(self.site.config)
        self.site.write("other.json", other)
        self.site.write("mapping-other.json", dict(MAPPING, device="meter-c"))
        other["outstations"] = [dict(o, mapping="mapping-other.json") for o in other["outstations"]]
        self.site.write("other.json", other)
        self.site.start_sim("--events-per-second", "20", config="other.json")
        status = self.site.wait_state(self.client, "device-0", "offline", "wrong_device")
        self.assertEqual(status["detail"], 'its model is "meter-c", expected "meter-b": another device?')
        self.client.wait(lambda _: self.points("device-0")[-1]["quality"] == "bad", 15, "a mark")
        before = len(self.client.messages)
        self.site.stop("sim")
        self.site.start_sim("--events-per-second", "20")
        self.site.wait_state(self.client, "device-0", "online", "ok")
        self.client.wait(lambda _: [point for point in self.points("device-0", before)
                                    if point["quality"] == "good"], 15, "points of the right one")


if __name__ == "__main__":
    unittest.main()
