# SPDX-License-Identifier: Apache-2.0
"""The ACL that `check --acl` prints, in a broker: a reader sees everything and operates nothing, an
operator operates, and neither can speak for the gateway."""

import json
import os
import re
import subprocess
import unittest

from field_site import BIN, Site
from test_control import MAPPING

POINT, SET, RESULT = (f"dnp3/test/device-0/{what}/breaker" for what in ("point", "set", "result"))


class Acl(unittest.TestCase):
    def setUp(self):
        self.site = Site(self, outstations=1, mapping=MAPPING, mqtt={"username": "field"})
        acl = subprocess.run([os.path.join(BIN, "dnp3-mqtt"), "check", "--acl", "-c",
                              self.site.path("gateway.json")], check=True, timeout=20,
                             capture_output=True, text=True).stdout
        self.site.write("acl", acl)
        os.chmod(self.site.folder, 0o755)
        os.chmod(self.site.path("acl"), 0o644)
        self.site.start_broker(f"acl_file {self.site.path('acl')}", "log_type all")
        self.reader = self.site.client("reader", username="reader")
        self.operator = self.site.client("operator", username="operator")
        self.site.start_sim("--events-per-second", "0")
        self.site.start_gateway()
        self.site.wait_state(self.reader, "device-0", "online", "ok")

    def denied(self, user, topic, payload):
        """Publishes what the broker must not take, and returns once it has refused it. By a client
        of its own: brokers may end the connection of an MQTT 3 client that they refuse something."""
        name = f"denied-{len(self.site.clients)}"
        self.site.client(name, filters=(), clean=True, username=user).publish(topic, payload)
        line = re.compile(f"Denied PUBLISH from {name} .*'{topic}'")
        self.site.wait_log("mosquitto", line.search, f"{user} refused on {topic}")

    def payloads(self, client, topic):
        return client.wait(lambda messages: [json.loads(m.payload) for m in messages
                                             if m.topic == topic], 15, topic)

    def test_who_may_what(self):
        self.denied("reader", SET, '{"value":"open","id":"r"}')
        self.denied("reader", POINT, '"forged"')
        self.denied("operator", POINT, '"forged"')
        self.operator.publish(SET, '{"value":"open","id":"o"}')
        for client in (self.reader, self.operator):
            results = self.payloads(client, RESULT)
            self.assertEqual([(r["id"], r["outcome"]) for r in results], [("o", "done")])
            self.assertNotIn("forged", self.payloads(client, POINT))
            self.assertFalse([m for m in client.messages if "/set/" in m.topic])
        self.assertEqual(self.site.log("sim").count("control breaker"), 1)


if __name__ == "__main__":
    unittest.main()
