# SPDX-License-Identifier: Apache-2.0
"""The campaign's judges and its plan, by themselves: what is excused, and what never is."""

import collections
import random
import struct
import unittest
import zlib

from breaks import FAULTS, REST_S, plan
from field import GENERATION
from spoil import Damage, damage, event_of, whole_messages
from table import disordered, unexplained
from verdict import Arrivals

POINT = "usual-0", "counter", 1


def record(sequence, payload=b"payload"):
    body = struct.pack(">IQ", 20 + len(payload), sequence) + payload
    return b"DNM\x01" + struct.pack(">I", zlib.crc32(body)) + body


def damaged(destroyed, told, confirmed=100):
    made = Damage.__new__(Damage)
    made.destroyed, made.told = set(destroyed), told
    made.confirmed = {(*POINT, 0): (confirmed, confirmed)}
    return made


class Excuses(unittest.TestCase):
    def setUp(self):
        self.missing = [(POINT, 0, number) for number in (7, 8, 9)]

    def count(self, *damages):
        return len(unexplained({"missing": self.missing, "damages": damages}))

    def test_only_what_was_destroyed(self):
        self.assertEqual(self.count(), 3)
        self.assertEqual(self.count(damaged(self.missing, 3)), 0)
        self.assertEqual(self.count(damaged(self.missing[:2], 3)), 1)
        self.assertEqual(self.count(damaged([(POINT, 1, 7)], 3)), 3)

    def test_no_more_than_was_told(self):
        self.assertEqual(self.count(damaged(self.missing, 2)), 1)
        self.assertEqual(self.count(damaged(self.missing, 0)), 3)
        self.assertEqual(self.count(damaged(self.missing, None)), 0)

    def test_nothing_that_the_outstation_still_had(self):
        self.assertEqual(self.count(damaged(self.missing, None, confirmed=8)), 1)
        self.assertEqual(self.count(damaged(self.missing, None, confirmed=0)), 3)

    def test_out_of_turn(self):
        verdict = {"disorder": [(POINT, 7, 9), (POINT, GENERATION + 7, GENERATION + 9)],
                   "damages": [damaged([(POINT, 0, 7)], 1)]}
        self.assertEqual(disordered(verdict), verdict["disorder"][1:])

    def test_what_the_gateway_says(self):
        for log, told in (("5 messages taken over, 3 lost", 3), ("0 taken over, 2 to 9 lost", 9),
                          ("5 messages taken over, at least 4 lost", None), ("all is well", 0)):
            heard = damaged([], 0)
            heard.hear(log)
            self.assertEqual(heard.told, told, log)


class Records(unittest.TestCase):
    def test_whole_ones_wherever_they_lie(self):
        octets = b"xDNM\x01" + record(5) + b"DN" + record(6) + b"\0" * 7 + record(5)
        self.assertEqual(set(whole_messages(octets)), {5, 6})
        self.assertEqual(set(whole_messages(octets[:-1])), {5, 6})
        self.assertEqual(set(whole_messages(octets.replace(b"payload", b"paYload", 1))), {5, 6})
        self.assertEqual(set(whole_messages(octets.replace(b"payload", b"paYload", 2))), {5})

    def test_every_damage_changes_the_file(self):
        whole = b"".join(record(n, b"x" * 1004) for n in range(40))  # ten pages
        places = list(whole_messages(whole).values())
        hows = collections.Counter()
        for seed in range(60):
            octets, how = damage(whole, places, random.Random(seed))
            self.assertTrue(octets != whole, how)
            hows[how] += 1
        self.assertEqual(len(hows), 4)

    def test_events(self):
        topic = "dnp3/field/usual-0/point/count-1"
        payload = '{"value":%d,"source":"%s"}'
        self.assertEqual(event_of(topic, payload % (GENERATION, "event")),
                         (POINT, 0, GENERATION))
        self.assertEqual(event_of(topic, payload % (GENERATION + 1, "event")), (POINT, 1, 1))
        self.assertIsNone(event_of(topic, payload % (7, "static")))
        self.assertIsNone(event_of("dnp3/field/usual-0/status", payload % (7, "event")))


class Missing(unittest.TestCase):
    def test_confirmed_or_before_a_later_one(self):
        arrivals = Arrivals()
        arrivals.points[POINT] = {1: "a", 3: "b"}
        for confirmed, missing in ((0, [2]), (3, [2]), (5, [2, 4, 5])):
            found = arrivals.missing({(*POINT, 0): (9, confirmed)})
            self.assertEqual([number for _, _, number in found], missing)

    def test_retained_is_the_last(self):
        arrivals = Arrivals()
        arrivals.highest = {POINT: 4}
        self.assertEqual(arrivals.stale({POINT: 4}), [])
        self.assertEqual(arrivals.stale({POINT: 5}), [])  # a value that is no event
        for value in (3, None):
            self.assertEqual(arrivals.stale({POINT: value}), [(POINT, value, 4)])


class Plan(unittest.TestCase):
    def test_all_kinds_and_none_in_the_way_of_another(self):
        faults = plan(1, 900, 1.0, ["one", "two"], ["one-0", "two-0", "peer"])
        self.assertEqual(faults, plan(1, 900, 1.0, ["one", "two"], ["one-0", "two-0", "peer"]))
        self.assertEqual({kind for _, kind, *_ in faults}, set(FAULTS))
        self.assertGreater(len(faults), 500)
        until = collections.defaultdict(float)
        for at, kind, target, lasts, _ in faults:
            for name in (target, *FAULTS[kind][4]):
                self.assertGreaterEqual(at, until[name], (kind, name))
                until[name] = at + lasts + REST_S.get(name, 0)


if __name__ == "__main__":
    unittest.main()
