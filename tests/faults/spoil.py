# SPDX-License-Identifier: Apache-2.0
"""Damage to the spool's file, and exactly what went with it: the events that lay in the file before
and of which no whole record is left. Nothing else that is missing is excused."""

import json
import random
import re
import shutil
import struct
import subprocess
import zlib

from field import GENERATION
from verdict import point_of

PAGE = 4096
HEAD = 20  # of a message's record: "DN", kind, format, CRC-32, length, sequence
MESSAGE = re.compile(rb"DNM\x01")
TOLD = re.compile(r"taken over, (at least )?(\d+)(?: to (\d+))? lost")


def whole_messages(octets):
    """Sequence -> where its record begins, of each that is whole, wherever it lies."""
    found = {}
    for match in MESSAGE.finditer(octets):
        at = match.start()
        if at + HEAD > len(octets):
            break
        crc, length, sequence = struct.unpack_from(">IIQ", octets, at + 4)
        if HEAD < length <= len(octets) - at and \
                zlib.crc32(octets[at + 8:at + length]) == crc:
            found[sequence] = at
    return found


def generation_of(value):
    """(generation, number) of an event's value."""
    generation, before = divmod(value - 1, GENERATION)
    return generation, before + 1


def event_of(topic, payload):
    """(point, generation, number), or None where it is no numbered event."""
    point = point_of(topic)
    content = json.loads(payload) if point else {}
    if content.get("source") != "event":
        return None
    return point, *generation_of(int(content["value"]))


def live_events(lister, path, scratch):
    """Sequence -> event, of what the file holds for a gateway that opens it."""
    shutil.copyfile(path, scratch)
    listing = subprocess.run([lister, scratch], stdout=subprocess.PIPE, check=True).stdout
    events = {}
    for line in listing.decode("utf-8", "replace").splitlines():
        sequence, topic, payload = line.split(" ", 2)
        event = event_of(topic, payload)
        if event:
            events[int(sequence)] = event
    return events


def damage(octets, places, dice):
    """The file's octets with something wrong in them: where records lie, mostly."""
    octets = bytearray(octets)
    pages = len(octets) // PAGE
    page = dice.randrange(pages)
    if places and dice.random() < 0.7:
        page = dice.choice(places) // PAGE
    how = dice.choice(("cut", "page", "zeros", "octet"))
    if how == "cut":
        del octets[page * PAGE:]
    elif how == "page":
        octets[page * PAGE:(page + 1) * PAGE] = dice.randbytes(PAGE)
    elif how == "zeros":
        end = min(pages, page + 16)
        octets[page * PAGE:end * PAGE] = bytes((end - page) * PAGE)
    else:
        octets[page * PAGE + dice.randrange(PAGE)] ^= 1 << dice.randrange(8)
    return bytes(octets), how


class Damage:
    """`told` is what the gateway says that it may have lost: at most so many, None where it cannot
    tell; not told is 0. `confirmed` are the tallies of the moment at which it starts again: what
    its outstation still has is lost nowhere."""

    def __init__(self, path, lister, scratch, seed):
        with open(path, "rb") as file:
            before = file.read()
        live = live_events(lister, path, scratch)
        places = whole_messages(before)
        after, self.how = damage(before, [places[s] for s in live if s in places],
                                 random.Random(seed))
        with open(path, "wb") as file:
            file.write(after)
        left = whole_messages(after)
        self.stored = len(live)
        self.destroyed = {event for sequence, event in live.items() if sequence not in left} - \
            {event for sequence, event in live.items() if sequence in left}
        self.confirmed = {}
        self.told = 0

    def hear(self, log):
        """Takes what the gateway's log says at its start."""
        for at_least, least, most in TOLD.findall(log):
            self.told = None if at_least else int(most or least)

    def _is_rid(self, event):
        (name, kind, index), generation, number = event
        if name == "peer":
            return True  # it cannot say
        return number <= self.confirmed.get((name, kind, index, generation), (0, 0))[1]

    def excuses(self, missing):
        """Those of the missing events that this took."""
        gone = [event for event in missing if event in self.destroyed and self._is_rid(event)]
        return gone if self.told is None else gone[:self.told]

    def __str__(self):
        return f"{self.how}: {len(self.destroyed)} of {self.stored} events destroyed, " \
               f"told {'at least some' if self.told is None else self.told}"
