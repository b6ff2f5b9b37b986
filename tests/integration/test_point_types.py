# SPDX-License-Identifier: Apache-2.0
"""Every point type has its topic and its message, without a mapping: an outstation answers with
objects written out by hand from the standard, and what is published is compared word for word."""

import json
import time
import unittest

from dnp3_peer import Peer, answer_reads_with
from field_site import Site

TIME = 1763719200123
TIME48 = TIME.to_bytes(6, "little")


def one(group, variation, index, octets):
    """One object with an 8-bit index before it."""
    return bytes([group, variation, 0x17, 1, index]) + octets


# What each object says, as it is published: the keys that differ by type.
OBJECTS = {
    "binary_input/1": (one(2, 2, 1, b"\x81" + TIME48), {"value": 1, "state": "on"}),
    "double_bit_input/2": (one(4, 2, 2, b"\xC1" + TIME48),
                           {"value": 3, "state": "indeterminate"}),
    "binary_output_status/3": (one(11, 2, 3, b"\x01" + TIME48), {"value": 0, "state": "off"}),
    "counter/4": (one(22, 5, 4, b"\x01\x64\x00\x00\x00" + TIME48),
                  {"value": 100, "unit": None}),
    "counter/5": (one(22, 7, 5, b"\x41\x07\x00\x00\x00" + TIME48),
                  {"value": None, "delta": 7, "unit": None}),
    "counter/6": (one(22, 4, 6, b"\x01\x08\x00"), {"value": None, "delta": 8, "unit": None}),
    "frozen_counter/7": (one(23, 8, 7, b"\x01\x09\x00" + TIME48),
                         {"value": None, "delta": 9, "unit": None}),
    "frozen_counter/8": (one(21, 5, 8, b"\x01\x65\x00\x00\x00" + TIME48),
                         {"value": 101, "unit": None}),
    "frozen_counter/9": (one(21, 8, 9, b"\x01\x0A\x00" + TIME48),
                         {"value": None, "delta": 10, "unit": None}),
    "analog_input/10": (one(32, 7, 10, b"\x01\x00\x00\x20\x40" + TIME48),
                        {"value": 2.5, "unit": None}),
    "frozen_analog_input/11": (one(33, 4, 11, b"\x01\xFE\xFF" + TIME48),
                               {"value": -2, "unit": None}),
    "analog_output_status/12": (one(42, 4, 12, b"\x01\x0B\x00" + TIME48),
                                {"value": 11, "unit": None}),
    "binary_command_event/13": (one(13, 2, 13, b"\x80" + TIME48),
                                {"value": 1, "state": "on", "status": "SUCCESS"}),
    "binary_command_event/14": (one(13, 1, 14, b"\x04"),
                                {"value": 0, "state": "off", "status": "NOT_SUPPORTED"}),
    "analog_command_event/15": (one(43, 7, 15, b"\x07\x00\x00\x20\x40" + TIME48),
                                {"value": 2.5, "unit": None, "status": "LOCAL"}),
    "analog_command_event/16": (one(43, 2, 16, b"\x32\x05\x00"),
                                {"value": 5, "unit": None, "status": "STATUS_50"}),
    "analog_input_dead_band/17": (one(34, 2, 17, b"\x32\x00\x00\x00"),
                                  {"value": 50, "unit": None}),
    "unsigned_integer/18": (one(102, 1, 18, b"\xFF"), {"value": 255, "unit": None}),
    "octet_string/19": (one(111, 6, 19, b"51P A\x00"), {"text": "51P A", "base64": None}),
    "octet_string/20": (one(110, 2, 20, b"\xFF\xFE"), {"text": None, "base64": "//4="}),
    "time/0": (bytes([50, 1, 0x07, 1]) + TIME48, {"value": TIME}),
}
UNTIMED = ("counter/6", "binary_command_event/14", "analog_command_event/16", "octet_string/19")
EVENTS = (2, 4, 11, 13, 22, 23, 32, 33, 42, 43, 111)


class PointTypes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        site = Site(cls.addClassCleanup, outstations=1,
                    profile={"time_sync": "none", "polls": [], "events_on_iin": False})
        del site.config["outstations"][0]["mapping"]
        site.write_config()
        site.start_broker()
        cls.site = site
        cls.client = site.client()

    def test_each_has_its_topic_and_keys(self):
        Peer(self, self.site.ports[0],
             answer_reads_with(b"".join(octets for octets, _ in OBJECTS.values()), 10))
        self.site.start_gateway()
        stem = "dnp3/test/device-0/point/"

        def published(messages):
            found = {m.topic[len(stem):]: m for m in messages if m.topic.startswith(stem)}
            return found if len(found) >= len(OBJECTS) else None
        found = self.client.wait(published, 15, "a message of each point")
        self.assertEqual(set(found), set(OBJECTS))
        for name, (octets, keys) in OBJECTS.items():
            with self.subTest(name):
                message = json.loads(found[name].payload)
                first = list(message)[:len(keys)]
                self.assertEqual({key: message[key] for key in first}, keys)
                self.assertEqual(list(message)[len(keys):],
                                 ["quality", "flags", "time", "time_source", "received",
                                  "source", "id"])
                event = octets[0] in EVENTS
                self.assertEqual(message["source"], "event" if event else "static")
                self.assertEqual(message["id"] is not None, event)
                timed = (event and name not in UNTIMED) or octets[0] == 21
                self.assertEqual(message["time_source"], "outstation" if timed else "gateway")
                if timed:
                    self.assertEqual(message["time"], TIME)
        self.assertEqual(json.loads(found["counter/5"].payload)["flags"], ["DISCONTINUITY"])
        self.assertEqual(json.loads(found["binary_command_event/14"].payload)["quality"], "good")

        # A change that is found later would be added again: only totals are retained.
        late = self.site.client("late", ("dnp3/#",), clean=True)
        late.wait(published_without_deltas, 10, "the retained points")
        topics = {m.topic[len(stem):] for m in late.messages if m.topic.startswith(stem)}
        deltas = {name for name, (_, keys) in OBJECTS.items() if "delta" in keys}
        self.assertEqual(topics & deltas, set())

    def test_a_change_that_nobody_could_be_told_of_is_in_the_log(self):
        """A polled change is gone once it was read; without a broker there is no place for it."""
        site = Site(self, outstations=1, profile={"time_sync": "none"})
        objects = b"\x14\x03\x00\x00\x00\x01\x2a\x00\x00\x00"
        Peer(self, site.ports[0], answer_reads_with(objects, 10))
        site.start_gateway()
        deadline = time.monotonic() + 15
        while "g20v3: a change was read" not in site.log("gateway"):
            self.assertLess(time.monotonic(), deadline, site.log("gateway"))
            time.sleep(0.1)


def published_without_deltas(messages):
    points = [m for m in messages if "/point/" in m.topic]
    return len(points) >= sum("delta" not in keys for _, keys in OBJECTS.values())


if __name__ == "__main__":
    unittest.main()
