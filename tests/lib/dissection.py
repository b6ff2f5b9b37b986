# SPDX-License-Identifier: Apache-2.0
"""What Wireshark and dnp3-decode read in a capture, as items that can be compared."""

import collections
import json
import os
import re
import struct
import subprocess
import xml.etree.ElementTree as ElementTree

BIN = os.environ.get("DNP3_BIN", "build/dev/bin")
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
