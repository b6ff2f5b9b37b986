# SPDX-License-Identifier: Apache-2.0
"""Capture files taken apart and written anew in every form that dnp3-decode reads."""

import copy
import struct

MAC = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02"
SYN, ACK = 2, 16


class Segment:
    """A TCP segment, or a UDP datagram (`sequence` None); `time` in ms where it was recorded."""

    def __init__(self, source, destination, ports, sequence, acknowledged, flags, payload,
                 time=None):
        self.source, self.destination, self.ports = source, destination, ports
        self.sequence, self.acknowledged, self.flags = sequence, acknowledged, flags
        self.payload, self.time = payload, time

    def with_(self, **changed):
        """The same but for what is named."""
        other = copy.copy(self)
        for name, value in changed.items():
            setattr(other, name, value)
        return other

    def transport(self, ports=None):
        ports = struct.pack(">HH", *(ports(self.ports) if ports else self.ports))
        if self.sequence is None:
            return ports + struct.pack(">HH", 8 + len(self.payload), 0) + self.payload
        return ports + struct.pack(">IIBBHHH", self.sequence, self.acknowledged, 0x50, self.flags,
                                   8192, 0, 0) + self.payload


def read_segments(path):
    """The TCP segments and UDP datagrams of a little-endian pcap file of IPv4 in Ethernet or BSD
    loopback frames."""
    with open(path, "rb") as file:
        octets = file.read()
    frame_header = {0: 4, 1: 14}[struct.unpack_from("<I", octets, 20)[0]]
    segments, at = [], 24
    while at < len(octets):
        seconds, microseconds, length = struct.unpack_from("<III", octets, at)
        time = seconds * 1000 + microseconds // 1000
        packet = octets[at + 16 + frame_header:at + 16 + length]
        at += 16 + length
        header, total, protocol = (packet[0] & 15) * 4, int.from_bytes(packet[2:4], "big"), packet[9]
        source, destination, body = packet[12:16], packet[16:20], packet[header:total]
        ports = struct.unpack_from(">HH", body)
        if protocol == 17:
            segments.append(Segment(source, destination, ports, None, 0, 0, body[8:], time))
        else:
            sequence, acknowledged, offset, flags = struct.unpack_from(">IIBB", body, 4)
            segments.append(Segment(source, destination, ports, sequence, acknowledged, flags,
                                    body[(offset >> 4) * 4:], time))
    return segments


def ipv4(segment, options=b"", fragment=0, ports=None):
    body = segment.transport(ports)
    header = 20 + len(options)
    protocol = 17 if segment.sequence is None else 6
    return struct.pack(">BBHHHBBH", 0x40 | header // 4, 0, header + len(body), 1, fragment, 64,
                       protocol, 0) + segment.source + segment.destination + options + body


def ipv6(segment, extensions=b"", first=None):
    """`extensions` are whole headers, `first` the protocol number of their first."""
    body = segment.transport()
    protocol = 17 if segment.sequence is None else 6
    ends = b"".join(bytes(12) + end for end in (segment.source, segment.destination))
    return struct.pack(">IHBB", 6 << 28, len(extensions) + len(body),
                       protocol if first is None else first, 64) + ends + extensions + body


def fragments(packet, size, number):
    """An IPv4 packet without options in fragments of at most `size` octets, a multiple of 8."""
    body = packet[20:]
    for at in range(0, len(body), size):
        more = 0x2000 if at + size < len(body) else 0
        piece = body[at:at + size]
        yield packet[:2] + struct.pack(">HHH", 20 + len(piece), number, more | at // 8) \
            + packet[8:20] + piece


def ethernet(packet, tags=b""):
    kind = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
    return (MAC + tags + kind + packet).ljust(60, b"\0")


def sll(packet):
    return bytes.fromhex("0000 0001 0006 020000000001 0000 0800") + packet


def sll2(packet):
    return bytes.fromhex("0800 0000 00000001 0001 00 06 020000000001 0000") + packet


def gre(packet, bridged=False):
    """In IPv4 between two others, with a key and a sequence number."""
    inner = (b"\x65\x58" + ethernet(packet)) if bridged else b"\x08\x00" + packet
    body = b"\x30\x00" + inner[:2] + bytes(8) + inner[2:]
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, 47, 0) \
        + b"\x0a\1\0\1\x0a\1\0\2" + body


def rtac(octets, event):
    """A record of an SEL RTAC's serial port."""
    return struct.pack(">IIBBH", 0, 0, event, 0, 0) + octets


def pcap(packets, link_type=1, order="<", magic=0xA1B2C3D4, snap=65535):
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap, link_type)
    for packet in packets:
        kept = packet[:snap]
        out += struct.pack(order + "IIII", 1, 0, len(kept), len(packet)) + kept
    return out


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, len(body) + 12) + body \
        + struct.pack(order + "I", len(body) + 12)


def pcapng_of(interfaces, packets):
    """`interfaces`: link types; `packets`: (interface, octets), with a block between that none
    knows, and a comment behind each packet."""
    out = block("<", 0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    for link_type in interfaces:
        out += block("<", 1, struct.pack("<HHI", link_type, 0, 0))
    for interface, packet in packets:
        padded = packet + bytes(-len(packet) % 4)
        comment = struct.pack("<HH4sHH", 1, 4, b"text", 0, 0)
        out += block("<", 6, struct.pack("<IIIII", interface, 0, 0, len(packet), len(packet))
                     + padded + comment)
        out += block("<", 0x0BAD, b"\1\2\3\4")
    return out


def pcapng(packets, link_type=1, order="<", simple=False):
    """With a statistics block between, and a second section of the same kind halfway."""
    out = b""
    for half in (packets[:len(packets) // 2], packets[len(packets) // 2:]):
        out += block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
        out += block(order, 1, struct.pack(order + "HHI", link_type, 0, 0))
        for packet in half:
            if simple:
                out += block(order, 3, struct.pack(order + "I", len(packet)) + packet)
            else:
                out += block(order, 6, struct.pack(order + "IIIII", 0, 0, 0, len(packet),
                                                   len(packet)) + packet)
        out += block(order, 5, struct.pack(order + "III", 0, 0, 0))
    return out
