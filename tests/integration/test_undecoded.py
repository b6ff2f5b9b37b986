# SPDX-License-Identifier: Apache-2.0
"""What nobody here can read: its octets are published where events are, and only then is it
confirmed to the outstation."""

import base64
import json
import threading
import unittest

from dnp3_peer import Peer, frames, link_function
from field_site import Site

# A statistic of secure authentication (its length is known), then an event.
STATISTIC = bytes([121, 1, 0x17, 1, 5]) + b"\x01\x01\x00\x2A\x00\x00\x00"
EVENT = bytes([2, 1, 0x17, 1, 3, 0x81])
# Nobody knows how long this is.
RIDDLE = bytes([200, 9, 0x17, 1, 0]) + b"\xDE\xAD\xBE\xEF"


class Teller:
    """Answers requests without objects, and says `fragments` unsolicited once it is enabled."""

    def __init__(self, fragments, address=10, master=1):
        self.fragments, self.address, self.master = fragments, address, master
        self.confirmed = []
        self.said = threading.Event()

    def __call__(self, connection):
        while octets := connection.recv(4096):
            while len(octets) >= 10:
                length = octets[2] - 5
                size = 10 + length + 2 * ((length + 15) // 16)
                self.take(connection, octets[:size])
                octets = octets[size:]

    def take(self, connection, octets):
        if link_function(octets) != 4 or len(octets) < 13:
            return
        control, function = octets[11], octets[12]
        if function == 0:
            self.confirmed.append(control & 0x1F)
            return
        connection.sendall(frames(0x44, self.master, self.address,
                                  bytes([0xC0 | control & 0x0F, 0x81, 0, 0])))
        if function == 20 and not self.said.is_set():
            self.said.set()
            for i, objects in enumerate(self.fragments):
                connection.sendall(frames(0x44, self.master, self.address,
                                          bytes([0xF0 | i, 0x82, 0, 0]) + objects))


class Undecoded(unittest.TestCase):
    def run_site(self, fragments):
        site = Site(self, outstations=1, profile={"polls": [], "keep_alive_s": 0})
        teller = Teller(fragments)
        Peer(self, site.ports[0], teller)
        del site.config["outstations"][0]["mapping"]
        site.write_config()
        site.start_broker()
        client = site.client()
        site.start_gateway()
        return client, teller

    def undecoded(self, client, count):
        found = client.wait(lambda messages: [
            m for m in messages if m.topic == "dnp3/test/device-0/undecoded"][:count], 20,
            "what cannot be read")
        return [json.loads(m.payload) for m in found]

    def confirms(self, client, teller, count):
        client.wait(lambda messages: len(teller.confirmed) >= count, 10,
                    f"{count} confirms")

    def test_an_unknown_object_is_passed_over(self):
        client, teller = self.run_site([STATISTIC + EVENT])
        message = self.undecoded(client, 1)[0]
        self.assertEqual((message["error"], message["object"], message["octets"]),
                         ("unsupported", "g121v1 q17", len(STATISTIC)))
        self.assertEqual(base64.b64decode(message["base64"]), STATISTIC)
        self.assertRegex(message["id"], "^[0-9a-f]{8}-[0-9]+$")
        client.wait(lambda messages: [m for m in messages if m.topic.endswith(
            "/point/binary_input/3")], 10, "the event behind it")
        self.confirms(client, teller, 1)
        self.assertEqual(teller.confirmed, [0x10])

    def test_nothing_else_is_inside(self):
        client, teller = self.run_site([STATISTIC])
        self.undecoded(client, 1)
        self.confirms(client, teller, 1)

    def test_a_riddle_is_kept_at_its_third_appearance(self):
        client, teller = self.run_site([EVENT + RIDDLE] * 3)
        message = self.undecoded(client, 1)[0]
        self.assertEqual(base64.b64decode(message["base64"]), RIDDLE)
        self.confirms(client, teller, 1)
        self.assertEqual(teller.confirmed, [0x12])
        events = [m for m in client.messages if m.topic.endswith("/point/binary_input/3")]
        self.assertEqual(len(events), 1)


if __name__ == "__main__":
    unittest.main()
