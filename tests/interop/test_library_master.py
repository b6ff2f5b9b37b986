# SPDX-License-Identifier: Apache-2.0
"""The library's master and an outstation of a stack that nobody here wrote: every object that it
answers, every mode of control, time, freezes, classes, restarts; over TCP and a serial line."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from processes import Children, free_port

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ.get("DNP3_BIN", "build/dev/bin")
PATIENCE_S = 15
STARTUP_S = 60

# By static group: type, what its point 2 is set to, the static variations, the event group and its
# variations. Those that yadnp3 does not answer are not here.
OBJECTS = {
    1: ("binary_input", 1, (1, 2), 2, (1, 2, 3)),
    3: ("double_bit_input", 2, (2,), 4, (1, 2, 3)),
    10: ("binary_output_status", 1, (1, 2), 11, (1, 2)),
    20: ("counter", 4711, (1, 2, 5, 6), 22, (1, 2, 5, 6)),
    21: ("frozen_counter", 4711, (1, 2, 5, 6, 9, 10), 23, (1, 2, 5, 6)),
    30: ("analog_input", -321, (1, 2, 3, 4, 5, 6), 32, (1, 2, 3, 4, 5, 6, 7, 8)),
    40: ("analog_output_status", -321, (1, 2, 3, 4), 42, (1, 2, 3, 4, 5, 6, 7, 8))}
CODES = {"nul": 0x00, "pulse_on": 0x01, "pulse_off": 0x02, "latch_on": 0x03, "latch_off": 0x04,
         "close": 0x41, "trip": 0x81}
EVENT_GROUPS = [str(row[3]) for row in OBJECTS.values()]
CLASS_1, NEED_TIME = 0x02, 0x10
SUCCESS, LOCAL, NOT_ANSWERED = 0, 7, 127
FUNCTION_UNKNOWN = 0x0100  # IIN2.0
REASON_INDICATION = 2      # of enum dnp3_command_reason


class Program:
    """A child that is told lines and tells JSON lines."""

    def __init__(self, test, argv):
        self.told, self.changed = [], threading.Condition()
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        test.addCleanup(self.stop)
        self.reader = threading.Thread(target=self._listen, daemon=True)
        self.reader.start()

    def _listen(self):
        for line in self.process.stdout:
            with self.changed:
                self.told.append(json.loads(line))
                self.changed.notify_all()

    def say(self, line):
        """Returns how much was told before: what comes of it stands behind."""
        with self.changed:
            before = len(self.told)
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return before

    def wait(self, condition, since=0, what="it", seconds=PATIENCE_S):
        deadline = time.monotonic() + seconds
        with self.changed:
            while True:
                for told in self.told[since:]:
                    if condition(told):
                        return told
                if not self.changed.wait(max(0, deadline - time.monotonic())):
                    raise AssertionError(f"{what} was not told: {self.told[since:][-8:]}")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()


class Master(Program):
    def answer(self, line):
        """The answer to a request, and the points that came before it."""
        since = self.say("request " + line)
        answer = self.wait(lambda told: "answer" in told, since, f"an answer to {line}")
        with self.changed:
            told = self.told[since:]
        return answer, [item for item in told[:told.index(answer)] if "point" in item]

    def transfer(self, line):
        """What came of a file transfer."""
        since = self.say("file " + line)
        return self.wait(lambda told: "file" in told, since, f"the end of {line}")

    def result(self, line):
        since = self.say("command " + line)
        return self.wait(lambda told: "result" in told, since, f"a result of {line}")


class Pair(unittest.TestCase):
    def start_peer(self, where, *options):
        self.peer = Program(self, [sys.executable, os.path.join(HERE, "peer_outstation.py"),
                                   *where, *options])
        self.peer.wait(lambda told: told.get("ready"), what="the start")
        self.reports = "--no-unsolicited" not in options

    def start_master(self, where, *settings):
        self.master = Master(self, [os.path.join(BIN, "master_host"), where, *settings])
        self.master.wait(lambda told: "startup" in told.get("event", ""), what="the startup's end",
                         seconds=STARTUP_S)
        self.settle()

    def settle(self):
        """Until a READ is answered behind the confirmation of the peer's first unsolicited
        response. What crosses one may be lost there (test_outstation.py, wait_settled), a CONFIRM
        too: then READs are answered after 5 s, and the next thing crosses the repeated one."""
        if self.reports:
            self.peer.wait(lambda told: told.get("confirmed") == "unsolicited",
                           what="the first confirmation", seconds=STARTUP_S)
        deadline = time.monotonic() + STARTUP_S
        while self.master.answer("READ 40v0 0..0")[0]["answer"] != "done":
            self.assertLess(time.monotonic(), deadline, "nothing is answered")

    def set_up(self, *settings, peer=()):
        port = str(free_port())
        self.start_peer(("--port", port), *peer)
        self.start_master(port, *settings)

    def order(self, **what):
        self.peer.say(json.dumps(what))

    def update(self, *points):
        self.order(update=points)

    def statics(self, headers):
        """What a READ answers, without the events that come meanwhile."""
        answer, points = self.master.answer("READ " + headers)
        self.assertEqual(answer["answer"], "done")
        return [(point["object"], point["index"], point["value"]) for point in points
                if point["object"].split("v")[0][1:] not in EVENT_GROUPS]

    def read_until(self, condition, what):
        """Reads a point, which brings the indications, until that is so."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition(self.master.answer("READ 40v0 0..0")[0]):
            self.assertLess(time.monotonic(), deadline, what)

    def point(self, kind, index, value, since=0, **more):
        return self.master.wait(lambda told: told.get("point") == kind and told["index"] == index
                                and told["value"] == value
                                and all(told[key] == wanted for key, wanted in more.items()),
                                since, f"{kind} {index} = {value} {more}")


class Objects(Pair):
    QUIET = ("unsolicited=-", "integrity=-", "time_sync=none", "events_on_iin=no")

    def set_points(self):
        """Point 2 of each type has its value, the counter's frozen too; the events are read."""
        self.update(*[[kind, 2, value] for kind, value, *_ in OBJECTS.values()
                      if not kind.endswith("counter")])
        self.set_counter(OBJECTS[20][1])
        self.assertEqual(self.master.answer("IMMED_FREEZE 20v0")[0]["answer"], "done")
        self.master.answer("READ 60v2 60v3 60v4")

    def test_every_static_variation(self):
        self.set_up(*self.QUIET, peer=("--no-unsolicited",))
        self.set_points()
        for group, (kind, value, variations, _, _) in OBJECTS.items():
            for variation in variations + (0,):
                with self.subTest(group=group, variation=variation):
                    answer, points = self.master.answer(f"READ {group}v{variation} 2..2")
                    self.assertEqual((answer["answer"], len(points)), ("done", 1))
                    self.assertEqual((points[0]["point"], points[0]["index"], points[0]["value"]),
                                     (kind, 2, value))
                    if variation:
                        # A packed one gives way to flags where the point is not simply well.
                        self.assertEqual(points[0]["object"], f"g{group}v{variation}")
                    _, points = self.master.answer(f"READ {group}v{variation}")
                    self.assertEqual([point["index"] for point in points], [0, 1, 2, 3])

    def test_every_event_variation(self):
        self.set_up(*self.QUIET, peer=("--no-unsolicited",))
        self.set_points()
        for kind, value, _, group, variations in OBJECTS.values():
            for variation in variations:
                with self.subTest(group=group, variation=variation):
                    before = int(time.time() * 1000)
                    value += kind == "frozen_counter"  # the same is no event
                    self.make_event(kind, value)
                    points = self.read_event(group, variation)
                    self.assertEqual(points[0]["object"], f"g{group}v{variation}")
                    self.assertEqual((points[0]["point"], points[0]["index"], points[0]["value"]),
                                     (kind, 2, value))
                    if points[0]["time"]:
                        self.assertTrue(before - 2000 < points[0]["time"] < before + 60000)

    def make_event(self, kind, value):
        if kind == "frozen_counter":
            self.set_counter(value)
            self.assertEqual(self.master.answer("IMMED_FREEZE 20v0 2..2")[0]["answer"], "done")
        else:
            self.update([kind, 2, value])

    def set_counter(self, value):
        self.update(["counter", 2, value])
        deadline = time.monotonic() + PATIENCE_S
        while self.statics("20v1 2..2") != [("g20v1", 2, value)]:
            self.assertLess(time.monotonic(), deadline)

    def read_event(self, group, variation):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            answer, points = self.master.answer(f"READ {group}v{variation}")
            self.assertEqual(answer["answer"], "done")
            if points:
                return [point for point in points if point["object"][:3] != "g51"]
        self.fail(f"no event g{group}v{variation}")

    def test_limited_reads(self):
        self.set_up(*self.QUIET, peer=("--no-unsolicited",))
        self.set_points()
        for value in (5, 6, 7):
            self.update(["counter", 1, value])
        seen = []
        deadline = time.monotonic() + PATIENCE_S
        while len(seen) < 3:
            self.assertLess(time.monotonic(), deadline, seen)
            _, points = self.master.answer("READ 60v2 x1")
            self.assertLessEqual(len(points), 1)
            seen += [point["value"] for point in points]
        self.assertEqual(seen, [5, 6, 7])


class Functions(Pair):
    def test_every_operation(self):
        """Each code of 12v1, and 41v1 to 41v4, in each mode; the peer sees what was meant."""
        self.set_up()
        stages = {"sbo": ("select", "SelectBeforeOperate"), "direct": ("DirectOperate",),
                  "noack": ("DirectOperateNoAck",)}
        for mode, wanted in stages.items():
            for word, code in CODES.items():
                with self.subTest(mode=mode, code=word):
                    self.check_operation(mode, wanted, f"crob 1 {code}", {"code": code,
                                                                           "on_ms": 100})
            for kind, value in (("int16", -321), ("int32", 654321), ("float", 12.5),
                                ("double", -0.125)):
                with self.subTest(mode=mode, kind=kind):
                    self.check_operation(mode, wanted, f"{kind} 2 {value}", {"value": value})

    def check_operation(self, mode, stages, words, meant):
        since = len(self.peer.told)
        result = self.master.result(f"{mode} {words}")
        if mode == "noack":
            self.assertEqual((result["result"], result["status"]), ("unknown", [NOT_ANSWERED]))
        else:
            self.assertEqual((result["result"], result["status"]), ("done", [SUCCESS]))
        for stage in stages:
            told = self.peer.wait(lambda told, stage=stage: told.get("control", {}).get("stage")
                                  == stage, since, f"{stage} of {words}")["control"]
            self.assertEqual({key: told[key] for key in meant}, meant)

    def test_several_points_and_refusals(self):
        self.set_up()
        result = self.master.result("direct crob 0 3 int16 1 5 crob 2 4")
        self.assertEqual((result["result"], result["status"]), ("done", [SUCCESS] * 3))
        result = self.master.result("sbo crob 0 3 crob 3 3")
        self.assertEqual((result["result"], result["status"]), ("failed", [SUCCESS, LOCAL]))
        result = self.master.result("direct crob 3 3")
        self.assertEqual((result["result"], result["status"]), ("failed", [LOCAL]))

    def test_time(self):
        """LAN, non-LAN and the plain one, each when the outstation asks."""
        for way in ("lan", "non_lan", "direct"):
            with self.subTest(way=way):
                self.set_up(f"time_sync={way}")
                since = len(self.peer.told)
                self.order(need_time=True)
                self.read_until(lambda answer: answer["iin"] & NEED_TIME, "NEED_TIME")
                told = self.peer.wait(lambda told: "time" in told, since, "a time")
                self.assertAlmostEqual(told["time"], time.time() * 1000, delta=3000)
                self.master.wait(lambda told: "clock was set" in told.get("event", ""))
                self.assertEqual(self.master.answer("READ 60v1")[0]["iin"] & NEED_TIME, 0)
                self.master.stop()
                self.peer.stop()

    def test_freezes(self):
        self.set_up()
        for order, function, left in ((11, "IMMED_FREEZE", 11), (12, "FREEZE_CLEAR", 0),
                                      (13, "IMMED_FREEZE_NR", 13), (14, "FREEZE_CLEAR_NR", 0)):
            with self.subTest(function=function):
                self.update(["counter", 1, order])
                self.point("counter", 1, order)
                answer, _ = self.master.answer(f"{function} 20v0")
                self.assertEqual(answer["answer"],
                                 "unknown" if function.endswith("NR") else "done")
                self.assertEqual(self.statics("21v1 1..1 20v1 1..1"),
                                 [("g21v1", 1, order), ("g20v1", 1, left)])

    def test_unsolicited_by_class(self):
        """Only what is enabled comes by itself; enabling and disabling on the way."""
        self.set_up("unsolicited=-", "integrity=-")
        # Every type of the peer is of class 1, so it is that class or none.
        since = len(self.master.told)
        self.assertEqual(self.master.answer("ENABLE_UNSOLICITED 60v3 60v4")[0]["answer"], "done")
        self.update(["counter", 1, 50])
        self.read_until(lambda answer: answer["iin"] & CLASS_1, "IIN1.1")
        self.point("counter", 1, 50, since, unsolicited=False)  # so the events were read
        self.assertEqual(self.master.answer("ENABLE_UNSOLICITED 60v2")[0]["answer"], "done")
        self.update(["counter", 1, 51])
        self.point("counter", 1, 51, since, unsolicited=True)
        self.assertEqual(self.master.answer("DISABLE_UNSOLICITED 60v2")[0]["answer"], "done")

    def test_assign_class(self):
        self.set_up()
        since = len(self.peer.told)
        answer, _ = self.master.answer("ASSIGN_CLASS 60v3 20v0 60v4 30v0 1..2")
        self.assertEqual(answer["answer"], "done")
        assigned = [self.peer.wait(lambda told, kind=kind: told.get("assigned", [""])[0] == kind,
                                   since, kind)["assigned"]
                    for kind in ("Counter", "AnalogInput")]
        self.assertEqual([item[1:] for item in assigned], [["Class2", 0, 3], ["Class3", 1, 2]])

    def test_restarts(self):
        self.set_up()
        for function, word, delay in (("COLD_RESTART", "cold", 3000),
                                      ("WARM_RESTART", "warm", 1500)):
            answer, _ = self.master.answer(function)
            self.assertEqual((answer["answer"], answer["delay"]), ("done", delay))
            self.peer.wait(lambda told, word=word: told.get("restart") == word)

    def test_what_it_does_not_know(self):
        """Refused objects and functions are told, and nothing else suffers."""
        self.set_up()
        answer, points = self.master.answer("READ 31v1 0..3")
        self.assertEqual((answer["answer"], points), ("failed", []))
        self.assertTrue(answer["iin"] & 0x0700, answer)
        self.assertEqual(self.master.answer("SAVE_CONFIG")[0]["answer"], "failed")
        self.assertEqual(self.master.answer("READ 60v1")[0]["answer"], "done")


    def test_no_files(self):
        """It has no files: each way to one is refused by IIN2.0, which ends it and nothing else."""
        self.set_up()
        for line, function in (("read a.log", "OPEN_FILE"), ("write b.cfg", "OPEN_FILE"),
                               ("directory /", "OPEN_FILE"), ("delete a.log", "DELETE_FILE"),
                               ("info a.log", "GET_FILE_INFO"),
                               ("read a.log joe secret", "AUTHENTICATE_FILE")):
            ended = self.master.transfer(line)
            self.assertEqual((ended["file"], ended["reason"], ended["function"]),
                             ("failed", REASON_INDICATION, function))
            self.assertEqual(ended["iin"] & 0x0700, FUNCTION_UNKNOWN, ended)
        self.assertEqual(self.master.result("sbo crob 0 0x03")["result"], "done")
        self.assertEqual(self.master.answer("READ 60v1")[0]["answer"], "done")

    def test_no_attributes(self):
        """Nor attributes: one, all of them, their list. (It acknowledges one that is written.)"""
        self.set_up()
        for line in ("READ 0v252 0..0", "READ 0v254 0..0", "READ 0v255 0..0"):
            answer, points = self.master.answer(line)
            self.assertEqual((answer["answer"], points), ("failed", []), line)
            self.assertTrue(answer["iin"] & 0x0700, answer)
        self.assertEqual(self.master.answer("WRITE 0v245 0..0 text=cellar")[0]["answer"], "done")
        self.assertEqual(self.master.answer("READ 60v1")[0]["answer"], "done")


@unittest.skipUnless(shutil.which("socat"), "socat makes the serial line")
class Serial(Pair):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="dnp3-interop-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        children = Children(self.folder)
        self.addCleanup(children.stop)
        self.near, self.far = (os.path.join(self.folder, name) for name in ("near", "far"))
        children.start_cable(self.near, self.far)

    def test_serial(self):
        """Startup, events, a control in each mode, time and a freeze over a serial line."""
        self.start_peer(("--tty", self.far))
        self.start_master(self.near, "time_sync=non_lan")
        since = len(self.master.told)
        for value in range(1, 51):
            self.update(["counter", 1, value], ["analog_input", 2, -value])
        self.point("counter", 1, 50, since, unsolicited=True)
        self.point("analog_input", 2, -50, since, unsolicited=True)
        counts = [told["value"] for told in self.master.told[since:]
                  if told.get("point") == "counter" and told["object"].startswith("g22")]
        self.assertEqual(counts, list(range(1, 51)))
        for mode, outcome in (("sbo", "done"), ("direct", "done"), ("noack", "unknown")):
            self.assertEqual(self.master.result(f"{mode} crob 1 0x41")["result"], outcome)
        self.order(need_time=True)
        self.read_until(lambda answer: answer["iin"] & NEED_TIME, "NEED_TIME")
        self.peer.wait(lambda told: "time" in told, what="a time")
        self.assertEqual(self.master.answer("IMMED_FREEZE 20v0")[0]["answer"], "done")
        self.assertEqual(self.statics("21v1 1..1"), [("g21v1", 1, 50)])


if __name__ == "__main__":
    unittest.main()
