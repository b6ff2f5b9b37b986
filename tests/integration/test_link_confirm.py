# SPDX-License-Identifier: Apache-2.0
"""Confirmed link frames (link_confirm) between gateway and simulator: nothing leaves unconfirmed,
and on a line that loses frames both ways no event is lost and every control has a result.
That none operates twice is in interop, where the outstation tells of each."""

import json
import time
import unittest

from field_site import Site
from link_proxy import LinkProxy
from test_delivery import events_of, first_arrivals

PATIENCE_S = 40
RESET, CONFIRMED, UNCONFIRMED, ACK = 0x40, 0x43, 0x44, 0x00

MAPPING = {
    "device": "panel",
    "points": [
        {"name": "count-{index}", "type": "counter", "index": "0..3"},
        {"name": "relay-{index}", "type": "binary_output_status", "index": "0..3"}],
    "controls": [
        {"name": "relay-{index}", "type": "binary_output", "index": "0..3",
         "mode": "select_before_operate",
         "states": {"on": {"operation": "latch_on"}, "off": {"operation": "latch_off"}}}]}


EVENTS = [{"classes": [1, 2, 3], "every_s": 2}]


class LinkConfirm(unittest.TestCase):
    def set_up(self, lose, total, *sim_options, **profile):
        site = Site(self, outstations=1, mapping=MAPPING,
                    profile={"link_confirm": True, **profile})
        site.start_broker()
        site.write("sim.json", site.config)
        self.proxy = LinkProxy(self, site.ports[0], lose)
        site.config["channels"][0]["endpoints"] = [f"127.0.0.1:{self.proxy.port}"]
        site.write_config()
        site.start_sim("--numbered", "--events-per-second", "60", "--events-total", str(total),
                       *sim_options, config="sim.json")
        client = site.client()
        site.start_gateway()
        site.wait_state(client, "device-0", "online", "ok", PATIENCE_S)
        return site, client

    def operate(self, client, relay, value):
        begin = len(client.messages)
        client.publish(f"dnp3/test/device-0/set/relay-{relay}", value)

        def result(messages):
            for message in messages[begin:]:
                if message.topic == f"dnp3/test/device-0/result/relay-{relay}":
                    return json.loads(message.payload)
            return None
        return client.wait(result, PATIENCE_S, "a result")

    def finish(self, client, total):
        def all_there(messages):
            return sum(len(set(v)) for v in events_of(messages).values()) >= total
        client.wait(all_there, PATIENCE_S, f"{total} events")
        for topic, values in events_of(client.messages).items():
            arrived = first_arrivals(values)
            self.assertEqual(arrived, list(range(1, len(arrived) + 1)), topic)

    def test_everything_is_confirmed(self):
        _, client = self.set_up(lambda *_: False, 300)
        self.assertEqual(self.operate(client, 1, "on")["outcome"], "done")
        self.finish(client, 300)
        for first in self.proxy.first:
            self.assertEqual(first[:3], [0xC0, 0xF3, 0xD3])
        seen = self.proxy.seen
        client.wait(lambda _: seen[False, ACK] >= seen[True, CONFIRMED], 10, "the last ones")
        self.assertEqual(seen[True, UNCONFIRMED], 0)
        self.assertGreater(seen[True, CONFIRMED], 10)

    def test_both_confirm(self):
        """The outstation's frames too, and no acknowledgement is owed at the end."""
        _, client = self.set_up(lambda *_: False, 300, "--link-confirm")
        self.assertEqual(self.operate(client, 1, "on")["outcome"], "done")
        self.finish(client, 300)
        seen = self.proxy.seen
        self.assertEqual((seen[True, UNCONFIRMED], seen[False, UNCONFIRMED]), (0, 0))
        self.assertGreater(seen[False, CONFIRMED], 10)
        self.assertGreaterEqual(seen[False, RESET], 1)

    def test_the_outstation_alone_confirms(self):
        """Frames of either direction get lost; nothing of the outstation's is."""
        def lose(_from_master, control, number):
            return number % 6 == 0 and control & 0x4F in (CONFIRMED, ACK)
        # What the outstation has said in vain too often it says when it is asked: in many frames,
        # of which each that gets lost takes it a second.
        _, client = self.set_up(lose, 200, "--link-confirm", link_confirm=False, polls=EVENTS,
                                response_timeout_s=20)
        self.finish(client, 200)
        self.assertEqual(self.proxy.seen[True, CONFIRMED], 0)
        self.assertGreater(self.proxy.lost, 3)

    def test_a_line_that_loses_frames(self):
        def lose(from_master, control, number):
            """Data now and then, and acknowledgements: the frame then was there already."""
            function = control & 0x4F
            return (number % 7 == 0 and from_master and function == CONFIRMED) or \
                   (number % 5 == 0 and not from_master and function == ACK)
        _, client = self.set_up(lose, 300, response_timeout_s=0.3, confirm_timeout_s=5)
        outcomes, deadline = [], time.monotonic() + PATIENCE_S
        while outcomes[3:].count("done") == 0:
            self.assertLess(time.monotonic(), deadline, outcomes)
            outcome = self.operate(client, len(outcomes) % 4, "on")["outcome"]
            if outcome == "refused":
                time.sleep(0.1)  # it was just found to be away
            else:
                outcomes.append(outcome)
        self.assertLessEqual(set(outcomes), {"done", "failed", "unknown"}, outcomes)
        self.finish(client, 300)
        self.assertGreater(self.proxy.lost, 5)


if __name__ == "__main__":
    unittest.main()
