# SPDX-License-Identifier: Apache-2.0
"""dnp3-decode against Wireshark's dissector, over every capture of tests/captures: objects,
indexes, values, flags and times. What differs is listed here with its reason; a reason that no
difference needs any more fails too."""

import collections
import concurrent.futures
import glob
import gzip
import json
import os
import random
import re
import shutil
import struct
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

from dnp3_peer import frame
import pcap

BIN = os.environ.get("DNP3_BIN", "build/dev/bin")
CAPTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "captures")
TSHARK_S = 60
TSHARK = ["tshark", "-n", "-T", "pdml", "-Y", "dnp3", "-d", "tcp.port==20001,dnp3", "-r"]

FUNCTIONS = {0: "CONFIRM", 1: "READ", 2: "WRITE", 3: "SELECT", 4: "OPERATE", 5: "DIRECT_OPERATE",
             6: "DIRECT_OPERATE_NR", 7: "IMMED_FREEZE", 8: "IMMED_FREEZE_NR", 9: "FREEZE_CLEAR",
             10: "FREEZE_CLEAR_NR", 11: "FREEZE_AT_TIME", 12: "FREEZE_AT_TIME_NR",
             13: "COLD_RESTART", 14: "WARM_RESTART", 15: "INITIALIZE_DATA", 16: "INITIALIZE_APPL",
             17: "START_APPL", 18: "STOP_APPL", 19: "SAVE_CONFIG", 20: "ENABLE_UNSOLICITED",
             21: "DISABLE_UNSOLICITED", 22: "ASSIGN_CLASS", 23: "DELAY_MEASURE",
             24: "RECORD_CURRENT_TIME", 25: "OPEN_FILE", 26: "CLOSE_FILE", 27: "DELETE_FILE",
             28: "GET_FILE_INFO", 29: "AUTHENTICATE_FILE", 30: "ABORT_FILE", 31: "ACTIVATE_CONFIG",
             32: "AUTHENTICATE_REQ", 33: "AUTH_REQ_NO_ACK", 129: "RESPONSE",
             130: "UNSOLICITED_RESPONSE", 131: "AUTHENTICATE_RESP"}
STATUSES = ["SUCCESS", "TIMEOUT", "NO_SELECT", "FORMAT_ERROR", "NOT_SUPPORTED", "ALREADY_ACTIVE",
            "HARDWARE_ERROR", "LOCAL", "TOO_MANY_OBJS", "NOT_AUTHORIZED", "AUTOMATION_INHIBIT",
            "PROCESSING_LIMITED", "OUT_OF_RANGE", "DOWNSTREAM_LOCAL", "ALREADY_COMPLETE", "BLOCKED",
            "CANCELLED", "BLOCKED_OTHER_MASTER", "DOWNSTREAM_FAIL"]
FLAGS = ["ONLINE", "RESTART", "COMM_LOST", "REMOTE_FORCED", "LOCAL_FORCED"]
UPPER_FLAGS = {"binary": ["CHATTER_FILTER", "0x40"], "double": ["CHATTER_FILTER"],
               "output": ["0x20", "0x40"], "counter": ["ROLLOVER", "DISCONTINUITY"],
               "analog": ["OVER_RANGE", "REFERENCE_ERR"]}
KINDS = {1: "binary", 2: "binary", 3: "double", 4: "double", 10: "output", 11: "output",
         **dict.fromkeys((20, 21, 22, 23), "counter"),
         **dict.fromkeys((30, 31, 32, 33, 40, 42), "analog")}

SINGLE = {(30, 5), (31, 7), (32, 5), (32, 7), (33, 5), (33, 7), (40, 3), (41, 3), (42, 5), (42, 7),
          (43, 5), (43, 7)}

# What Wireshark shows of a file object (permissions not: it takes them from the size's octets).
FILE_FIELDS = {"name": "file_name", "mode": "file.mode", "key": "file.auth",
               "block_size": "file.maxblock", "request": "file.reqID", "created": "timestamp",
               "handle": "file.handle", "block": "file.blocknum", "last": "file.lastblock",
               "data": "file.data", "status": "file.status", "size": "file.size"}
FILE_STATUSES = {0: "SUCCESS", 1: "PERMISSION_DENIED", 2: "INVALID_MODE", 3: "NOT_FOUND",
                 4: "LOCKED", 5: "TOO_MANY_OPEN", 6: "INVALID_HANDLE", 7: "BLOCK_SIZE",
                 8: "COMM_LOST", 9: "CANNOT_ABORT", 16: "NOT_OPENED", 17: "HANDLE_EXPIRED",
                 18: "BUFFER_OVERRUN", 19: "FATAL", 20: "BLOCK_SEQUENCE", 255: "UNDEFINED"}

Item = collections.namedtuple("Item", "frame src dst function group variation index value flags "
                                      "time")

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


def number_of(field):
    """The value of a field of Wireshark by its octets, which say it exactly."""
    octets = bytes.fromhex(field.get("value"))
    kind = field.get("name").rsplit(".", 1)[1]
    if kind in ("float", "double"):
        return struct.unpack("<f" if len(octets) == 4 else "<d", octets)[0]
    return int.from_bytes(octets, "little", signed=kind == "int")


def little(field):
    return int.from_bytes(bytes.fromhex(field.get("value")), "little")


def status_name(field):
    number = int(field.get("show"), 0)
    names = {**dict(enumerate(STATUSES)), 126: "NON_PARTICIPATING", 127: "UNDEFINED"}
    return names.get(number, number)


def file_shown(fields):
    """What Wireshark shows of a file object, by our names."""
    shown = {}
    for key, name in FILE_FIELDS.items():
        field = fields.get("dnp3.al." + name)
        if field is None:
            continue
        if key == "name":
            shown[key] = field.get("show")
        elif key == "data":
            shown[key] = field.get("value")
        elif key in ("block", "last"):  # bits of one number
            shown[key] = int(field.get("show"), 0)
        else:
            shown[key] = little(field)
    if "status" in shown:
        shown["status"] = FILE_STATUSES.get(shown["status"], shown["status"])
    return tuple(sorted(shown.items()))


def file_told(line):
    """The same of a line of dnp3-decode."""
    value = dict(line["value"])
    if line["variation"] == 3 and value["mode"] != 2:  # Wireshark shows it of WRITE only
        del value["created"]
    if line["variation"] == 3 and value["mode"] not in (2, 3):  # and this of APPEND
        del value["size"]
    octets = value.get("data") or value.get("text")
    if octets:
        value["data"] = octets if value.get("encoding") == "hex" else octets.encode().hex()
    if "status" in line:
        value["status"] = line["status"]
    return tuple(sorted((key, int(known) if isinstance(known, bool) else known)
                        for key, known in value.items() if key in FILE_FIELDS and known != ""))


def flag_names(group, octet):
    names = FLAGS + UPPER_FLAGS[KINDS.get(group, "output")]
    return tuple(name for bit, name in enumerate(names) if octet >> bit & 1)


class Dissection:
    """What Wireshark reads in one capture."""

    def __init__(self, path):
        done = subprocess.run(TSHARK + [path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=TSHARK_S, check=True)
        self.items = []
        for packet in ElementTree.fromstring(done.stdout).iter("packet"):
            self.frame = int(packet.find("proto/field[@name='num']").get("show"))
            for proto in packet.findall("proto[@name='dnp3']"):
                self.take_proto(proto)

    def take_proto(self, proto):
        def integer(name):
            field = proto.find(f".//field[@name='{name}']")
            return None if field is None else int(field.get("show"), 0)

        function = integer("dnp3.al.func")
        if function is None:
            return
        self.head = (self.frame, integer("dnp3.src"), integer("dnp3.dst"),
                     FUNCTIONS.get(function, function))
        self.common_time = None
        for header in proto.iter("field"):
            if header.get("name") == "dnp3.al.obj":
                self.take_header(header)

    def add(self, *rest):
        self.items.append(Item(*self.head, *self.number, *rest))

    def take_header(self, header):
        octets = int(header.get("show"), 16)
        self.number = (octets >> 8, octets & 0xFF)
        points = [field for field in header
                  if re.match("Point Number|Object: Size", field.get("show") or "")]
        siblings = [field for field in header if field.get("name") in
                    ("dnp3.al.timestamp", "dnp3.al.time_delay")]
        if not points:
            start = header.find(".//field[@name='dnp3.al.range.start']")
            stop = header.find(".//field[@name='dnp3.al.range.stop']")
            span = None if start is None else (int(start.get("show")), int(stop.get("show")))
            self.add(None, span, None, None)
        for at, point in enumerate(points):
            self.take_point(point, siblings[at] if at < len(siblings) else None)

    def take_point(self, point, sibling):
        fields = {field.get("name"): field for field in point.iter("field") if field.get("name")}
        index = next((int(fields[name].get("show")) for name in ("dnp3.al.index",
                      "dnp3.al.point_index") if name in fields), None)
        if sibling is not None:  # 50, 51, 52
            if self.number[0] == 51:
                self.common_time = little(sibling)
            self.add(index, little(sibling), None, None)
            return
        if self.number[0] == 70:
            self.add(None, file_shown(fields), None, None)
            return
        quality = next((little(field) for field in point
                        if (field.get("show") or "").startswith("Quality")), None)
        flags = None if quality is None else flag_names(self.number[0], quality)
        self.add(index, self.value(point, fields), flags, self.time(fields))

    def value(self, point, fields):
        for name, field in fields.items():
            if re.fullmatch(r"dnp3\.al\.(ana|anaout|cnt|da)(\.(?!length)\w+)?", name):
                status = fields.get("dnp3.al.ctrlstatus")
                value = number_of(field)
                return value if status is None else (value, status_name(status))
        if "dnp3.al.on_time" in fields:
            code = next(little(field) for field in point
                        if (field.get("show") or "").startswith("Control Code"))
            return (code, *(little(fields[f"dnp3.al.{name}"])
                            for name in ("count", "on_time", "off_time")),
                    status_name(fields["dnp3.al.ctrlstatus"]))
        text = re.search(r"Value: (\d+)", point.get("show"))
        return int(text.group(1)) if text else None

    def time(self, fields):
        if "dnp3.al.timestamp" in fields:
            return little(fields["dnp3.al.timestamp"]) or None
        if "dnp3.al.reltimestamp" in fields and self.common_time:
            return self.common_time + little(fields["dnp3.al.reltimestamp"])
        return None


def ours_of(line):
    """An item of a line of dnp3-decode."""
    value, status = line["value"], line.get("status")
    if (line["group"], line["variation"]) in SINGLE and value is not None:
        value = struct.unpack("<f", struct.pack("<f", float(value)))[0]
    if line["group"] == 70:
        value = file_told(line)
    elif isinstance(value, dict):
        value = (value["code"], value["count"], value["on_ms"], value["off_ms"], status)
    elif status is not None:
        value = (value, status)
    elif line["index"] is None:
        value = tuple(line["range"]) if line["range"] else None
    flags = None if line["flags"] is None else tuple(line["flags"])
    return Item(line["frame"], line["src"], line["dst"], line["function"], line["group"],
                line["variation"], line["index"], value, flags, line["time"])


def decode(path):
    done = subprocess.run([os.path.join(BIN, "dnp3-decode"), path], stdout=subprocess.PIPE,
                          timeout=TSHARK_S, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


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
