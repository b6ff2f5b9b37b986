# SPDX-License-Identifier: Apache-2.0
"""A recorded conversation: connections of turns; in each the master says something and the
outstation then says words, which dnp3-decode reads."""

import json
import os
import subprocess

import pcap

BIN = os.environ.get("DNP3_BIN", "build/dev/bin")
DECODE_S = 60
DIR, FIR, FIN, CON, UNS = 0x80, 0x80, 0x40, 0x20, 0x10
CONFIRM, RESPONSE, UNSOLICITED = 0x00, 0x81, 0x82


class Word:
    """What one side says at once: a link frame without data, or the frames of one fragment."""

    def __init__(self, octets, header, fragment=None):
        self.octets, self.link_control = octets, header[3]
        self.destination = int.from_bytes(header[4:6], "little")
        self.source = int.from_bytes(header[6:8], "little")
        self.fragment, self.objects = fragment, []

    @property
    def function(self):
        return self.fragment[1] if self.fragment else None

    @property
    def sequence(self):
        return self.fragment[0] & 15

    @property
    def iin(self):
        """As the library counts: IIN1 is the low octet. None where the word has none."""
        if self.function not in (RESPONSE, UNSOLICITED):
            return None
        return int.from_bytes(self.fragment[2:4], "little")

    def kind(self):
        """By this words of two conversations find one another."""
        return f"link {self.link_control & 0x4F:02X}" if self.fragment is None \
            else f"function {self.function}"


class Assembler:
    """The octets of one direction to words. What is not a frame ends the run, as it is recorded
    only where the master tries it on the outstation."""

    def __init__(self):
        self.octets, self.frames, self.data = b"", b"", b""
        self.from_master = False

    def feed(self, octets):
        self.octets += octets
        words = []
        if self.octets[:2] == b"\x05\x64" and len(self.octets) > 3:
            self.from_master = bool(self.octets[3] & DIR)
        while len(self.octets) >= 10 and self.octets[:2] == b"\x05\x64":
            size = self.octets[2] - 5
            whole = 10 + size + (size + 15) // 16 * 2
            if size < 0 or len(self.octets) < whole:
                break
            words += self.take(self.octets[:whole], size)
            self.octets = self.octets[whole:]
        return words

    def take(self, frame, size):
        data, at = b"", 10
        while len(data) < size:
            block = min(16, size - len(data))
            data += frame[at:at + block]
            at += block + 2
        if not data:
            return [Word(frame, frame)]
        if data[0] & 0x40:
            self.frames, self.data = b"", b""
        self.frames += frame
        self.data += data[1:]
        return [Word(self.frames, frame, self.data)] if data[0] & 0x80 else []


class Turn:
    """What the master says (nothing, where a connection begins) and what is said to it."""

    def __init__(self, octets=b"", said=()):
        self.octets, self.said, self.words = octets, list(said), []
        self.pause_ms = 0  # before the master says it

    def confirm(self):
        """The confirm in it, or None."""
        for word in self.said:
            if word.function == CONFIRM:
                return word
        return None


def connections_of(path):
    """Lists of turns: one list a connection, the first turn before the master says anything."""
    connections, assemblers = [[Turn()]], {}
    for segment in pcap.read_segments(path):
        if segment.sequence is not None and segment.flags & (pcap.SYN | pcap.ACK) == pcap.SYN:
            assemblers = {}
            if any(turn.octets or turn.words for turn in connections[-1]):
                connections.append([Turn()])
        if not segment.payload:
            continue
        way = (segment.source, segment.destination, segment.ports)
        assembler = assemblers.setdefault(way, Assembler())
        words = assembler.feed(segment.payload)
        if assembler.from_master:
            connections[-1].append(Turn(segment.payload, words))
        else:
            connections[-1][-1].words += words
    return connections


def decode(words):
    """Gives each word with a fragment its objects: lines of dnp3-decode without those that only
    ask. One packet a word, so that a line's frame says whose it is."""
    with_fragment = [word for word in words if word.fragment and not word.objects]
    ends, ports = b"\x7f\0\0\1", (20000, 20000)
    packets = [pcap.ethernet(pcap.ipv4(pcap.Segment(ends, ends, ports, None, 0, 0, word.octets)))
               for word in with_fragment]
    done = subprocess.run([os.path.join(BIN, "dnp3-decode"), "-"], input=pcap.pcap(packets),
                          stdout=subprocess.PIPE, timeout=DECODE_S, check=True)
    for line in done.stdout.splitlines():
        item = json.loads(line)
        with_fragment[item["frame"] - 1].objects.append(item)
