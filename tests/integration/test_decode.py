# SPDX-License-Identifier: Apache-2.0
"""dnp3-decode against Wireshark's dissector, over every capture of tests/captures: objects,
indexes, values, flags and times. What differs is listed here with its reason; a reason that no
difference needs any more fails too."""

import collections
import concurrent.futures
import glob
import os
import re
import shutil
import tempfile
import unittest

from dissection import Dissection, decode, ours_of
from dnp3_peer import frame
import pcap

CAPTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "captures")

# What may differ: in which capture, only on whose side, of which function, group and variation
# (None for any), why; and `told`: whether a line of dnp3-decode with "error" names that object.
Difference = collections.namedtuple("Difference", "capture whose function group variation told why")
BY_NAME = "recognised by name only, and passed over"
STOPS = "after 51v2, where Wireshark reads no further"
NOT_DISSECTED = "Wireshark dissects no objects of this function"
ACCEPTED = [
    Difference(None, "tshark", None, 85, 1, True, BY_NAME),
    Difference(None, "tshark", None, 86, 1, True, BY_NAME),
    Difference(None, "tshark", None, 112, 0, True, BY_NAME),
    Difference(None, "tshark", None, 120, 3, True, BY_NAME),
    Difference(None, "tshark", None, 51, 2, False, "Wireshark does not know 51v2"),
    Difference(None, "decode", None, 51, 2, False, "Wireshark does not know 51v2"),
    Difference("procedures/8.14.2.13.pcap", "decode", "RESPONSE", 2, 3, False, STOPS),
    Difference("procedures/8.14.2.15.pcap", "decode", "RESPONSE", 2, 3, False, STOPS),
    Difference("procedures/8.22.2.13.pcap", "decode", "RESPONSE", 4, 3, False, STOPS),
    Difference("procedures/8.22.2.15.pcap", "decode", "RESPONSE", 4, 3, False, STOPS),
    Difference(None, "decode", "ASSIGN_CLASS", None, None, False, NOT_DISSECTED),
    Difference(None, "decode", "STOP_APPL", None, None, False, NOT_DISSECTED),
    Difference(None, "tshark", "DISABLE_UNSOLICITED", 60, 4, True,
               "a header with the qualifier ED, which is not defined"),
    Difference("procedures/6.6.2.5.pcap", "tshark", "READ", 60, None, False,
               "user data under a link function that has none: Wireshark reads it, an outstation "
               "must not, dnp3-decode tells the link frame"),
]

# Vectors of objects that dnp3-decode shows; not those that are malformed on purpose, nor those of
# what it recognises by name only.
VECTORS = ("analogs", "binary", "commands", "counters", "files", "qualifiers", "requests",
           "strings", "time")
# Vectors (by "file: name") of which Wireshark makes something else, and why.
VECTORS_DIFFER = [
    (r"g31v[1-6] |g33v[1-4] ", "Wireshark does not know these variations"),
    (r"g43v[13] ", "Wireshark expects the status behind the value; it stands before it"),
    (r"g13v[12] ", "Wireshark shows neither state nor status"),
    (r"g80v1 (internal|some) indications", "Wireshark takes the bit at the index, not from the "
                                           "first on"),
    (r"pattern mask cut off", "Wireshark shows bits that are not there"),
    (r"a pattern under index prefixes", "not defined; Wireshark reads it"),
    (r"g34 dead-bands", "Wireshark takes them as signed"),
    (r"an echo cut short|a common time cut short", "Wireshark shows the part that is there"),
    (r"packed double bits under an index", "Wireshark takes them as packed"),
    (r"a count of none", "Wireshark shows the header"),
    (r"addresses 03, 04, 05|g102", "Wireshark knows neither these qualifiers nor 102"),
    (r"variation 0 in a response", "Wireshark takes an octet an object"),
    (r"requests.txt: points by index", "Wireshark takes the indexes of a READ for headers"),
    (r"assign class|freeze at a time", NOT_DISSECTED),
    (r"strings.txt: g11[01]v", "Wireshark calls every length variation 0 and shows no value"),
    (r"g50v[24] time|g50v4|g52v1 ", "Wireshark does not know these variations"),
    (r"g70v[278] |g70 two objects|a name that lies elsewhere", "Wireshark shows no content of "
                                                               "70v2, 70v7, 70v8"),
    (r"g70v4 abort a transfer", NOT_DISSECTED),
    (r"names beyond the object|objects shorter than|a file object longer|g70 without a size",
     "Wireshark reads what is not there, and stops"),
    (r"g4v3 relative to an unsynch|a later common time", "Wireshark does not know 51v2"),
]


class AgainstWireshark(unittest.TestCase):
    def setUp(self):
        if not shutil.which("tshark"):
            self.skipTest("tshark is not installed: dnp3-decode was compared with nothing")

    def explain(self, capture, whose, item, told):
        """The entry of ACCEPTED that a difference falls under, or None."""
        for entry in ACCEPTED:
            if (entry.whose == whose and entry.capture in (None, capture)
                    and entry.function in (None, item.function)
                    and entry.group in (None, item.group)
                    and entry.variation in (None, item.variation)
                    and (not entry.told or item[:2] + item[4:6] in told)):
                return entry
        return None

    def compare(self, capture, lines, dissection):
        """How many items agree, and [(who alone has it, item, why)]."""
        ours = collections.Counter(ours_of(line) for line in lines if "error" not in line)
        theirs = collections.Counter(dissection.items)
        told = {(line["frame"], line["src"], int(number.group(1)), int(number.group(2)))
                for line in lines
                for number in [re.search(r"g(\d+)v(\d+)", line.get("error", ""))] if number}
        differences = [(whose, item, self.explain(capture, whose, item, told))
                       for whose, rest in (("decode", ours - theirs), ("tshark", theirs - ours))
                       for item in rest.elements()]
        return sum((ours & theirs).values()), differences

    def test_every_capture(self):
        captures = sorted(glob.glob(os.path.join(CAPTURES, "*", "*.pcap*")))
        self.assertGreater(len(captures), 100)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            dissections = list(pool.map(Dissection, captures))
        agreed, used, unexplained = 0, collections.Counter(), []
        for path, dissection in zip(captures, dissections):
            capture = os.path.relpath(path, CAPTURES)
            same, differences = self.compare(capture, decode(path), dissection)
            agreed += same
            used.update(entry for _, _, entry in differences)
            unexplained += [f"{capture}: only {whose}: {item}"
                            for whose, item, entry in differences if entry is None]
        print(f"{agreed} objects and headers agree")
        for entry in ACCEPTED:
            print(f"{used[entry]:4} only {entry.whose}: {entry.function or 'any function'} "
                  f"g{entry.group}v{entry.variation}: {entry.why}".replace("None", "*"))
        self.assertEqual(unexplained, [], "\n".join(unexplained))
        self.assertEqual([entry for entry in ACCEPTED if not used[entry]], [],
                         "entries that no difference needs any more")


    def write_vectors(self, path):
        """The fragments of tests/vectors, each a datagram of a conversation of its own."""
        names, packets = [], []
        for vectors in VECTORS:
            source = os.path.join(CAPTURES, "..", "vectors", vectors + ".txt")
            with open(source, encoding="utf-8") as file:
                parts = re.split(r"^=== fragment: ", file.read(), flags=re.M)[1:]
            for part in parts:
                name, _, body = part.partition("\n")
                octets = bytes.fromhex(re.sub("#.*", "", body.split("---")[0]))
                answer = octets[1] >= 129
                link = (0x44, 1, 10) if answer else (0xC4, 10, 1)
                cuts = range(0, len(octets), 249)
                payload = b"".join(
                    frame(*link, bytes([(at == 0) << 6 | (at == cuts[-1]) << 7 | at // 249])
                          + octets[at:at + 249]) for at in cuts)
                packets.append(pcap.ipv4(pcap.Segment(b"\x0a\0\0\1", b"\x0a\0\0\2", (
                    20000, 30000 + len(names)), None, 0, 0, payload)))
                names.append(f"{vectors}.txt: {name}")
        with open(path, "wb") as file:
            file.write(pcap.pcap(packets, 101))
        return names

    def test_every_vector(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "vectors.pcap")
            names = self.write_vectors(path)
            agreed, differences = self.compare("vectors", decode(path), Dissection(path))
        used, unexplained = collections.Counter(), []
        for whose, item, _ in differences:
            name = names[item.frame - 1]
            reason = next((entry for entry in VECTORS_DIFFER if re.search(entry[0], name)), None)
            used[reason] += 1
            if reason is None:
                unexplained.append(f"{name}: only {whose}: {item}")
        print(f"{agreed} objects and headers of {len(names)} vectors agree")
        for entry in VECTORS_DIFFER:
            print(f"{used[entry]:4} differ: {entry[0]}: {entry[1]}")
        self.assertEqual(unexplained, [], "\n".join(unexplained))
        self.assertEqual([entry for entry in VECTORS_DIFFER if not used[entry]], [],
                         "entries that no difference needs any more")
