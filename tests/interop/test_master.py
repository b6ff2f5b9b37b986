# SPDX-License-Identifier: Apache-2.0
"""A master of a stack that nobody here wrote reads and operates the simulator: integrity, events,
unsolicited, controls, time, freezes, restart."""

import time
import unittest

from peer_master import Simulated, Values, opendnp3

MAPPING = {
    "device": "bench",
    "points": [
        {"name": "breaker", "type": "double_bit_input", "index": 0},
        {"name": "contact-{index}", "type": "binary_input", "index": "0..9"},
        {"name": "far", "type": "binary_input", "index": 700},
        {"name": "lamp", "type": "binary_output_status", "index": 1},
        {"name": "count-{index}", "type": "counter", "index": "0..3"},
        {"name": "frozen-{index}", "type": "frozen_counter", "index": "0..3"},
        {"name": "level-{index}", "type": "analog_input", "index": "0..599", "unit": "A"},
        {"name": "setpoint", "type": "analog_output_status", "index": 2},
        {"name": "text", "type": "octet_string", "index": 0}],
    "controls": [
        {"name": "breaker", "type": "binary_output", "index": 0,
         "states": {"open": {"operation": "pulse_on", "trip_close": "trip"},
                    "close": {"operation": "pulse_on", "trip_close": "close"}},
         "feedback": {"point": "breaker", "expect": {"open": "off", "close": "on"}}},
        {"name": "setpoint", "type": "analog_output", "index": 2, "encoding": "float32",
         "min": -1000, "max": 1000}]}


# By group: what yadnp3 calls it, the variations that it reads, the index that is asked for.
STATICS = {1: ("Binary", (1, 2), 9), 3: ("DoubleBitBinary", (2,), 0),
           10: ("BinaryOutputStatus", (1, 2), 1), 20: ("Counter", (1, 2, 5, 6), 3),
           21: ("FrozenCounter", (1, 2, 5, 6, 9, 10), 3), 30: ("Analog", (1, 2, 3, 4, 5, 6), 599),
           40: ("AnalogOutputStatus", (1, 2, 3, 4), 2)}


class Interop(Simulated):
    MAPPING = MAPPING

    def test_integrity(self):
        """Every point of the mapping comes, over several fragments, and no other."""
        self.start_sim("--events-per-second", "0")
        master = self.start_master()
        names = {"binary_input": "Binary", "double_bit_input": "DoubleBitBinary",
                 "binary_output_status": "BinaryOutputStatus", "counter": "Counter",
                 "frozen_counter": "FrozenCounter", "analog_input": "Analog",
                 "analog_output_status": "AnalogOutputStatus", "octet_string": "OctetString"}
        wanted = set()
        for entry in MAPPING["points"]:
            first, _, last = str(entry["index"]).partition("..")
            for index in range(int(first), int(last or first) + 1):
                wanted.add((names[entry["type"]], index))
        master.values.wait(lambda _: len(master.values.statics()) >= len(wanted), "every point")
        statics = master.values.statics()
        self.assertEqual(set(statics), wanted)
        self.assertEqual(statics[("DoubleBitBinary", 0)], 2)
        self.assertEqual(statics[("OctetString", 0)], b"51P A-G")
        for index in range(600):
            self.assertTrue(80 < statics[("Analog", index)] < 160, statics[("Analog", index)])

    def test_reads_any_variation(self):
        self.start_sim("--events-per-second", "0")
        master = self.start_master()
        master.values.wait_value("OctetString", 0, b"51P A-G", event=False)
        wanted = master.values.statics()
        for group, (kind, variations, last) in STATICS.items():
            for variation in (0,) + variations:
                handler = Values()
                master.master.ScanRange(opendnp3.GroupVariationID(group, variation), last, last,
                                        handler)
                handler.wait(lambda items: items, f"g{group}v{variation}")
                self.assertEqual(handler.all[0][:2], (kind, last))
                value, expected = handler.all[0][2], wanted[(kind, last)]
                if variation in (2, 6) and group == 20:
                    expected %= 65536  # 16 bits of it
                self.assertAlmostEqual(value, expected, places=3, msg=f"g{group}v{variation}")

    def check_numbers(self, master, total):
        """`total` events came, each point's 1, 2, 3, ... in order. Returns how many of them came
        unsolicited."""
        def events(items):
            found = [item for item in items if item[3] and item[0] in ("Counter", "Analog")]
            return found if len(found) >= total else None
        found = master.values.wait(events, f"{total} events", seconds=30)
        self.assertEqual(len(found), total)
        points = {}
        for kind, index, value, _, _ in found:
            points.setdefault((kind, index), []).append(value)
        for point, values in points.items():
            self.assertEqual(values, list(range(1, len(values) + 1)), point)
        counts = self.wait_counts(lambda counts: counts["confirmed"] == total, "confirmed")
        self.assertEqual(counts["events"], total)
        self.assertEqual(counts["outstations"]["bench"]["dropped"], 0)
        return sum(item[4] for item in found)

    NUMBERED = {"device": "numbers", "points": [
        {"type": "counter", "index": "0..3"}, {"type": "analog_input", "index": "0..3"}]}

    def test_unsolicited_events(self):
        self.start_sim("--numbered", "--events-per-second", "400", "--events-total", "2000",
                       mapping=self.NUMBERED)
        master = self.start_master()
        # All but those that the integrity poll at startup found: nothing else is polled.
        self.assertGreater(self.check_numbers(master, 2000), 0)

    def test_polled_events(self):
        """A small buffer, polled: the simulator waits for room, nothing is lost."""
        self.start_sim("--numbered", "--events-per-second", "500", "--events-total", "1500",
                       "--event-buffer", "100", mapping=self.NUMBERED)
        master = self.start_master()
        self.wait_task(master, opendnp3.MasterTaskType.ENABLE_UNSOLICITED)
        master.master.PerformFunction(
            "disable", opendnp3.FunctionCode.DISABLE_UNSOLICITED,
            [opendnp3.Header.AllObjects(60, variation) for variation in (2, 3, 4)])
        self.wait_task(master, opendnp3.MasterTaskType.USER_TASK)
        before = sum(item[4] for item in master.values.all)
        master.master.AddClassScan(opendnp3.ClassField.AllEventClasses(),
                                   opendnp3.TimeDuration.Milliseconds(50), master.values)
        self.assertEqual(self.check_numbers(master, 1500), before)

    def wait_task(self, master, kind):
        self.wait_until(lambda: (kind, opendnp3.TaskCompletion.SUCCESS) in
                        master.application.tasks, f"the end of {kind}")

    def test_events_survive_a_lost_connection(self):
        self.start_sim("--numbered", "--events-per-second", "300", "--events-total", "900",
                       mapping=self.NUMBERED)
        seen = {}
        for _ in range(3):
            master = self.start_master()
            time.sleep(0.8)
            master.close()
            self.keep(seen, master)
        master = self.start_master()
        self.wait_counts(lambda counts: counts["confirmed"] == 900, "confirmed")
        self.keep(seen, master)
        self.assertEqual(sum(len(values) for values in seen.values()), 900)

    def test_confirmed_link_frames(self):
        """Ours are acknowledged by a stack that nobody here wrote, and theirs are unconfirmed."""
        self.start_sim("--numbered", "--events-per-second", "300", "--events-total", "300",
                       "--link-confirm", mapping=self.NUMBERED)
        master = self.start_master()
        master.values.wait(lambda items: any(event for _, _, _, event, _ in items), "an event")
        self.wait_counts(lambda counts: counts["confirmed"] == 300, "confirmed")
        seen = {}
        self.keep(seen, master)
        self.assertEqual(sum(len(values) for values in seen.values()), 300)

    @staticmethod
    def keep(seen, master):
        for kind, index, value, event, _ in list(master.values.all):
            if event:
                seen.setdefault((kind, index), set()).add(value)

    def test_overflow_is_told(self):
        self.start_sim("--events-per-second", "1000", "--event-buffer", "5")
        time.sleep(0.5)
        master = self.start_master()
        self.wait_until(lambda: master.application.overflows, "IIN2.3")

    def test_select_before_operate(self):
        self.start_sim("--events-per-second", "0")
        master = self.start_master()
        master.values.wait_value("DoubleBitBinary", 0, 2, event=False)
        pulse = opendnp3.OperationType.PULSE_ON
        for tcc, state in ((opendnp3.TripCloseCode.TRIP, 1), (opendnp3.TripCloseCode.CLOSE, 2)):
            result = master.operate(master.master.SelectAndOperate,
                                    opendnp3.ControlRelayOutputBlock(pulse, tcc), 0)
            self.assertEqual(result, (opendnp3.CommandPointState.SUCCESS,
                                      opendnp3.CommandStatus.SUCCESS))
            master.values.wait_value("DoubleBitBinary", 0, state)
        result = master.operate(master.master.SelectAndOperate,
                                opendnp3.ControlRelayOutputBlock(pulse), 9)
        self.assertEqual(result, (opendnp3.CommandPointState.SELECT_FAIL,
                                  opendnp3.CommandStatus.NOT_SUPPORTED))

    def test_direct_operate(self):
        self.start_sim("--events-per-second", "0")
        master = self.start_master()
        master.values.wait_value("BinaryOutputStatus", 1, False, event=False)
        for operation, state in ((opendnp3.OperationType.LATCH_ON, True),
                                 (opendnp3.OperationType.LATCH_OFF, False)):
            result = master.operate(master.master.DirectOperate,
                                    opendnp3.ControlRelayOutputBlock(operation), 1)
            self.assertEqual(result[1], opendnp3.CommandStatus.SUCCESS)
            master.values.wait_value("BinaryOutputStatus", 1, state)
        for command, value in ((opendnp3.AnalogOutputFloat32(1.5), 1.5),
                               (opendnp3.AnalogOutputInt16(-7), -7),
                               (opendnp3.AnalogOutputInt32(100000), 100000),
                               (opendnp3.AnalogOutputDouble64(-0.25), -0.25)):
            result = master.operate(master.master.DirectOperate, command, 2)
            self.assertEqual(result[1], opendnp3.CommandStatus.SUCCESS)
            master.values.wait_value("AnalogOutputStatus", 2, value)

    def test_time_sync(self):
        self.start_sim("--events-per-second", "0")
        master = self.start_master(clock_ahead_ms=3600 * 1000)
        self.wait_log(r"clock set, (3599\d{3}|3600\d{3}) ms off")
        synced = (opendnp3.MasterTaskType.LAN_TIME_SYNC, opendnp3.TaskCompletion.SUCCESS)
        self.wait_until(lambda: synced in master.application.tasks, "the time sync's end")
        self.assertFalse(master.application.iin.IsSet(opendnp3.IINBit.NEED_TIME))

    def test_freeze_restart_and_link_status(self):
        self.start_sim("--events-per-second", "0")
        master = self.start_master()
        master.values.wait_value("FrozenCounter", 3, 0, event=False)
        count = master.values.statics()[("Counter", 3)]
        master.master.Freeze(opendnp3.FreezeType.ImmediateFreeze,
                             [opendnp3.Header.AllObjects(20, 0)])
        master.values.wait_value("FrozenCounter", 3, count)
        master.call(master.master.CheckLinkStatus)
        result = master.call(master.master.Restart, opendnp3.RestartType.COLD)
        self.assertEqual(result.summary, opendnp3.TaskCompletion.SUCCESS)
        self.wait_log("cold restart")
        # It comes back with its restart flag, and the master starts up again.
        startups = (opendnp3.MasterTaskType.CLEAR_RESTART, opendnp3.TaskCompletion.SUCCESS)
        self.wait_until(lambda: master.application.tasks.count(startups) > 1, "another startup")


if __name__ == "__main__":
    unittest.main()
