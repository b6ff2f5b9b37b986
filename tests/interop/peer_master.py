# SPDX-License-Identifier: Apache-2.0
"""A master of a stack that nobody here wrote (yadnp3), and the simulator that it is set on."""

import json
import os
import re
import shutil
import signal
import tempfile
import threading
import time
import unittest

from processes import Children, free_port

try:
    import opendnp3
except ImportError as error:
    raise unittest.SkipTest(f"yadnp3 is not installed: {error}") from error

BIN = os.environ.get("DNP3_BIN", "build/dev/bin")
ADDRESS = 10
PATIENCE_S = 15

STATES = {opendnp3.DoubleBit.INTERMEDIATE: 0, opendnp3.DoubleBit.DETERMINED_OFF: 1,
          opendnp3.DoubleBit.DETERMINED_ON: 2, opendnp3.DoubleBit.INDETERMINATE: 3}


class Values(opendnp3.ISOEHandler):
    """Every value that came: (type, index, value, is an event, came unsolicited); and the objects
    that they came in, as "g32v7"."""

    def __init__(self):
        super().__init__()
        self.all, self.changed, self.unsolicited = [], threading.Condition(), False
        self.objects = set()

    def BeginFragment(self, info):
        self.unsolicited = info.unsolicited

    def Process(self, info, values):
        with self.changed:
            self.objects.add(f"g{int(info.gv) >> 8}v{int(info.gv) & 255}")
            for item in values:
                value = item.value
                if isinstance(value, opendnp3.OctetString):
                    plain = value.ToBytes()
                else:
                    plain = getattr(value, "value", value)
                self.all.append((type(value).__name__, int(item.index), STATES.get(plain, plain),
                                 bool(info.isEventVariation), self.unsolicited))
            self.changed.notify_all()

    def wait(self, condition, what, seconds=PATIENCE_S):
        """What `condition` makes of all values, once that is true."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while True:
                result = condition(self.all)
                if result:
                    return result
                if not self.changed.wait(max(0, deadline - time.monotonic())):
                    raise AssertionError(f"{what} did not come; last of {len(self.all)} values: "
                                         f"{self.all[-5:]}")

    def wait_value(self, kind, index, value, event=True):
        self.wait(lambda items: any(item[:4] == (kind, index, value, event) for item in items),
                  f"{kind}[{index}] = {value}")

    def statics(self):
        return {(kind, index): value for kind, index, value, event, _ in list(self.all)
                if not event}


class Application(opendnp3.IMasterApplication):
    def __init__(self):
        super().__init__()
        self.tasks, self.iin, self.overflows, self.clock_ahead_ms = [], None, 0, 0

    def Now(self):
        return opendnp3.UTCTimestamp(int(time.time() * 1000) + self.clock_ahead_ms)

    def OnReceiveIIN(self, iin):
        self.iin = iin
        self.overflows += iin.IsSet(opendnp3.IINBit.EVENT_BUFFER_OVERFLOW)

    def OnTaskComplete(self, info):
        self.tasks.append((info.type, info.result))


class Listener(opendnp3.IChannelListener):
    def OnStateChange(self, state):
        pass


class Master:
    """`where` is a port of 127.0.0.1, which is UDP's where datagrams are to come `back` to another
    port, or a tty."""

    def __init__(self, where, back=None, clock_ahead_ms=0, time_sync=opendnp3.TimeSyncMode.LAN,
                 indexes=opendnp3.IndexQualifierMode.allow_one_byte, read_on_overflow=True):
        self.values, self.application, self.listener = Values(), Application(), Listener()
        self.application.clock_ahead_ms = clock_ahead_ms
        self.manager = opendnp3.DNP3Manager(1)
        retry = opendnp3.ChannelRetry(opendnp3.TimeDuration.Milliseconds(100),
                                      opendnp3.TimeDuration.Milliseconds(500))
        if back is not None:
            near, far = (opendnp3.IPEndpoint("127.0.0.1", port) for port in (back, where))
            channel = self.manager.AddUDPChannel("channel", opendnp3.levels.NOTHING, retry, near,
                                                 far, self.listener)
        elif isinstance(where, int):
            channel = self.manager.AddTCPClient(
                "channel", opendnp3.levels.NOTHING, retry,
                [opendnp3.IPEndpoint("127.0.0.1", where)], "0.0.0.0", self.listener)
        else:
            settings = opendnp3.SerialSettings()
            settings.deviceName, settings.baud = where, 38400
            channel = self.manager.AddSerial("channel", opendnp3.levels.NOTHING, retry, settings,
                                             self.listener)
        config = opendnp3.MasterStackConfig()
        config.link.LocalAddr, config.link.RemoteAddr = 1, ADDRESS
        config.master.responseTimeout = opendnp3.TimeDuration.Seconds(3)
        config.master.timeSyncMode = time_sync
        config.master.controlQualifierMode = indexes
        config.master.integrityOnEventOverflowIIN = read_on_overflow
        self.master = channel.AddMaster("master", self.values, self.application, config)
        self.master.Enable()

    def call(self, function, *arguments):
        """Starts a task of the stack and waits for its callback."""
        done, results = threading.Event(), []

        def callback(result):
            results.append(result)
            done.set()
        function(*arguments, callback)
        if not done.wait(PATIENCE_S):
            raise AssertionError("the task did not end")
        return results[0]

    def operate(self, function, command, index):
        """(state, status) of the one point commanded."""
        done, results = threading.Event(), []

        def callback(result):
            results.extend((point.state, point.status) for point in result.to_list())
            done.set()
        function(command, index, callback)
        if not done.wait(PATIENCE_S):
            raise AssertionError("the command did not end")
        return results[0]

    def close(self):
        self.manager.Shutdown()


class Simulated(unittest.TestCase):
    MAPPING = None  # what the simulator shows

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="dnp3-interop-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.children = Children(self.folder)
        self.addCleanup(self.children.stop)
        self.where = free_port()  # or a tty
        self.transport = "tcp"

    def start_sim(self, *options, mapping=None):
        channel = {"type": self.transport, "endpoints": [f"127.0.0.1:{self.where}"]} \
            if isinstance(self.where, int) \
            else {"type": "serial", "device": self.where, "baud": 38400}
        outstation = {"name": "bench", "channel": "line", "address": ADDRESS,
                      "mapping": "mapping.json"}
        config = {"gateway": "interop", "mqtt": {"url": "mqtt://127.0.0.1:1883"},
                  "channels": [{"name": "line", **channel}], "outstations": [outstation]}
        for name, content in (("mapping.json", mapping or self.MAPPING), ("gateway.json", config)):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                json.dump(content, file)
        before = self.ports_opened()
        with open(os.path.join(self.folder, "counts"), "wb") as counts:
            self.sim = self.children.start(
                "sim", [os.path.join(BIN, "dnp3-sim"), "-c",
                        os.path.join(self.folder, "gateway.json"), *options], stdout=counts)
        if channel["type"] != "tcp":  # what a master says before is lost, and costs it 8 s
            self.wait_until(lambda: self.ports_opened() > before, "the simulator's port")

    def ports_opened(self):
        """How often, as its log says."""
        return len(re.findall(r"open, \d+ outstations behind", self.log()))

    def start_master(self, **options):
        master = Master(options.pop("where", self.where), **options)
        self.addCleanup(master.close)
        return master

    def counts(self):
        """What the simulator says of itself."""
        path = os.path.join(self.folder, "counts")
        before = os.path.getsize(path)
        self.sim.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with open(path, encoding="utf-8") as file:
                file.seek(before)
                line = file.readline()
            if line.endswith("\n"):
                return json.loads(line)
            time.sleep(0.02)
        raise AssertionError("the simulator does not answer")

    def wait_counts(self, condition, what):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            counts = self.counts()
            if condition(counts):
                return counts
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: {counts}")
            time.sleep(0.1)

    def log(self):
        path = self.children.log("sim")
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8") as file:
            return file.read()

    def wait_log(self, pattern):
        self.wait_until(lambda: re.search(pattern, self.log()), f"{pattern!r} in the log")

    def wait_until(self, condition, what):
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"{what} did not come\n{self.log()}")
            time.sleep(0.05)
