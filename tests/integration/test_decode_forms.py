# SPDX-License-Identifier: Apache-2.0
"""dnp3-decode and the forms of captures: files, links, IP fragments, connections with accidents.
What it reads is the same in all of them."""

import collections
import gzip
import json
import os
import random
import struct
import subprocess
import tempfile
import unittest

from dissection import BIN, TSHARK_S, decode
import pcap

CAPTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "captures")


class Forms(unittest.TestCase):
    """The same traffic in other files, on other links, with the accidents of a capture."""

    def setUp(self):
        self.path = os.path.join(CAPTURES, "zeek", "dnp3_link_only.pcap")
        self.segments = pcap.read_segments(self.path)
        self.expected = decode(self.path)
        self.assertGreater(len(self.expected), 1000)

    def decode(self, octets, status=0):
        with tempfile.NamedTemporaryFile() as file:
            file.write(octets)
            file.flush()
            done = subprocess.run([os.path.join(BIN, "dnp3-decode"), file.name], check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TSHARK_S)
        self.assertEqual(done.returncode, status, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def same(self, octets):
        self.assertEqual(self.decode(octets), self.expected)

    @staticmethod
    def objects(lines):
        """What was read, in whichever packets."""
        return collections.Counter(json.dumps(dict(line, frame=0), sort_keys=True)
                                   for line in lines if "error" not in line)

    @staticmethod
    def errors(lines):
        return [line["error"] for line in lines if "error" in line]

    def plain(self, segments=None):
        return [pcap.ethernet(pcap.ipv4(segment)) for segment in segments or self.segments]

    def test_pcap(self):
        for order in "<>":
            for magic in (0xA1B2C3D4, 0xA1B23C4D):
                with self.subTest(order=order, magic=hex(magic)):
                    self.same(pcap.pcap(self.plain(), order=order, magic=magic))

    def test_pcapng(self):
        for order in "<>":
            for simple in (False, True):
                with self.subTest(order=order, simple=simple):
                    self.same(pcap.pcapng(self.plain(), order=order, simple=simple))

    def test_links(self):
        packets = [pcap.ipv4(segment) for segment in self.segments]
        for name, link_type, wrapped in (
                ("vlan", 1, [pcap.ethernet(p, b"\x81\0\0\x05") for p in packets]),
                ("two tags", 1, [pcap.ethernet(p, b"\x88\xa8\0\x05\x81\0\0\x06") for p in packets]),
                ("sll", 113, [pcap.sll(p) for p in packets]),
                ("sll2", 276, [pcap.sll2(p) for p in packets]),
                ("raw", 101, packets), ("raw of a BSD", 12, packets), ("ipv4", 228, packets),
                ("ppp", 9, [b"\0\x21" + p for p in packets]),
                ("ppp with its protocol in one octet", 9, [b"\x21" + p for p in packets]),
                ("ppp in hdlc", 50, [b"\xff\3\0\x21" + p for p in packets]),
                ("mpls in ppp", 9, [b"\2\x81\0\0\x10\0\0\0\x11\xff" + p for p in packets]),
                ("cisco's hdlc", 104, [b"\x0f\0\x08\0" + p for p in packets]),
                ("pppoe", 51, [b"\x11\0\0\1\0\0\0\x21" + p for p in packets]),
                ("pppoe in ethernet", 1, [pcap.MAC + b"\x88\x64\x11\0\0\1\0\0\0\x21" + p
                                          for p in packets]),
                ("mpls", 1, [pcap.MAC + b"\x88\x47\0\0\x11\xff" + p for p in packets]),
                ("gre", 101, [pcap.gre(p) for p in packets]),
                ("ethernet in gre", 101, [pcap.gre(p, True) for p in packets]),
                ("null", 0, [b"\2\0\0\0" + p for p in packets]),
                ("null, big-endian", 0, [b"\0\0\0\2" + p for p in packets]),
                ("loop", 108, [b"\0\0\0\2" + p for p in packets])):
            with self.subTest(name):
                self.same(pcap.pcap(wrapped, link_type))
                self.same(pcap.pcapng(wrapped, link_type))

    def test_several_interfaces(self):
        packets = [pcap.ipv4(segment) for segment in self.segments]
        forms = (lambda p: p, pcap.sll, pcap.ethernet)
        self.same(pcap.pcapng_of((101, 113, 1), [
            (at % 3, forms[at % 3](packet)) for at, packet in enumerate(packets)]))

    def test_a_serial_port(self):
        """A stream each way, in records that know nothing of frames."""
        ways = {True: [], False: []}
        for segment in self.segments:
            ways[segment.ports[0] == 20000] += segment.payload
        records = [pcap.rtac(bytes(octets[at:at + 100]), 2 + 2 * (at % 200 == 0) if outstation
                             else 1 + 2 * (at % 200 == 0))
                   for outstation, octets in ways.items() for at in range(0, len(octets), 100)]
        records.insert(3, pcap.rtac(b"", 0))
        lines = self.decode(pcap.pcap(records, 250))
        self.assertEqual(self.objects(lines), self.objects(self.expected))
        self.assertEqual(self.errors(lines), self.errors(self.expected))
        lines = self.decode(pcap.pcap(records + [pcap.rtac(b"", 5), pcap.rtac(b"", 1)[:11]], 250))
        self.assertEqual(self.errors(lines)[-2:], [
            "octets of the serial line are not in the capture",
            "the packet ends within its headers"])

    def test_internet_headers(self):
        hops = bytes([6, 0, 1, 4, 0, 0, 0, 0])
        for name, packets in (
                ("options", [pcap.ipv4(s, options=b"\1" * 12) for s in self.segments]),
                ("ipv6", [pcap.ipv6(s) for s in self.segments]),
                ("ipv6 extension", [pcap.ipv6(s, hops, 0) for s in self.segments])):
            with self.subTest(name):
                self.same(pcap.pcap([pcap.ethernet(p) for p in packets]))

    def test_any_port(self):
        packets = [pcap.ethernet(pcap.ipv4(s, ports=lambda ports: [
            4444 if port == 20000 else port for port in ports])) for s in self.segments]
        self.assertEqual(self.objects(self.decode(pcap.pcap(packets))), self.objects(self.expected))

    def test_other_traffic_is_silent(self):
        packets = [pcap.ethernet(pcap.ipv4(pcap.Segment(
            b"\1\1\1\1", b"\2\2\2\2", (40000, 80), 5, 5, 0x18, b"GET / HTTP/1.0\r\n\x05\x64"))),
            pcap.MAC + b"\x08\x06" + bytes(46)]
        self.assertEqual(self.decode(pcap.pcap(packets)), [])

    def data(self):
        """Places of the segments that carry octets from the outstation."""
        return [at for at, segment in enumerate(self.segments)
                if segment.ports[0] == 20000 and segment.payload]

    def test_out_of_order(self):
        segments, places = list(self.segments), self.data()
        for a, b in zip(places[4::2], places[5::2]):
            segments[a], segments[b] = segments[b], segments[a]
        lines = self.decode(pcap.pcap(self.plain(segments)))
        self.assertEqual(self.objects(lines), self.objects(self.expected))
        self.assertEqual(self.errors(lines), self.errors(self.expected))

    def test_repeated(self):
        segments = [segment for segment in self.segments for _ in range(2)]
        lines = self.decode(pcap.pcap(self.plain(segments)))
        self.assertEqual(self.objects(lines), self.objects(self.expected))
        self.assertEqual(self.errors(lines), self.errors(self.expected))

    def cut(self, random_, segments):
        """Each segment in pieces of 1 to 60 octets."""
        for segment in segments:
            at = 0
            while at < max(1, len(segment.payload)):
                size = random_.randint(1, 60)
                yield segment.with_(sequence=(segment.sequence + at) % 2**32,
                                    payload=segment.payload[at:at + size])
                at += size

    @staticmethod
    def repeat(random_, segments):
        """Some of a direction's octets once more, between other bounds than they had."""
        done = []
        for segment in segments:
            done.append(segment)
            before = [other for other in done[-6:] if other.ports == segment.ports]
            octets = b"".join(other.payload for other in before)
            if random_.random() < 0.3 and len(octets) > 2:
                first = random_.randrange(len(octets) - 1)
                last = random_.randrange(first + 1, len(octets))
                yield segment.with_(sequence=(before[0].sequence + first) % 2**32,
                                    payload=octets[first:last])
            yield segment

    def test_accidents_of_connections(self):
        """Three connections at once whose sequences wrap; each cut anew, out of order by a few,
        repeated in part, kept alive by an old octet."""
        for seed in range(5):
            with self.subTest(seed=seed):
                random_, several = random.Random(seed), []
                for number in range(3):
                    shift = {at: 2**32 - random_.randint(1, 3000) for at in (0, 1)}
                    first = {}
                    for segment in self.segments:
                        first.setdefault(segment.ports[0] == 20000, segment.sequence)
                    moved = [segment.with_(
                        ports=tuple(port if port == 20000 else 40000 + number
                                    for port in segment.ports),
                        sequence=(segment.sequence - first[segment.ports[0] == 20000]
                                  + shift[segment.ports[0] == 20000]) % 2**32,
                        acknowledged=(segment.acknowledged - first[segment.ports[0] != 20000]
                                      + shift[segment.ports[0] != 20000]) % 2**32)
                        for segment in self.segments]
                    pieces = list(self.repeat(random_, list(self.cut(random_, moved))))
                    places = {id(piece): at + random_.random() * random_.choice((2, 4, 6))
                              for at, piece in enumerate(pieces)}
                    begin = [next(piece for piece in moved if (piece.ports[0] == 20000) == way)
                             for way in (False, True)]
                    several.append([piece.with_(sequence=(piece.sequence - 1) % 2**32, payload=b"",
                                                flags=pcap.SYN) for piece in begin]
                                   + sorted(pieces, key=lambda piece: places[id(piece)]))
                packets = []
                while any(several):
                    segment = random_.choice([one for one in several if one]).pop(0)
                    packets.append(segment)
                    if segment.payload:
                        end = segment.sequence + len(segment.payload)
                        packets.append(segment.with_(sequence=(end - 1) % 2**32, payload=b"\0"))
                lines = self.decode(pcap.pcap(self.plain(packets)))
                expected = collections.Counter(
                    {line: 3 * count for line, count in self.objects(self.expected).items()})
                self.assertEqual(self.objects(lines), expected)
                self.assertEqual(self.errors(lines), [])

    def test_small_segments(self):
        segments = []
        for segment in self.segments:
            if segment.flags & pcap.SYN or not segment.payload:
                segments.append(segment)
                continue
            for at in range(0, len(segment.payload), 7):
                segments.append(pcap.Segment(
                    segment.source, segment.destination, segment.ports, segment.sequence + at,
                    segment.acknowledged, segment.flags, segment.payload[at:at + 7]))
        lines = self.decode(pcap.pcap(self.plain(segments)))
        self.assertEqual(self.objects(lines), self.objects(self.expected))
        for line in lines:  # the packet that completed the link frame
            self.assertTrue(segments[line["frame"] - 1].payload)

    def test_lost(self):
        lost = self.data()[-2]
        segments = self.segments[:lost] + self.segments[lost + 1:]
        lines = self.decode(pcap.pcap(self.plain(segments)))
        missing = self.objects(self.expected) - self.objects(lines)
        self.assertTrue(missing)
        self.assertFalse(self.objects(lines) - self.objects(self.expected))
        self.assertIn(f"{len(self.segments[lost].payload)} octets of the connection are not in the "
                      "capture", self.errors(lines))

    def test_snap_length(self):
        lines = self.decode(pcap.pcap(self.plain(), snap=120))
        self.assertFalse(self.objects(lines) - self.objects(self.expected))
        self.assertIn("truncated link frame", self.errors(lines))
        self.assertTrue(any("are not in the capture" in error for error in self.errors(lines)))

    def in_fragments(self, order, size=24):
        return pcap.pcap([pcap.ethernet(piece) for number, segment in enumerate(self.segments)
                          for piece in order(list(pcap.fragments(pcap.ipv4(segment), size,
                                                                 number)))])

    def test_ip_fragments(self):
        for name, order in (("in order", lambda pieces: pieces),
                            ("the last first", lambda pieces: pieces[::-1]),
                            ("twice", lambda pieces: [p for p in pieces for _ in range(2)]),
                            ("and once more", lambda pieces: pieces * 2)):
            with self.subTest(name):
                lines = self.decode(self.in_fragments(order))
                self.assertEqual(self.objects(lines), self.objects(self.expected))
                self.assertEqual(self.errors(lines), [])

    def test_ipv6_fragments(self):
        packets = []
        for number, segment in enumerate(self.segments):
            body = segment.transport()
            for at in range(0, len(body), 32):
                header = struct.pack(">BBHI", 6, 0, at | (at + 32 < len(body)), number)
                packet = pcap.ipv6(segment, header, 44)[:48] + body[at:at + 32]
                packets.append(pcap.ethernet(packet[:4] + struct.pack(">H", len(packet) - 40)
                                             + packet[6:]))
        lines = self.decode(pcap.pcap(packets))
        self.assertEqual(self.objects(lines), self.objects(self.expected))
        self.assertEqual(self.errors(lines), [])

    def test_lost_fragments_are_told(self):
        told = "IP fragment: others of its datagram are not in the capture"
        packets = [pcap.ethernet(next(pcap.fragments(pcap.ipv4(self.segments[0]), 8, number)))
                   for number in range(20)]
        self.assertEqual(self.errors(self.decode(pcap.pcap(packets))), [told] * 20)
        cut = self.in_fragments(lambda pieces: pieces[:1])
        self.assertEqual(set(self.errors(self.decode(cut))), {told})
        self.assertEqual(set(self.errors(self.decode(pcap.pcap(packets, snap=37)))),
                         {"IP fragment: it is not put together with the others"})

    def test_damaged_octet(self):
        place = max(self.data(), key=lambda at: len(self.segments[at].payload))
        payload = bytearray(self.segments[place].payload)
        payload[12] ^= 0x10
        self.segments[place].payload = bytes(payload)
        lines = self.decode(pcap.pcap(self.plain()))
        damaged = [line for line in lines if line.get("error") == "link CRC error in data block 1"]
        self.assertEqual([(line["frame"], line["src"]) for line in damaged],
                         [(place + 1, payload[6] + 256 * payload[7])])

    def test_file_that_ends_early(self):
        whole = pcap.pcap(self.plain())
        lines = self.decode(whole[:-5], status=1)
        self.assertEqual(self.errors(lines)[-1], "the file ends within a packet")
        self.assertEqual(self.errors(self.decode(b"no capture at all, this is", status=1)),
                         ["neither pcap nor pcapng"])
        self.assertEqual(self.errors(self.decode(gzip.compress(whole), status=1)),
                         ["compressed by gzip: gunzip -c FILE | dnp3-decode -"])


if __name__ == "__main__":
    unittest.main()
