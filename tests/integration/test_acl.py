# SPDX-License-Identifier: Apache-2.0
"""The ACL that `check --acl` prints, in a broker: a reader sees everything and operates nothing, an
operator operates, and neither can speak for the gateway."""

import json
import os
import subprocess
import time
import unittest

from field_site import BIN, Site
from test_control import MAPPING

POINT = "dnp3/test/device-0/point/breaker"


class Acl(unittest.TestCase):
    def setUp(self):
        self.site = Site(self, outstations=1, mapping=MAPPING, mqtt={"username": "field"})
        acl = subprocess.run([os.path.join(BIN, "dnp3-mqtt"), "check", "--acl", "-c",
                              self.site.path("gateway.json")], check=True, timeout=20,
                             capture_output=True, text=True).stdout
        self.site.write("acl", acl)
        os.chmod(self.site.folder, 0o755)
        os.chmod(self.site.path("acl"), 0o644)
        self.site.start_broker(f"acl_file {self.site.path('acl')}")
        self.reader = self.site.client("reader", username="reader")
        self.operator = self.site.client("operator", username="operator")
        self.site.start_sim("--events-per-second", "0")
        self.site.start_gateway()
        self.site.wait_state(self.reader, "device-0", "online", "ok")

    def results(self, client):
        return [json.loads(m.payload) for m in client.messages
                if m.topic == "dnp3/test/device-0/result/breaker"]

    def test_who_may_what(self):
        self.reader.publish("dnp3/test/device-0/set/breaker", '{"value":"open","id":"r"}')
        self.reader.publish(POINT, "forged")
        self.operator.publish(POINT, "forged")
        time.sleep(0.5)
        self.operator.publish("dnp3/test/device-0/set/breaker", '{"value":"open","id":"o"}')
        for client in (self.reader, self.operator):
            client.wait(lambda _, c=client: self.results(c), 15, "a result")
            self.assertEqual([(r["id"], r["outcome"]) for r in self.results(client)],
                             [("o", "done")])
            points = [m.payload for m in client.messages if m.topic == POINT]
            self.assertTrue(points)
            self.assertNotIn(b"forged", points)
            self.assertNotIn("forged", points)
            self.assertFalse([m for m in client.messages if "/set/" in m.topic])
        self.assertEqual(self.site.log("sim").count("control breaker"), 1)


if __name__ == "__main__":
    unittest.main()
