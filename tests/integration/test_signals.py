# SPDX-License-Identifier: Apache-2.0
"""What signals do to a gateway: SIGHUP leaves it alone, SIGTERM ends it in peace."""

import signal
import unittest

from field_site import Site


class Signals(unittest.TestCase):
    def test_hangup_then_terminate(self):
        site = Site(self.addCleanup, outstations=1)
        site.write_config()
        site.start_broker()
        client = site.client()
        site.start_sim("--events-per-second", "0")
        site.start_gateway()
        site.wait_state(client, "device-0", "online", "ok")
        gateway = site.processes["gateway"]
        gateway.send_signal(signal.SIGHUP)
        site.wait_log("gateway", lambda text: "SIGHUP: files are not read again" in text,
                      "a word about SIGHUP")
        self.assertIsNone(gateway.poll())
        self.assertEqual(site.stop("gateway"), 0)


if __name__ == "__main__":
    unittest.main()
