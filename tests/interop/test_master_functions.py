# SPDX-License-Identifier: Apache-2.0
"""A master of a stack that nobody here wrote asks the simulator for every event variation, sends
every code and mode of control, and its other functions; over TCP, a serial line and UDP."""

import itertools
import os
import shutil
import time
import unittest

from peer_master import Simulated, Values, opendnp3
from processes import free_port

Operation, TripClose = opendnp3.OperationType, opendnp3.TripCloseCode
Status, State = opendnp3.CommandStatus, opendnp3.CommandPointState

EVENTS = {2: ("Binary", (1, 2, 3)), 4: ("DoubleBitBinary", (1, 2, 3)),
          11: ("BinaryOutputStatus", (1, 2)), 22: ("Counter", (1, 2, 5, 6)),
          23: ("FrozenCounter", (1, 2, 5, 6)), 32: ("Analog", (1, 2, 3, 4, 5, 6, 7, 8)),
          42: ("AnalogOutputStatus", (1, 2, 3, 4, 5, 6, 7, 8))}
CLASSES = {1: ("Binary", "DoubleBitBinary", "BinaryOutputStatus"),
           2: ("Analog", "AnalogOutputStatus"), 3: ("Counter", "FrozenCounter", "OctetString")}


class Functions(Simulated):
    MAPPING = {"device": "bench", "points": [
        {"type": kind, "index": 0} for kind in
        ("double_bit_input", "binary_input", "binary_output_status", "counter", "frozen_counter",
         "analog_input", "analog_output_status", "octet_string")] + [
             {"type": "binary_output_status", "index": 1},
             {"type": "analog_output_status", "index": "2..300"}]}

    def start(self, *sim_options, **master_options):
        self.start_sim(*sim_options)
        master = self.start_master(**master_options)
        self.wait_until(lambda: (opendnp3.MasterTaskType.ENABLE_UNSOLICITED,
                                 opendnp3.TaskCompletion.SUCCESS) in master.application.tasks,
                        "the end of the startup")
        return master

    def perform(self, master, name, function, *headers):
        """One function, to its end."""
        tasks = master.application.tasks
        before = len(tasks)
        master.master.PerformFunction(name, function, list(headers))
        self.wait_until(lambda: any(kind == opendnp3.MasterTaskType.USER_TASK
                                    for kind, _ in tasks[before:]), f"the end of {name}")
        return next(result for kind, result in tasks[before:]
                    if kind == opendnp3.MasterTaskType.USER_TASK)

    def unsolicited(self, master, function, *variations):
        self.assertEqual(self.perform(master, "unsolicited", function,
                                      *[opendnp3.Header.AllObjects(60, v) for v in variations]),
                         opendnp3.TaskCompletion.SUCCESS)

    def test_every_event_variation(self):
        """As asked for; octet strings come in their length."""
        # Its READ of everything would take the events that are asked for.
        master = self.start("--events-per-second", "2000", read_on_overflow=False)
        self.unsolicited(master, opendnp3.FunctionCode.DISABLE_UNSOLICITED, 2, 3, 4)
        for group, (kind, variations) in EVENTS.items():
            for variation in variations:
                with self.subTest(group=group, variation=variation):
                    self.make_event(master, group, variation)
                    values = self.read_events(master, group, variation)
                    self.assertEqual({item[0] for item in values.all}, {kind})
                    self.assertTrue(all(item[3] for item in values.all))
                    wanted = f"g{group}v{variation}"
                    self.assertEqual(values.objects, {wanted})
        values = self.read_events(master, 111, 0)
        self.assertTrue(all(item[:2] == ("OctetString", 0) and item[2] for item in values.all))

    def make_event(self, master, group, number):
        """Of what the simulator does not move by itself."""
        if group == 11:
            operation = (Operation.LATCH_ON, Operation.LATCH_OFF)[number % 2]
            self.operate(master, opendnp3.ControlRelayOutputBlock(operation), 1)
        elif group == 23:
            master.master.Freeze(opendnp3.FreezeType.ImmediateFreeze,
                                 [opendnp3.Header.AllObjects(20, 0)])
        elif group == 42:
            self.operate(master, opendnp3.AnalogOutputInt16(number), 2)

    def operate(self, master, command, index):
        self.assertEqual(master.operate(master.master.DirectOperate, command, index),
                         (State.SUCCESS, Status.SUCCESS))

    def read_events(self, master, group, variation):
        """READs until events come; an answer that is late counts for its own READ."""
        asked = []
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            asked.append(Values())
            master.master.ScanAllObjects(opendnp3.GroupVariationID(group, variation), asked[-1])
            try:
                asked[-1].wait(lambda items: items, "an event", seconds=0.1)
            except AssertionError:
                pass
            for values in asked:
                if values.all:
                    return values
        self.fail(f"no event of g{group}v{variation}")
        return None

    def test_every_operation(self):
        """Operation and trip-close code, both ways to operate, indexes of one octet and of two."""
        for indexes in (opendnp3.IndexQualifierMode.allow_one_byte,
                        opendnp3.IndexQualifierMode.always_two_bytes):
            master = self.start("--events-per-second", "0", indexes=indexes)
            for operation, tcc in itertools.product(
                    (Operation.NUL, Operation.PULSE_ON, Operation.PULSE_OFF, Operation.LATCH_ON,
                     Operation.LATCH_OFF), (TripClose.NUL, TripClose.CLOSE, TripClose.TRIP)):
                block = opendnp3.ControlRelayOutputBlock(operation, tcc)
                for way in (master.master.SelectAndOperate, master.master.DirectOperate):
                    with self.subTest(operation=operation, tcc=tcc):
                        self.assertEqual(master.operate(way, block, 1)[1], Status.SUCCESS)
            block = opendnp3.ControlRelayOutputBlock(Operation.LATCH_ON, TripClose.RESERVED)
            self.assertEqual(master.operate(master.master.DirectOperate, block, 1)[1],
                             Status.NOT_SUPPORTED)
            for index in (2, 300):
                for number, kind in enumerate((opendnp3.AnalogOutputInt16,
                                               opendnp3.AnalogOutputInt32,
                                               opendnp3.AnalogOutputFloat32,
                                               opendnp3.AnalogOutputDouble64)):
                    for way in (master.master.SelectAndOperate, master.master.DirectOperate):
                        with self.subTest(kind=kind, index=index):
                            self.assertEqual(master.operate(way, kind(number + index), index)[1],
                                             Status.SUCCESS)
                    master.values.wait_value("AnalogOutputStatus", index, number + index)
            self.assertEqual(master.operate(master.master.SelectAndOperate,
                                            opendnp3.AnalogOutputInt16(1), 301),
                             (State.SELECT_FAIL, Status.NOT_SUPPORTED))
            master.close()
            self.children.stop_one(self.sim)

    def test_unsolicited_by_class(self):
        """Of the enabled classes only."""
        master = self.start("--events-per-second", "500")
        for number, kinds in CLASSES.items():
            self.unsolicited(master, opendnp3.FunctionCode.DISABLE_UNSOLICITED, 2, 3, 4)
            self.unsolicited(master, opendnp3.FunctionCode.ENABLE_UNSOLICITED, number + 1)
            before = len(master.values.all)
            master.values.wait(lambda items, before=before: len(
                [item for item in items[before:] if item[4]]) > 50, f"events of class {number}")
            seen = {item[0] for item in master.values.all[before:] if item[4]}
            self.assertLessEqual(seen, set(kinds))

    def test_assign_class(self):
        """Counters move from class 3 to 1 and come by themselves then."""
        master = self.start("--events-per-second", "200")
        self.unsolicited(master, opendnp3.FunctionCode.DISABLE_UNSOLICITED, 2, 3, 4)
        self.assertEqual(self.perform(master, "assign", opendnp3.FunctionCode.ASSIGN_CLASS,
                                      opendnp3.Header.AllObjects(60, 2),
                                      opendnp3.Header.AllObjects(20, 0)),
                         opendnp3.TaskCompletion.SUCCESS)
        self.unsolicited(master, opendnp3.FunctionCode.ENABLE_UNSOLICITED, 2)
        before = len(master.values.all)
        master.values.wait(lambda items: [item for item in items[before:] if item[4]
                                          and item[0] == "Counter"], "counters of class 1")

    def test_freeze_and_clear(self):
        master = self.start("--events-per-second", "0")
        freeze = opendnp3.FreezeType
        for kind, left in ((freeze.ImmediateFreeze, None), (freeze.ImmediateFreezeNR, None),
                           (freeze.FreezeAndClear, 0), (freeze.FreezeAndClearNR, 0)):
            with self.subTest(kind=kind):
                count = self.value(master, 20, "Counter")
                master.master.Freeze(kind, [opendnp3.Header.AllObjects(20, 0)])
                self.assertEqual(self.value(master, 21, "FrozenCounter"), count)
                self.assertEqual(self.value(master, 20, "Counter"),
                                 count if left is None else left)

    def value(self, master, group, kind):
        values = Values()
        master.master.ScanRange(opendnp3.GroupVariationID(group, 1), 0, 0, values)
        return values.wait(lambda items: items and [item for item in items if item[0] == kind],
                           f"g{group}v1")[0][2]

    def test_dead_bands(self):
        """Written and read back; refused for a point that is not there."""
        master = self.start("--events-per-second", "0")
        result = master.call(master.master.WriteDeadBands, [self.dead_band(200, 0)])
        self.assertEqual(result.summary, opendnp3.TaskCompletion.SUCCESS)
        for variation in (1, 2, 3):
            values = Values()
            master.master.ScanRange(opendnp3.GroupVariationID(34, variation), 0, 0, values)
            self.assertEqual(values.wait(lambda items: items, f"g34v{variation}")[0][:3],
                             ("AnalogInputDeadband", 0, 200))
        master.call(master.master.WriteDeadBands, [self.dead_band(1, 7)])
        self.wait_until(lambda: master.application.iin.IsSet(opendnp3.IINBit.PARAM_ERROR),
                        "IIN2.2")

    @staticmethod
    def dead_band(value, index):
        return opendnp3.IndexedAnalogInputDeadband(opendnp3.AnalogInputDeadband(value), index)

    def test_time_without_lan(self):
        """DELAY_MEASURE, then 50v1; the simulator takes 100 ms for each answer, and says so."""
        self.start_sim("--events-per-second", "0", "--response-delay", "100")
        master = self.start_master(clock_ahead_ms=3600 * 1000,
                                   time_sync=opendnp3.TimeSyncMode.NonLAN)
        self.wait_log(r"clock set, (3599\d{3}|3600\d{3}) ms off")
        synced = (opendnp3.MasterTaskType.NON_LAN_TIME_SYNC, opendnp3.TaskCompletion.SUCCESS)
        self.wait_until(lambda: synced in master.application.tasks, "the time sync's end")
        self.wait_until(lambda: not master.application.iin.IsSet(opendnp3.IINBit.NEED_TIME),
                        "NEED_TIME cleared")

    def test_warm_restart(self):
        master = self.start("--events-per-second", "0")
        result = master.call(master.master.Restart, opendnp3.RestartType.WARM)
        self.assertEqual(result.summary, opendnp3.TaskCompletion.SUCCESS)
        self.wait_log("warm restart")


@unittest.skipUnless(shutil.which("socat"), "socat makes the serial line")
class Serial(Functions):
    """All of it once more, over a serial line."""

    def setUp(self):
        super().setUp()
        near, self.where = (os.path.join(self.folder, name) for name in ("near", "far"))
        self.near = near
        self.children.start_cable(near, self.where)

    def start_master(self, **options):
        return super().start_master(where=self.near, **options)


class Datagrams(Functions):
    """And over UDP, where nothing says whether anybody is there."""

    def setUp(self):
        super().setUp()
        self.transport, self.back = "udp", free_port()

    def start_master(self, **options):
        return super().start_master(back=self.back, **options)


if __name__ == "__main__":
    unittest.main()
