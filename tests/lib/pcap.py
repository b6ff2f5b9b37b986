# SPDX-License-Identifier: Apache-2.0
"""Capture files taken apart and written anew in every form that dnp3-decode reads."""

import struct

MAC = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02"
SYN = 2


class Segment:
    """A TCP segment, or a UDP datagram (`sequence` None)."""

    def __init__(self, source, destination, ports, sequence, acknowledged, flags, payload):
        self.source, self.destination, self.ports = source, destination, ports
        self.sequence, self.acknowledged, self.flags = sequence, acknowledged, flags
        self.payload = payload

    def transport(self, ports=None):
        ports = struct.pack(">HH", *(ports(self.ports) if ports else self.ports))
        if self.sequence is None:
            return ports + struct.pack(">HH", 8 + len(self.payload), 0) + self.payload
        return ports + struct.pack(">IIBBHHH", self.sequence, self.acknowledged, 0x50, self.flags,
                                   8192, 0, 0) + self.payload


def read_segments(path):
    """The TCP segments and UDP datagrams of a little-endian pcap file of Ethernet and IPv4."""
    with open(path, "rb") as file:
        octets = file.read()
    segments, at = [], 24
    while at < len(octets):
        length = struct.unpack_from("<I", octets, at + 8)[0]
        packet = octets[at + 16 + 14:at + 16 + length]
        at += 16 + length
        header, total, protocol = (packet[0] & 15) * 4, int.from_bytes(packet[2:4], "big"), packet[9]
        source, destination, body = packet[12:16], packet[16:20], packet[header:total]
        ports = struct.unpack_from(">HH", body)
        if protocol == 17:
            segments.append(Segment(source, destination, ports, None, 0, 0, body[8:]))
        else:
            sequence, acknowledged, offset, flags = struct.unpack_from(">IIBB", body, 4)
            segments.append(Segment(source, destination, ports, sequence, acknowledged, flags,
                                    body[(offset >> 4) * 4:]))
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


def ethernet(packet, tags=b""):
    kind = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
    return (MAC + tags + kind + packet).ljust(60, b"\0")


def sll(packet):
    return bytes.fromhex("0000 0001 0006 020000000001 0000 0800") + packet


def sll2(packet):
    return bytes.fromhex("0800 0000 00000001 0001 00 06 020000000001 0000") + packet


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
