# SPDX-License-Identifier: Apache-2.0
"""What must have happened to the recorded outstation between the words of a conversation: values,
events and indications, worked out from what it said. Events happen as early as the indications of
their class allow: right after the last word before them in which its bit is clear."""

import collections

import recording

TYPES = {1: "binary_input", 2: "binary_input", 3: "double_bit_input", 4: "double_bit_input",
         10: "binary_output_status", 11: "binary_output_status", 20: "counter", 22: "counter",
         21: "frozen_counter", 23: "frozen_counter", 30: "analog_input", 32: "analog_input",
         40: "analog_output_status", 42: "analog_output_status"}
EVENTS = (2, 4, 11, 22, 23, 32, 42)
CLASSES = {"binary_input": 1, "double_bit_input": 1, "counter": 2, "analog_input": 3}
FLAGS = {"ONLINE": 1, "RESTART": 2, "COMM_LOST": 4, "REMOTE_FORCED": 8, "LOCAL_FORCED": 16,
         "CHATTER_FILTER": 32, "ROLLOVER": 32, "OVER_RANGE": 32, "0x20": 32, "0x40": 64,
         "DISCONTINUITY": 64, "REFERENCE_ERR": 64}
FREEZES, RESTARTS = (7, 8, 9, 10), (13, 14)
HOST_INDICATIONS = 0x2060  # CONFIG_CORRUPT, DEVICE_TROUBLE, LOCAL_CONTROL
NEED_TIME, OVERFLOW = 0x10, 0x0800
UNSEEN = (0, 1)

Point = collections.namedtuple("Point", "type index value flags time")


def point_of(item):
    flags = item["flags"]
    return Point(TYPES[item["group"]], item["index"], item["value"],
                 1 if flags is None else sum(FLAGS[name] for name in flags), item["time"] or 0)


def events_of(word):
    return [point_of(item) for item in word.objects if item.get("group") in EVENTS]


def statics_of(word):
    return [point_of(item) for item in word.objects
            if item.get("group") in TYPES and item["group"] not in EVENTS]


class Stimuli:
    """`at[turn, n]`: lines for the host before word n of a turn, 0 being what the master says;
    `first`: what is so before the connection begins."""

    def __init__(self, turns, capacity, confirm_timeout_ms):
        self.turns, self.capacity = turns, capacity
        self.confirm_timeout_ms = confirm_timeout_ms
        self.at, self.first = collections.defaultdict(list), []
        self.touched = set()  # types and indexes of points that change
        self.clear = {1: (0, 0), 2: (0, 0), 3: (0, 0)}
        self.scheduled = []  # (place, Point) of all events
        self.initial, self.seen = {}, {}  # by type and index: value and flags; when as static
        self.find_events()
        self.find_values()
        self.find_what_is_never_reported()
        self.find_indications()
        self.find_restarts()
        self.find_file()

    def words(self):
        """Every word of the outstation that has indications: its place and itself."""
        for number, turn in enumerate(self.turns):
            for position, word in enumerate(turn.words, 1):
                if word.iin is not None:
                    yield (number, position), word

    def after(self, place):
        """The first moment after a word: before the next one, or before the master's next."""
        number, position = place
        return (number, position + 1) if position < len(self.turns[number].words) \
            else (number + 1, 0)

    def note_clear(self, place, word):
        for event_class in self.clear:
            if not word.iin >> event_class & 1:
                self.clear[event_class] = self.after(place)

    def forget_clear(self):
        self.clear = {1: (0, 0), 2: (0, 0), 3: (0, 0)}

    def is_confirmed(self, place, word):
        """Whether the master's next confirm of that kind confirms this word."""
        if not word.fragment[0] & recording.CON:
            return False
        uns = word.fragment[0] & recording.UNS
        if any(later.iin is not None and later.fragment[0] & recording.UNS == uns
               for later in self.turns[place[0]].words[place[1]:]):
            return False
        for turn in self.turns[place[0] + 1:]:
            confirm = turn.confirm() if turn.pause_ms < self.confirm_timeout_ms else None
            if confirm and confirm.fragment[0] & recording.UNS == uns:
                if confirm.sequence == word.sequence:
                    return True
            elif any(said.function != recording.CONFIRM for said in turn.said) and not uns:
                return False
            if any(said.iin is not None and said.fragment[0] & recording.UNS == uns
                   for said in turn.words):
                return False
        return False

    def schedule(self, place, point, verb="event"):
        self.at[place].append(f"{verb} {point.type} {point.index} {point.value} {point.flags} "
                              f"{point.time}")
        self.touched.add(point[:2])
        if verb == "event" or CLASSES.get(point.type):
            self.scheduled.append((place, point))

    def find_events(self):
        """Those that a word reports and that none before it left unconfirmed."""
        known = []
        for place, word in self.words():
            fresh = list(known)
            for point in events_of(word):
                same = [old for old in fresh if old[:4] == point[:4]]
                if same:
                    fresh.remove(same[0])
                else:
                    self.schedule(self.clear[CLASSES[point.type]], point)
                    known.append(point)
            if self.is_confirmed(place, word):
                for point in events_of(word):
                    known.remove(next(old for old in known if old[:4] == point[:4]))
            self.note_clear(place, word)
        self.forget_clear()

    def value_at(self, place, point):
        """What the point is at that moment, by what is scheduled; None: nothing is known."""
        key = point.type, point.index
        known = [(when, order, other[2:4]) for order, (when, other) in enumerate(self.scheduled)
                 if other[:2] == key and when <= place]
        if known:
            return max(known)[2]
        return self.initial.get(key)

    def must_be(self, place, point, seen_in):
        """At `place` the point has this value: from the beginning, or changed in time."""
        now = self.value_at(place, point)
        if now is None:
            self.initial[point[:2]] = point[2:4]
        elif now != point[2:4]:
            event_class = CLASSES.get(point.type)
            seen = event_class and seen_in.iin >> event_class & 1
            when = max(self.clear[event_class], self.seen.get(point[:2], (0, 0))) if seen \
                else (place[0], 0)
            self.schedule(when, point._replace(time=0), "value")
        self.seen[point[:2]] = self.after(place)

    def find_values(self):
        """Statics, and counters at the moment of the freeze that shows them later."""
        freeze = None
        for number, turn in enumerate(self.turns):
            if any(said.function in FREEZES for said in turn.said):
                freeze = (number, 0)
            for position, word in enumerate(turn.words, 1):
                if word.iin is None:
                    continue
                for point in statics_of(word):
                    if point.type == "frozen_counter" and freeze:
                        self.must_be(freeze, point._replace(type="counter"), word)
                    elif not point.type.endswith("output_status") or not self.operated(number):
                        self.must_be((number, position), point, word)
                self.note_clear((number, position), word)
        self.forget_clear()
        for (kind, index), (value, flags) in self.initial.items():
            self.first.append(f"initial {kind} {index} {value} {flags}")

    def operated(self, number):
        """Outputs are what the commands of the conversation made of them."""
        return any(3 < (said.function or 0) < 7 for turn in self.turns[:number + 1]
                   for said in turn.said)

    def find_what_is_never_reported(self):
        """Class bits and an overflow that no reported event explains: other points had events."""
        waiting, taken = [], 0
        filler = {1: "binary_input", 2: "counter", 3: "analog_input"}
        for place, word in self.words():
            self.scheduled.sort(key=lambda entry: entry[0])
            while taken < len(self.scheduled) and self.scheduled[taken][0] <= place:
                waiting.append(self.scheduled[taken][1])
                taken += 1
            inside = [point[:4] for point in events_of(word)]
            rest = [point for point in waiting if point[:4] not in inside]
            for event_class, kind in filler.items():
                if word.iin >> event_class & 1 and \
                        not any(CLASSES.get(point.type) == event_class for point in rest):
                    self.fill(place, kind, self.clear[event_class], waiting)
            if word.iin & OVERFLOW:
                kind = waiting[0].type
                while sum(point.type == kind for point in waiting) <= self.capacity:
                    self.fill(place, kind, (place[0], 0), waiting)
            if self.is_confirmed(place, word):
                waiting = [point for point in waiting if point[:4] not in inside]
            self.note_clear(place, word)

    def fill(self, place, kind, when, waiting):
        value, flags = self.value_at(place, Point(kind, 0, 0, 0, 0)) or UNSEEN
        point = Point(kind, 0, value, flags, 0)
        self.at[when].append(f"event {kind} 0 {value} {flags} 0")
        self.touched.add((kind, 0))
        waiting.append(point)

    def find_indications(self):
        """Those that are the host's, set before the master asks."""
        for (number, _), word in self.words():
            self.at[number, 0].append(f"indicate {HOST_INDICATIONS:x} "
                                      f"{word.iin & HOST_INDICATIONS:x}")

    def find_restarts(self):
        """Whether the recorded device restarts, and how long that takes it."""
        for number, turn in enumerate(self.turns):
            if any(said.function in RESTARTS for said in turn.said):
                delays = [item["value"] for word in turn.words for item in word.objects
                          if item.get("group") == 52]
                self.at[number, 0] += [f"set restarts {len(delays)}",
                                       f"set restart_delay {delays[0] if delays else 0}"]

    def find_file(self):
        """The one that the master reads or deletes: its octets are the recorded blocks."""
        items = [item for turn in self.turns for word in turn.words for item in word.objects]
        asked = [item["value"] for turn in self.turns for word in turn.said
                 for item in word.objects if (item.get("group"), item.get("variation")) == (70, 3)]
        if not asked:
            return
        blocks = [item["value"] for item in items
                  if (item.get("group"), item.get("variation")) == (70, 5)]
        octets = "".join(block["data"] if block.get("encoding") == "hex"
                         else block["data"].encode().hex() for block in blocks)
        sizes = [item["value"]["size"] for item in items
                 if (item.get("group"), item.get("variation")) == (70, 4)]
        self.first.append(f"file {asked[0]['name']} {sizes[0] if sizes else 0} {octets}")
