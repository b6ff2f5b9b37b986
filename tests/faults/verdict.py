# SPDX-License-Identifier: Apache-2.0
"""What arrived at the persistent subscriber beside what the outstations say: lost, out of order,
twice and why. And the controls: what came of each beside how often it operated."""

import collections
import datetime
import json
import re
import threading
import time

from field import GENERATION, TYPE_OF
from mqtt_client import Client

LATE_S = 0.25  # between the gateway's last look at the clock and the simulator's log line


RETAINED_S = 10


def point_of(topic):
    """(outstation, type, index), or None where it is no point of the campaign."""
    parts = topic.split("/")
    name, _, index = parts[-1].partition("-")
    if len(parts) != 5 or parts[3] != "point" or name not in TYPE_OF:
        return None
    return parts[2], TYPE_OF[name], int(index)


class Arrivals:
    """Takes each message as it comes, on the subscriber's thread."""

    def __init__(self):
        self.points = {}  # (outstation, type, index) -> {value: id}
        self.highest = {}
        self.counts = collections.Counter()
        self.disorder = []
        self.lock = threading.Lock()

    def take(self, message):
        point = point_of(message.topic)
        if not point or not message.payload:
            return
        payload = json.loads(message.payload)
        if payload["source"] != "event":
            self.counts["values that are no events"] += 1
            return
        with self.lock:
            self._count(point, int(payload["value"]), payload["id"])

    def _count(self, point, value, identity):
        seen = self.points.setdefault(point, {})
        before = seen.get(value)
        if before is None:
            if value < self.highest.get(point, 0):
                self.disorder.append((point, value, self.highest[point]))
            self.highest[point] = max(value, self.highest.get(point, 0))
            seen[value] = identity
            self.counts["events"] += 1
        elif before == identity:
            self.counts["twice, same id"] += 1
        else:
            seen[value] = identity
            self.counts["twice, new id"] += 1

    def total(self):
        with self.lock:
            return self.counts["events"]

    def behind(self, peer):
        """Events of the third party that are still on their way."""
        latest = len(peer.generations) - 1
        with self.lock:
            return sum(made - sum(value > generation * GENERATION
                                  for value in self.points.get((name, kind, index), ()))
                       for (name, kind, index, generation), (made, _) in peer.tallies().items()
                       if generation == latest)

    def stale(self, values):
        """[(point, its value, the last event's)] where `values` (point -> number or None) are
        behind what arrived."""
        with self.lock:
            return [(point, values.get(point), last) for point, last in self.highest.items()
                    if (values.get(point) or 0) < last]

    def missing(self, tallies):
        """[(point, generation, number)] that the outstation is rid of, or made before a later one
        that arrived, and that never came."""
        missing = []
        with self.lock:
            for (name, kind, index, generation), (_, confirmed) in tallies.items():
                seen = self.points.get((name, kind, index), ())
                base = generation * GENERATION
                highest = max((v - base for v in seen if base < v <= base + GENERATION), default=0)
                missing += [((name, kind, index), generation, number)
                            for number in range(1, max(confirmed, highest) + 1)
                            if base + number not in seen]
        return missing


def read_retained(port):
    """What somebody finds who comes now: (point -> its value, topics)."""
    values, topics = {}, set()

    def take(message):
        topics.add(message.topic)
        point = point_of(message.topic)
        if point and message.payload:
            values[point] = json.loads(message.payload)["value"]
    client = Client(port, "visitor", ["dnp3/#", "visit"], on_message=take, clean=True)
    client.wait_subscribed()
    client.publish("visit", "")
    client.wait(lambda messages: any(m.topic == "visit" for m in messages), RETAINED_S,
                "what is retained")
    client.close()
    return values, topics


def judge_retained(port, arrivals, outstations):
    """[(point, what is retained, the last event)] where that is older, and topics that are not
    there; what is on its way is waited for."""
    wanted = {"dnp3/field/status"} | {f"dnp3/field/{name}/{kind}" for name in outstations
                                      for kind in ("status", "meta")}
    deadline = time.monotonic() + RETAINED_S
    while True:
        values, topics = read_retained(port)
        stale = arrivals.stale(values) + sorted(wanted - topics)
        if not stale or time.monotonic() > deadline:
            return stale
        time.sleep(0.2)


# Controls.

OPERATED = re.compile(r'^time=(\S+)Z level=info subject=(\S+) message="control \S+: (\d+)"', re.M)


def operations(field):
    """value -> [(when, outstation)]: what the outstations operated."""
    found = collections.defaultdict(list)
    for group in field.groups:
        for when, name, value in OPERATED.findall(field.log(group)):
            moment = datetime.datetime.fromisoformat(when + "+00:00")
            found[int(value)].append((moment.timestamp(), name))
    if field.peer:
        for when, value in field.peer.operated:
            found[value].append((when, "peer"))
    return found


def left_at(line, when, wall_minus_steady):
    """When what operated at `when` may have left the gateway: before the line held it."""
    steady = when - wall_minus_steady
    begins = [begin for begin, until in line.holds if begin <= steady <= until + LATE_S]
    return min([steady] + begins) + wall_minus_steady


def judge_controls(field, commands, wall_minus_steady):
    """`commands`: commander.Command each. The counts of the table, and sentences on what is wrong."""
    operated = operations(field)
    counts, wrong = collections.Counter(), []
    latest = 0
    for command in commands:
        times = operated.get(command.value, [])
        counts["controls"] += 1
        outcome = command.outcome()
        counts[f"outcome {outcome}"] += 1
        counts["asked again"] += command.sent > 1
        counts["asked later"] += command.asked_later
        if outcome is None:
            wrong.append(f"{command} has no result")
            counts["without a result"] += 1
        if len(times) > 1:
            wrong.append(f"{command} operated {len(times)} times: {times}")
            counts["operated twice"] += 1
        if outcome == "done" and not times:
            wrong.append(f"{command} is done and did not operate")
        if outcome == "refused" and times:
            wrong.append(f"{command} was refused and operated")
        for when, name in times:
            left = left_at(field.line_of(name), when, wall_minus_steady)
            if left > command.answered_at() + LATE_S:
                wrong.append(f"{command} operated after it was answered for: {times}")
                counts["operated after an answer"] += 1
            if command.straddled:
                continue
            latest = max(latest, left - command.until)
            if left > command.until + LATE_S:
                wrong.append(f"{command} operated {when - command.until:.3f} s after it expired")
                counts["operated after expiry"] += 1
    decoys = [value for value in operated if value not in {c.value for c in commands}]
    counts["operated unasked"] = len(decoys)
    wrong += [f"{value} operated, which nobody may have asked for: {operated[value]}"
              for value in decoys]
    return counts, wrong, latest
