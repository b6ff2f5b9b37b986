# SPDX-License-Identifier: Apache-2.0
"""No event is lost, in order per point, whatever is stopped and started while events flow."""

import json
import random
import signal
import time
import unittest

from field_site import Site
from processes import free_port
from proxy import Proxy

EVENTS_PER_SECOND = 200
STEP_S = 1.5
PATIENCE_S = 40


def events_of(messages):
    """The event values of each point topic, in the order of arrival, repeats included."""
    points = {}
    for message in messages:
        if "/point/" not in message.topic or message.retain or not message.payload:
            continue
        payload = json.loads(message.payload)
        if payload["source"] == "event":
            points.setdefault(message.topic, []).append(int(payload["value"]))
    return points


def first_arrivals(values):
    """What is left when repeats are dropped: each value where it first came."""
    seen, left = set(), []
    for value in values:
        if value not in seen:
            seen.add(value)
            left.append(value)
    return left


class Delivery(unittest.TestCase):
    def count(self, client, sim_counts):
        """Every event that the simulator made is there, in order; returns the repeats."""
        repeats = 0
        points = events_of(client.messages)
        for topic, values in points.items():
            arrived = first_arrivals(values)
            self.assertEqual(arrived, list(range(1, len(arrived) + 1)), f"{topic}: lost or out of order")
            repeats += len(values) - len(arrived)
        total = sum(len(first_arrivals(values)) for values in points.values())
        self.assertEqual(total, sim_counts, "events at the subscriber and events made")
        return repeats

    def finish(self, site, client, total):
        def all_there(messages):
            points = events_of(messages)
            return sum(len(set(values)) for values in points.values()) >= total
        try:
            client.wait(all_there, PATIENCE_S, f"{total} events")
        except AssertionError as error:
            points = {topic: len(set(values))
                      for topic, values in events_of(client.messages).items()}
            raise AssertionError(f"{error}; arrived: {points}\n"
                                 f"{site.children.tail('gateway', 15)}") from None
        return self.count(client, total)

    def site(self, total, **options):
        site = Site(self, **options)
        site.start_broker()
        client = site.client()
        site.start_sim("--numbered", "--events-per-second", str(EVENTS_PER_SECOND),
                       "--events-total", str(total))
        site.start_gateway()
        return site, client

    def test_undisturbed(self):
        site, client = self.site(1000)
        repeats = self.finish(site, client, 1000)
        self.assertEqual(repeats, 0, "nothing was disturbed, so nothing comes twice")

    def test_limited_rate(self):
        """`max_rate`: 200 events a second are not let through faster than 100 messages."""
        site, client = self.site(400, mqtt={"max_rate": 100})
        self.finish(site, client, 400)
        arrived = [m.at for m in client.messages if not m.retain]
        self.assertGreater(arrived[-1] - arrived[0], 400 / 100 / 2)

    def test_broker_stops_and_starts(self):
        site, client = self.site(1500)
        for _ in range(3):
            time.sleep(STEP_S)
            site.stop("broker")
            time.sleep(STEP_S)
            site.start_broker()
        self.finish(site, client, 1500)

    def test_gateway_is_killed(self):
        site, client = self.site(1500)
        for _ in range(4):
            time.sleep(STEP_S)
            site.kill("gateway")
            site.start_gateway()
        self.finish(site, client, 1500)

    def test_any_order(self):
        """Broker, gateway and an outstation's line stopped and started in any order while events
        flow; by a seed, so that it can be repeated."""
        dice = random.Random(20240601)
        site = Site(self)
        site.start_broker()
        client = site.client()
        proxy = Proxy(self, free_port(), site.ports[0])
        proxy.up()
        sim = json.loads(json.dumps(site.config))
        site.write("sim.json", sim)
        site.config["channels"][0]["endpoints"] = [f"127.0.0.1:{proxy.port}"]
        site.write_config()
        total = 2500
        site.start_sim("--numbered", "--events-per-second", str(EVENTS_PER_SECOND),
                       "--events-total", str(total), config="sim.json")
        site.start_gateway()
        start = {"broker": site.start_broker, "gateway": site.start_gateway, "line": proxy.up}
        down = set()
        for _ in range(16):
            time.sleep(dice.uniform(0.2, STEP_S))
            name = dice.choice(sorted(start))
            if name in down:
                start[name]()
                down.discard(name)
                continue
            down.add(name)
            if name == "line":
                proxy.down()
            elif name == "gateway" and dice.random() < 0.5:
                site.kill(name)
            else:
                site.stop(name)
        for name in sorted(down):
            start[name]()
        self.finish(site, client, total)

    def test_broker_hangs(self):
        """The broker is frozen for longer than the outstations wait for a confirm: holds expire, the
        outstations repeat, and nothing is lost or confirmed in vain."""
        site, client = self.site(1500)
        for pause in (1, 7):
            time.sleep(STEP_S)
            site.processes["broker"].send_signal(signal.SIGSTOP)
            time.sleep(pause)
            site.processes["broker"].send_signal(signal.SIGCONT)
        repeats = self.finish(site, client, 1500)
        self.assertLess(repeats, 1500)

    def test_outstation_hangs(self):
        """The simulator is frozen and goes on: sessions time out, come back, and lose nothing."""
        site, client = self.site(1500, profile={"response_timeout_s": 0.5, "keep_alive_s": 1})
        for _ in range(3):
            time.sleep(STEP_S)
            site.processes["sim"].send_signal(signal.SIGSTOP)
            time.sleep(2.5)
            site.processes["sim"].send_signal(signal.SIGCONT)
        self.finish(site, client, 1500)

    def test_broker_away_withholds(self):
        """While the broker is away nothing is confirmed: the outstations keep their events."""
        site = Site(self)
        site.start_sim("--numbered", "--events-per-second", "50", "--events-total", "100")
        site.start_gateway()
        time.sleep(4)
        site.start_broker()
        client = site.client()
        self.finish(site, client, 100)
        topic = "dnp3/test/device-0/status"
        client.wait(lambda messages: not json.loads(
            [m for m in messages if m.topic == topic][-1].payload)["withholding"], 10,
            "a status without withholding")


if __name__ == "__main__":
    unittest.main()
