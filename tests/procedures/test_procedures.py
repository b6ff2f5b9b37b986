# SPDX-License-Identifier: Apache-2.0
"""The master's requests of recorded conversations, replayed to the library's outstation in virtual
time: each answer is compared by meaning with the recorded one. README.md lists what differs and
why; what is not listed fails, and so does what is listed and does not happen any more."""

import difflib
import fnmatch
import glob
import json
import os
import re
import subprocess
import unittest

import recording
from dnp3_peer import frame
from recording import CON, FIN, FIR, RESPONSE, UNS
from stimuli import CLASSES, EVENTS, NEED_TIME, TYPES, Stimuli

BIN = os.environ.get("DNP3_BIN", "build/dev/bin")
HERE = os.path.dirname(os.path.abspath(__file__))
CAPTURES = os.path.join(HERE, "..", "captures")
RESTART, BROADCAST, WAITS = 0x80, 0xFFF0, 4
CAPACITY, CONFIRM_TIMEOUT_MS, SELECT_TIMEOUT_MS, TURN_MS = 200, 5000, 10000, 10

# Indexes and reporting of the recorded outstation, by its answers to READ of class 0.
SPARSE, DENSE = (0, 41, 1024, 65535), range(20)
SETUP = {"binary_input": (SPARSE, 2, 1), "double_bit_input": (SPARSE, 2, 1),
         "counter": (SPARSE, 2, 1), "frozen_counter": (SPARSE, 2, 1),
         "analog_input": (SPARSE, 2, 1), "binary_output_status": (DENSE, 2, 1),
         "analog_output_status": (DENSE, 2, 1)}
# Where the recording needs time to go by: before what the master says in that turn.
PAUSES = {("procedures/8.4.1.2.4.pcap", 0, 2): SELECT_TIMEOUT_MS + 1,  # OPERATE too late
          ("procedures/8.9.2.2.pcap", 0, 2): CONFIRM_TIMEOUT_MS + 1}  # a confirm too late
# Types of which the recorded outstation had no points: such a READ was answered with nothing.
WITHOUT = {"procedures/8.16.1.2.3.pcap": "counter"}


class Host:
    """The program around the library's outstation."""

    def __init__(self):
        self.process = subprocess.Popen([os.path.join(BIN, "outstation_host")], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.heard, self.words, self.idle = recording.Assembler(), [], False

    def do(self, line):
        """Tells it; `idle` says whether it waits for nothing."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        self.idle = False
        while True:
            answer = self.process.stdout.readline().strip()
            if answer == ".":
                return
            if answer == "never":
                self.idle = True
            elif not answer:
                raise AssertionError(f"the host ended at {line!r}")
            else:
                self.words += self.heard.feed(bytes.fromhex(answer))

    def take(self):
        words, self.words = self.words, []
        return words

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        code = self.process.wait(10)
        if code:
            raise AssertionError(f"the host ended with {code}")


class Replay:
    """One connection of a recording, said again."""

    def __init__(self, host, name, number, turns):
        self.host, self.name, self.number, self.turns = host, name, number, turns
        self.recorded = [word for turn in turns for word in turn.words]
        self.answers = [word for word in self.recorded if word.iin is not None]
        self.pairs = []  # turn, recorded word or None, our word or None
        self.handles = None  # of the open file, in the recording and here
        self.last = {}   # by UNS: the newest word of the recording and ours that a confirm means

    def run(self):
        self.prepare()
        for number, turn in enumerate(self.turns):
            self.turn(number, turn)

    def prepare(self):
        for number, turn in enumerate(self.turns):
            turn.pause_ms = PAUSES.get((self.name, self.number, number), TURN_MS)
        self.stimuli = Stimuli(self.turns, CAPACITY, CONFIRM_TIMEOUT_MS)
        for key, value in self.settings().items():
            self.host.do(f"set {key} {value}")
        self.host.do("start")
        self.make_points()
        for line in self.stimuli.first:
            self.host.do(line)
        if self.answers and not self.answers[0].iin & RESTART:
            self.clear_restart()

    def settings(self):
        said = [word for turn in self.turns for word in turn.said]
        ours = [word.destination for word in said if word.destination < BROADCAST]
        unsolicited = any(word.fragment and word.fragment[0] & UNS for word in self.recorded) or \
            any(word.function in (20, 21) for word in said)
        return {
            "address": self.recorded[0].source if self.recorded else ours[0],
            "master": said[0].source if said else self.recorded[0].destination,
            "points": 65536, "controls": 20,
            "events_1": CAPACITY * (1 + self.has_double_bits()),  # of two types
            "events_2": CAPACITY, "events_3": CAPACITY,
            "confirm_timeout": CONFIRM_TIMEOUT_MS, "select_timeout": SELECT_TIMEOUT_MS,
            "unsolicited": int(unsolicited),
            "need_time": int(bool(self.answers) and bool(self.answers[0].iin & NEED_TIME))}

    def clear_restart(self):
        """The recording begins when a master has cleared DEVICE_RESTART before."""
        settings = self.settings()
        write = bytes.fromhex("C0 C0 02 50 01 00 07 07 00")
        self.host.do("connect")
        self.host.do("octets " + frame(0xC4, settings["address"], settings["master"], write).hex())
        self.host.do("disconnect")
        self.host.take()

    def has_double_bits(self):
        return any(TYPES.get(item.get("group")) == "double_bit_input"
                   for word in self.recorded for item in word.objects)

    def make_points(self):
        points = self.certified_points() if self.name.startswith("procedures/") \
            else self.seen_points()
        for (kind, index), (static, event) in points.items():
            self.host.do(f"point {kind} {index} {CLASSES.get(kind, 0)} {static} {event}")
            self.host.do(f"initial {kind} {index} 0 1")

    def certified_points(self):
        return {(kind, index): variations for kind, (indexes, *variations) in SETUP.items()
                for index in indexes
                if kind != WITHOUT.get(self.name)
                and (kind != "double_bit_input" or self.has_double_bits())}

    def seen_points(self):
        """Those of the answers, in the variations that they came in."""
        points = {key: [0, 0] for key in self.stimuli.touched}
        for word in self.recorded:
            for item in word.objects:
                if item.get("group") in TYPES:
                    variations = points.setdefault((TYPES[item["group"]], item["index"]), [0, 0])
                    variations[item["group"] in EVENTS] = item["variation"]
        return points

    def turn(self, number, turn):
        for line in self.stimuli.at[number, 0]:
            self.host.do(line)
        if number == 0:
            self.host.do("connect")
        else:
            self.host.do(f"pass {turn.pause_ms}")
            self.host.do("octets " + self.translated(turn).hex())
        ours = self.host.take()
        for position in range(1, len(turn.words) + 1):
            for line in self.stimuli.at[number, position] if position > 1 else ():
                self.host.do(line)
            for _ in range(WAITS):
                ours += self.host.take()
                if len(ours) >= position:
                    break
                self.host.do("wait")
                if self.host.idle:
                    break
        ours += self.host.take()
        self.pair(number, turn.words, ours)

    def translated(self, turn):
        """What the master said; but unsolicited sequences and handles of files, which are the
        outstation's choice, are ours."""
        if self.handles:
            return self.with_our_handle(turn)
        confirm = turn.confirm()
        if not confirm or not confirm.fragment[0] & UNS or "recorded" not in self.last:
            return turn.octets
        shift = confirm.sequence - self.last["recorded"].sequence
        sequence = self.last["ours"].sequence + shift & 15
        data = bytes([0xC0, 0xD0 | sequence, 0])
        return frame(confirm.link_control, confirm.destination, confirm.source, data)

    def with_our_handle(self, turn):
        recorded, ours = (handle.to_bytes(4, "little") for handle in self.handles)
        octets = b""
        for said in turn.said:
            fragment = said.fragment.replace(recorded, ours)
            octets += frame(said.link_control, said.destination, said.source,
                            bytes([0xC0]) + fragment)
        return octets

    def note_handles(self, *words):
        """After OPEN_FILE: the handle that the outstation chose, in both conversations."""
        recording.decode(words)
        handles = [item["value"]["handle"] for word in words for item in word.objects
                   if (item.get("group"), item.get("variation")) == (70, 4)]
        if len(handles) == 2 and all(handles):
            self.handles = handles

    def pair(self, number, recorded, ours):
        """Finds what stands for what."""
        kinds = [word.kind() for word in recorded], [word.kind() for word in ours]
        matcher = difflib.SequenceMatcher(None, *kinds, autojunk=False)
        for tag, a, a_end, b, b_end in matcher.get_opcodes():
            if tag == "equal":
                for one, other in zip(recorded[a:a_end], ours[b:b_end]):
                    self.pairs.append((number, one, other))
                    self.note_handles(one, other)
                    if one.function == recording.UNSOLICITED:
                        self.last = {"recorded": one, "ours": other}
            else:
                self.pairs += [(number, word, None) for word in recorded[a:a_end]]
                self.pairs += [(number, None, word) for word in ours[b:b_end]]


def told_header(word):
    """What a word is, a line a part; the sequence of an unsolicited response means nothing."""
    if word.fragment is None:
        return [word.kind()]
    control = " ".join(name for name, bit in (("FIR", FIR), ("FIN", FIN), ("CON", CON),
                                              ("UNS", UNS)) if word.fragment[0] & bit)
    lines = [f"function {word.function:02X}", control, f"IIN {word.iin & 255:02X} "
             f"{word.iin >> 8:02X}" if word.iin is not None else "no IIN"]
    return lines + ([f"sequence {word.sequence}"] if word.function == RESPONSE else [])


def told_object(item):
    if "error" in item:
        return item["error"]
    name = f"g{item['group']}v{item['variation']}"
    if item["group"] == 51:
        return name
    if item["group"] == 70 and item["value"].get("handle"):
        item = {**item, "value": {**item["value"], "handle": "chosen"}}
    return " ".join([f"{name} {item['index']}"] + [
        json.dumps(item[key]).replace('"', "") for key in ("value", "flags", "time", "status")
        if item.get(key) is not None])


def told_objects(word):
    """Events in their order; that of static objects means nothing."""
    statics = [item for item in word.objects
               if item.get("group") in TYPES and item["group"] not in EVENTS]
    others = [item for item in word.objects if item not in statics]
    statics.sort(key=lambda item: (item["group"], item["index"]))
    return [told_object(item) for item in others + statics]


def differences(recorded, ours):
    if ours is None:
        return ["not said: " + "; ".join(told_header(recorded) + told_objects(recorded))]
    if recorded is None:
        return ["said besides: " + "; ".join(told_header(ours) + told_objects(ours))]
    headers = [f"{said}, recorded {was}"
               for said, was in zip(told_header(ours), told_header(recorded)) if said != was]
    marks = {"-": "not said: ", "+": "said besides: "}
    return headers + [marks[line[0]] + line[2:] for line in
                      difflib.ndiff(told_objects(recorded), told_objects(ours))
                      if line[0] in marks]


def replay(path):
    """Every difference between the recording and what our outstation says, with its place; and
    how many words were compared."""
    connections = recording.connections_of(path)
    recording.decode([word for turns in connections for turn in turns
                      for word in turn.words + turn.said])
    host, found, compared = Host(), [], 0
    try:
        for number, turns in enumerate(connections):
            if not any(turn.octets for turn in turns):
                continue
            run = Replay(host, os.path.relpath(path, CAPTURES), number, turns)
            run.run()
            recording.decode([ours for _, _, ours in run.pairs if ours])
            compared += len(run.recorded)
            for turn, recorded, ours in run.pairs:
                found += [(f"{number}.{turn}", line) for line in differences(recorded, ours)]
    finally:
        host.close()
    return found, compared


class Listed:
    """A row of README.md: captures, places (connection.turn), difference, clause, reason."""

    def __init__(self, captures, places, difference, clause, reason):
        self.captures, self.places = captures.strip("`"), places.split(", ")
        self.difference, self.clause, self.reason = difference.strip("`"), clause, reason
        parts = self.difference.split("*")
        self.pattern = re.compile(".*".join(re.escape(part) for part in parts), re.DOTALL)
        self.used = False

    def covers(self, name, place, difference):
        found = fnmatch.fnmatch(name, self.captures) and \
            (self.places == ["all"] or place in self.places) and \
            self.pattern.fullmatch(difference) is not None
        self.used = self.used or found
        return found


def listed():
    with open(os.path.join(HERE, "README.md"), encoding="utf-8") as file:
        rows = [line.strip().strip("|").split(" | ") for line in file if line.startswith("| `")]
    return [Listed(*[cell.strip() for cell in row]) for row in rows if len(row) == 5]


class Procedures(unittest.TestCase):
    def compare(self, folder, at_least):
        rows = [row for row in listed() if row.captures.startswith(folder + "/")]
        paths = sorted(glob.glob(os.path.join(CAPTURES, folder, "*.pcap")))
        self.assertGreaterEqual(len(paths), at_least)
        unlisted, words = [], 0
        for path in paths:
            name = os.path.relpath(path, CAPTURES)
            found, compared = replay(path)
            words += compared
            unlisted += [f"{name} {place}: {line}" for place, line in found
                         if not any([row.covers(name, place, line) for row in rows])]
        unused = [f"{row.captures} {row.places}: {row.difference}" for row in rows if not row.used]
        self.assertEqual(unlisted, [], "not in README.md")
        self.assertEqual(unused, [], "in README.md, but does not happen")
        self.assertTrue(all(row.clause and row.reason for row in rows))
        return words

    def test_procedures(self):
        """The certification procedures of Level 2, 70 of them."""
        self.assertGreater(self.compare("procedures", 70), 190)

    def test_functions(self):
        self.assertGreater(self.compare("functions", 29), 70)

    def test_a_difference_is_seen(self):
        """A recording that says something else than what happened is not taken for the same."""
        path = os.path.join(CAPTURES, "procedures", "8.18.2.2.pcap")
        connections = recording.connections_of(path)
        self.assertEqual(replay(path)[0], [])
        word = connections[0][1].words[0]
        recording.decode([word])
        other = recording.Word(word.octets, word.octets, bytearray(word.fragment))
        other.objects = [dict(item) for item in word.objects]
        other.objects[1]["value"] += 1
        other.fragment[3] |= 4
        self.assertEqual(differences(other, word),
                         ["IIN 98 00, recorded IIN 98 04", "not said: g30v2 41 101 [ONLINE]",
                          "said besides: g30v2 41 100 [ONLINE]"])
        self.assertEqual(len(differences(None, word)), 1)
        self.assertEqual(len(differences(word, None)), 1)


if __name__ == "__main__":
    unittest.main()
