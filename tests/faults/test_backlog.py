# SPDX-License-Identifier: Apache-2.0
"""A broker that is away for an hour's worth of events, one that takes ten messages a second, and a
spool that is too small: memory stays as it is, the spool within its bound, all comes out in order
for each point, points without a backlog do not wait for those with one, and of what comes back only
a topic's last message is retained."""

import collections
import json
import os
import time
import unittest

from field_site import BIN, Site
from processes import free_port
from scripted_broker import ScriptedBroker

HOUR_OF_EVENTS = 36000  # ten a second
GREW_KB = 512
BEHIND_S = 1  # printed beside what was measured


def point_of(message):
    parts = message.topic.split("/")
    return parts[2] if len(parts) == 5 and parts[3] == "point" else None


class Backlog(unittest.TestCase):
    def make(self, max_mb=64):
        self.site = Site(self, outstations=3, mqtt={"version": "3.1.1"})
        self.site.config["spool"] = {"path": self.site.path("spool"), "max_mb": max_mb}
        self.site.config["log"]["level"] = "info"
        self.site.write_config()
        for name, outstation, channel in zip(
                self.site.names, self.site.config["outstations"], self.site.config["channels"]):
            self.site.write(name + ".json", {**self.site.config, "outstations": [outstation],
                                             "channels": [channel]})

    def start_sim(self, name, rate, total):
        return self.site.children.start(name, [
            os.path.join(BIN, "dnp3-sim"), "-c", self.site.path(name + ".json"), "--numbered",
            "--events-per-second", str(rate), "--events-total", str(total), "--event-buffer",
            "50000", "--tally", self.site.path(name + ".tally")])

    def confirmed(self, name):
        try:
            with open(self.site.path(name + ".tally"), encoding="ascii") as file:
                return sum(int(line.split()[4]) for line in file)
        except FileNotFoundError:
            return 0

    def wait_confirmed(self, name, count, seconds=60):
        deadline = time.monotonic() + seconds
        while self.confirmed(name) < count:
            self.assertLess(time.monotonic(), deadline,
                            f"{self.confirmed(name)} of {count} confirmed\n"
                            f"{self.site.children.tail('gateway')}")
            time.sleep(0.05)

    def memory_kb(self):
        """Without the spool's file, which is mapped."""
        with open(f"/proc/{self.site.processes['gateway'].pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("RssAnon"))

    def spool_octets(self):
        return os.path.getsize(os.path.join(self.site.path("spool"), "spool.mdb"))

    def events(self, messages):
        found = collections.defaultdict(list)
        for message in messages:
            if point_of(message) and message.payload:
                payload = json.loads(message.payload)
                if payload["source"] == "event":
                    found[message.topic].append((int(payload["value"]), message, payload))
        return found

    def wait_events(self, broker, name, count, seconds=120):
        marker = f"/{name}/point/"
        state = {"at": 0, "seen": set()}

        def all_there(messages):
            for message in messages[state["at"]:]:
                if marker in message.topic and b'"event"' in message.payload:
                    state["seen"].add((message.topic, json.loads(message.payload)["value"]))
            state["at"] = len(messages)
            return len(state["seen"]) >= count
        broker.wait(all_there, seconds, f"{count} events of {name}, {len(state['seen'])} are there")

    def check_order(self, events):
        for topic, values in events.items():
            first = list(dict.fromkeys(value for value, _, _ in values))
            self.assertEqual(first, list(range(1, len(first) + 1)), topic)

    def check_retained(self, events, name):
        """Of what came back from the spool, the last of each topic. What the outbox still had goes
        before it, as it would have gone."""
        for topic, values in events.items():
            if f"/{name}/" in topic:
                flags = [message.retain for _, message, _ in values]
                from_outbox = flags.index(False)
                self.assertLess(from_outbox, len(flags) / 2, topic)
                self.assertEqual(flags[from_outbox:-1].count(True), 0, topic)
                self.assertTrue(flags[-1], topic)

    def behind(self, events, name):
        """The longest that an event was under way from the gateway's reading of it."""
        offset = time.time() - time.monotonic()
        return max(message.at + offset - payload["received"] / 1000
                   for topic, values in events.items() if f"/{name}/" in topic
                   for _, message, payload in values)

    def test_dead_for_an_hour(self):
        self.make()
        self.site.start_gateway()
        self.start_sim("device-0", 3000, HOUR_OF_EVENTS)
        self.wait_confirmed("device-0", HOUR_OF_EVENTS // 4)  # its tables have been touched by then
        before = self.memory_kb()
        self.wait_confirmed("device-0", HOUR_OF_EVENTS)
        grew = self.memory_kb() - before
        size = self.spool_octets()
        self.assertLessEqual(size, 64 << 20)
        self.assertLess(grew, GREW_KB)
        broker = ScriptedBroker(self, self.site.broker_port, acks_per_second=3000)
        broker.wait(len, 90, "the gateway to come back to its broker")
        self.start_sim("device-1", 50, 400)
        self.wait_events(broker, "device-1", 400)
        self.wait_events(broker, "device-0", HOUR_OF_EVENTS)
        events = self.events(broker.messages)
        self.check_order(events)
        self.check_retained(events, "device-0")
        print(f"{HOUR_OF_EVENTS} events in {size >> 20} MB of spool, memory grew by {grew} KB; "
              f"others were behind by at most {self.behind(events, 'device-1'):.3f} s "
              f"(to be less than {BEHIND_S})")

    def test_slow(self):
        """Ten a second, to one outstation's thousands of events and another's few."""
        self.make()
        broker = ScriptedBroker(self, self.site.broker_port, acks_per_second=10)
        self.site.start_gateway()
        self.start_sim("device-0", 600, 7000)
        self.wait_confirmed("device-0", 5500)
        before = self.memory_kb()
        self.wait_confirmed("device-0", 7000)
        grew = self.memory_kb() - before
        self.assertLess(grew, GREW_KB)
        self.assertLess(len(broker.messages), 1000)
        self.start_sim("device-1", 2, 20)
        self.wait_events(broker, "device-1", 20)
        slow = self.behind(self.events(broker.messages), "device-1")
        broker.acks_per_second = 3000
        self.start_sim("device-2", 50, 100)
        self.wait_events(broker, "device-2", 100)
        self.wait_events(broker, "device-0", 7000)
        events = self.events(broker.messages)
        self.check_order(events)
        print(f"at 10 a second, memory grew by {grew} KB; others were behind by at most "
              f"{slow:.3f} s, at 3000 a second {self.behind(events, 'device-2'):.3f} s "
              f"(to be less than {BEHIND_S})")

    def test_a_spool_too_small(self):
        """The rest stays in the outstation, and comes when there is room."""
        self.make(max_mb=4)
        self.site.start_gateway()
        self.start_sim("device-0", 3000, 20000)
        self.wait_confirmed("device-0", 2000)
        self.site.wait_log("gateway", lambda log: "message=\"full," in log, "a full spool", 60)
        self.assertLess(self.confirmed("device-0"), 20000)
        self.assertLessEqual(self.spool_octets(), 4 << 20)
        broker = ScriptedBroker(self, self.site.broker_port)
        self.wait_events(broker, "device-0", 20000)
        self.wait_confirmed("device-0", 20000)
        self.check_order(self.events(broker.messages))


if __name__ == "__main__":
    unittest.main()
