# SPDX-License-Identifier: Apache-2.0
"""`time_zone`: an outstation whose clock shows local time is set to that, and what it says is
published in UTC."""

import json
import re
import time
import unittest

from field_site import Site

AHEAD_MS = 5.5 * 3600 * 1000
NEAR_MS = 60000

MAPPING = {"device": "meter", "points": [
    {"type": "counter", "index": 0, "name": "count"},
    {"type": "time", "index": 0, "name": "clock"}]}


class TimeZone(unittest.TestCase):
    def test_both_ways(self):
        site = Site(self, outstations=1, mapping=MAPPING, profile={
            "time_zone": "<+0530>-5:30", "polls": [{"group": 50, "every_s": 0.5}]})
        site.start_broker()
        client = site.client()
        site.start_sim("--events-per-second", "10")
        site.start_gateway()

        def found(messages):
            points = [(m.topic, json.loads(m.payload)) for m in messages if "/point/" in m.topic]
            by_set_clock = [p for _, p in points if p["time_source"] == "outstation"]
            clocks = [p["value"] for topic, p in points if topic.endswith("/clock")]
            return by_set_clock and clocks and (by_set_clock[-1], clocks[-1])

        def near(messages):
            times = found(messages)
            return times and abs(times[1] - time.time() * 1000) < NEAR_MS and times
        event, _ = client.wait(near, 20, "times in UTC")
        self.assertLess(abs(event["time"] - event["received"]), NEAR_MS)
        off = int(re.search(r"clock set, (-?\d+) ms off", site.log("sim")).group(1))
        self.assertLess(abs(off - AHEAD_MS), NEAR_MS)


if __name__ == "__main__":
    unittest.main()
