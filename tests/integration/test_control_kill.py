# SPDX-License-Identifier: Apache-2.0
"""kill -9 between a command and its result, in every phase: whoever asks again with the same id
gets a result, and nothing operates twice. The simulator logs each operation; every command has a
value of its own, so that two of one value are one command that operated twice. Without a spool the
same conversation does operate twice: the test of the test."""

import json
import os
import random
import re
import time
import unittest
from collections import Counter

from field_site import Site

CONTROLS = {"sbo": "select_before_operate", "direct": "direct_operate"}
MAPPING = {
    "device": "setpoints",
    "points": [{"type": "analog_output_status", "index": i, "name": name}
               for i, name in enumerate(CONTROLS)],
    "controls": [{"name": name, "type": "analog_output", "index": i, "encoding": "int32",
                  "mode": mode, "min": 0, "max": 1000000, "max_per_minute": 60000}
                 for i, (name, mode) in enumerate(CONTROLS.items())]}
ANSWER_MS = 40  # SELECT and OPERATE are answered so late: time to die in
LATE_MS = 1200  # of 2000 that are waited for: nobody misses that moment
KILLS = 24
SEED = int(os.environ.get("CONTROL_KILL_SEED", "1"))


class Campaign:
    """A site whose gateway is killed and started again."""

    def __init__(self, test, spool, answer_ms=ANSWER_MS):
        self.site = Site(test, outstations=1, mapping=MAPPING)
        if spool:
            self.site.config["spool"] = {"path": self.site.path("spool")}
            self.site.write_config()
        self.site.start_broker()
        self.client = self.site.client()
        self.site.start_sim("--events-per-second", "0", "--response-delay", str(answer_ms))
        self.sent = 0
        self.start()

    def start(self):
        self.seen = len(self.client.messages)
        self.site.start_gateway()

    def wait_online(self):
        topic = "dnp3/test/device-0/status"

        def online(messages):
            found = [m for m in messages[self.seen:] if m.topic == topic]
            return found and json.loads(found[-1].payload)["state"] == "online"
        try:
            self.client.wait(online, 20, "the outstation online")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.site.children.tail('gateway', 12)}") from None

    def send(self, control, number):
        self.client.publish(f"dnp3/test/device-0/set/{control}",
                            json.dumps({"value": number, "id": f"n{number}"}))

    def new(self, control):
        self.sent += 1
        self.send(control, self.sent)
        return control, self.sent

    def results(self, number, since=0):
        found = []
        for message in self.client.messages[since:]:
            if message.topic.startswith("dnp3/test/device-0/result/"):
                result = json.loads(message.payload)
                if result["id"] == f"n{number}":
                    found.append(result)
        return found

    def result(self, number, since=0):
        self.client.wait(lambda _: self.results(number, since), 15, f"a result of n{number}")
        return self.results(number, since)[0]

    def operated(self):
        """How often each value reached the outstation."""
        return Counter(int(value) for value in
                       re.findall(r"control \w+\[\d\]: (\d+)", self.site.log("sim")))

    def wait_operated(self, number):
        deadline = time.monotonic() + 10
        while not self.operated()[number]:
            if time.monotonic() > deadline:
                raise AssertionError(f"n{number} did not operate\n{self.site.log('gateway')}")
            time.sleep(0.002)

    def die_in_mid_operate(self):
        """Dies when the outstation has operated and has not answered. Then asks again."""
        self.wait_online()
        control, number = self.new("direct")
        self.wait_operated(number)
        self.site.kill("gateway")
        since = len(self.client.messages)
        self.start()
        self.wait_online()
        self.send(control, number)
        return number, since


class ControlKill(unittest.TestCase):
    def test_killed_at_random(self):
        campaign = Campaign(self, spool=True)
        dice = random.Random(SEED)
        outcomes = Counter()
        for _ in range(KILLS):
            campaign.wait_online()
            asked = [campaign.new(control) for control in CONTROLS]
            time.sleep(dice.uniform(0, 5 * ANSWER_MS / 1000))
            campaign.site.kill("gateway")
            campaign.start()
            campaign.wait_online()
            for control, number in asked:
                if not campaign.results(number):
                    campaign.send(control, number)
                outcomes[campaign.result(number)["outcome"]] += 1
        twice = {n: times for n, times in campaign.operated().items() if times > 1}
        self.assertEqual(twice, {}, f"seed {SEED}")
        self.assertEqual(sum(outcomes.values()), 2 * KILLS)
        self.assertGreater(outcomes["unknown"], 0, outcomes)  # it did die in between

    def test_killed_in_mid_operate(self):
        campaign = Campaign(self, spool=True, answer_ms=LATE_MS)
        number, since = campaign.die_in_mid_operate()
        first = campaign.result(number, since)
        self.assertEqual((first["outcome"], first["reason"], first["may_have_operated"]),
                         ("unknown", "restarted", True), first)
        campaign.client.wait(lambda _: len(campaign.results(number, since)) > 1, 10,
                             "the answer to asking again")
        again = campaign.results(number, since)[1]
        self.assertEqual((again["outcome"], again["repeated"]), ("unknown", True), again)
        self.assertEqual(campaign.operated()[number], 1)
        # What it left behind is read: nobody knows otherwise whether it operated.
        campaign.client.wait(
            lambda messages: [m for m in messages[since:]
                              if m.topic == "dnp3/test/device-0/point/direct" and
                              json.loads(m.payload)["value"] == number], 10, "the new set point")

    def test_killed_after_the_result(self):
        campaign = Campaign(self, spool=True)
        campaign.wait_online()
        control, number = campaign.new("sbo")
        self.assertEqual(campaign.result(number)["outcome"], "done")
        # The next one goes to the disk, in whose order the end of the first one is before it.
        self.assertEqual(campaign.result(campaign.new("direct")[1])["outcome"], "done")
        campaign.site.kill("gateway")
        since = len(campaign.client.messages)
        campaign.start()
        campaign.wait_online()
        campaign.send(control, number)
        again = campaign.result(number, since)
        self.assertEqual((again["outcome"], again["repeated"]), ("done", True), again)
        self.assertEqual(len(campaign.results(number, since)), 1)
        self.assertEqual(campaign.operated()[number], 1)

    def test_what_comes_while_it_is_away_is_gone(self):
        """No session waits for it at the broker: a command of then would operate late."""
        campaign = Campaign(self, spool=True)
        campaign.wait_online()
        campaign.site.kill("gateway")
        control, number = campaign.new("direct")
        campaign.client.wait(lambda messages: [
            m for m in messages if m.topic == f"dnp3/test/device-0/set/{control}"], 10,
            "the broker to have had it")
        campaign.start()
        campaign.wait_online()
        control, later = campaign.new("sbo")
        self.assertEqual(campaign.result(later)["outcome"], "done")
        self.assertEqual(campaign.results(number), [])
        self.assertEqual(campaign.operated()[number], 0)

    def test_without_a_spool_it_operates_twice(self):
        campaign = Campaign(self, spool=False, answer_ms=LATE_MS)
        number, since = campaign.die_in_mid_operate()
        self.assertEqual(campaign.result(number, since)["outcome"], "done")
        self.assertEqual(campaign.operated()[number], 2)


if __name__ == "__main__":
    unittest.main()
