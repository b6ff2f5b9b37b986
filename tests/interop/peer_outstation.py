# SPDX-License-Identifier: Apache-2.0
"""A third-party outstation (yadnp3, a fork of opendnp3) as a program of its own: told what to do by
JSON lines on standard input, it tells of controls by JSON lines on standard output."""

import argparse
import json
import sys
import threading
import time

import opendnp3

POINTS = 4
SAYING = threading.Lock()


def say(**what):
    """One line in one piece: the stack's threads speak too."""
    with SAYING:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()


class Listener(opendnp3.IChannelListener):
    def OnStateChange(self, state):
        say(channel=str(state).rsplit(".", maxsplit=1)[-1])


class Application(opendnp3.IOutstationApplication):
    def SupportsWriteAbsoluteTime(self):
        return True

    def WriteAbsoluteTime(self, timestamp):
        self.need_time = False
        say(time=int(timestamp.msSinceEpoch))
        return True

    def __init__(self):
        super().__init__()
        self.need_time = False

    def GetApplicationIIN(self):
        indications = opendnp3.ApplicationIIN()
        indications.needTime = self.need_time
        return indications

    def OnConfirmProcessed(self, is_unsolicited, *_waiting):
        say(confirmed="unsolicited" if is_unsolicited else "solicited")

    def SupportsAssignClass(self):
        return True

    def RecordClassAssignment(self, kind, point_class, start, stop):
        say(assigned=[str(kind).rsplit(".", maxsplit=1)[-1],
                      str(point_class).rsplit(".", maxsplit=1)[-1], start, stop])

    def ColdRestartSupport(self):
        return opendnp3.RestartMode.SUPPORTED_DELAY_COARSE

    def WarmRestartSupport(self):
        return opendnp3.RestartMode.SUPPORTED_DELAY_FINE

    def ColdRestart(self):
        say(restart="cold")
        return 3

    def WarmRestart(self):
        say(restart="warm")
        return 1500

    def Now(self):
        return opendnp3.DNPTime(int(time.time() * 1000))


class Commands(opendnp3.ICommandHandler):
    """Accepts all but index 3, and says what came."""

    def Begin(self):
        pass

    def End(self):
        pass

    @staticmethod
    def tell(stage, command, index):
        told = {"stage": stage, "index": int(index)}
        if isinstance(command, opendnp3.ControlRelayOutputBlock):
            told["code"] = int(command.opType) | int(command.tcc) << 6
            told["on_ms"] = int(command.onTimeMS)
        else:
            told["value"] = float(command.value)
            told["type"] = type(command).__name__
        say(control=told)
        return opendnp3.CommandStatus.LOCAL if index == 3 else opendnp3.CommandStatus.SUCCESS

    def Select(self, command, index):
        return self.tell("select", command, index)

    def Operate(self, command, index, handler, op_type):
        return self.tell(str(op_type).rsplit(".", maxsplit=1)[-1], command, index)


def update(builder, kind, index, value, stamp):
    flags = opendnp3.Flags(1)
    when = opendnp3.DNPTime(stamp)
    make = {"binary_input": lambda: opendnp3.Binary(bool(value), flags, when),
            "counter": lambda: opendnp3.Counter(int(value), flags, when),
            "analog_input": lambda: opendnp3.Analog(float(value), flags, when),
            "double_bit_input": lambda: opendnp3.DoubleBitBinary(
                [opendnp3.DoubleBit.INTERMEDIATE, opendnp3.DoubleBit.DETERMINED_OFF,
                 opendnp3.DoubleBit.DETERMINED_ON, opendnp3.DoubleBit.INDETERMINATE][value]),
            "binary_output_status": lambda: opendnp3.BinaryOutputStatus(bool(value)),
            "analog_output_status": lambda: opendnp3.AnalogOutputStatus(float(value))}
    builder.Update(make[kind](), index, opendnp3.EventMode.Force)


def open_channel(manager, options):
    if options.udp_peer:
        return manager.AddUDPChannel("peer", opendnp3.LogLevels(0), opendnp3.ChannelRetry.Default(),
                                     opendnp3.IPEndpoint("127.0.0.1", options.port),
                                     opendnp3.IPEndpoint("127.0.0.1", options.udp_peer), Listener())
    if not options.tty:
        return manager.AddTCPServer("peer", opendnp3.LogLevels(0),
                                    opendnp3.ServerAcceptMode.CloseExisting,
                                    opendnp3.IPEndpoint("127.0.0.1", options.port), Listener())
    settings = opendnp3.SerialSettings()
    settings.deviceName = options.tty
    settings.baud = 38400
    return manager.AddSerial("peer", opendnp3.LogLevels(0), opendnp3.ChannelRetry.Default(),
                             settings, Listener())


def main():
    parser = argparse.ArgumentParser()
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--port", type=int)
    where.add_argument("--tty")
    parser.add_argument("--udp-peer", type=int, help="UDP, to and from that port of the master's")
    parser.add_argument("--address", type=int, default=10)
    parser.add_argument("--no-unsolicited", action="store_true")
    options = parser.parse_args()

    manager = opendnp3.DNP3Manager(1)
    channel = open_channel(manager, options)
    application = Application()
    config = opendnp3.OutstationStackConfig(opendnp3.DatabaseConfig(POINTS))
    config.outstation.eventBufferConfig = opendnp3.EventBufferConfig.AllTypes(1000)
    config.outstation.params.allowUnsolicited = not options.no_unsolicited
    if options.udp_peer:  # its first report finds nobody; until it is repeated no READ is answered
        config.outstation.params.unsolConfirmTimeout = opendnp3.TimeDuration.Seconds(1)
    config.link.LocalAddr = options.address
    config.link.RemoteAddr = 1
    outstation = channel.AddOutstation("peer", Commands(), application, config)
    outstation.Enable()
    say(ready=True)
    for line in sys.stdin:
        order = json.loads(line)
        if "restart" in order:
            outstation.SetRestartIIN()
            continue
        if "answer" in order:
            say(answer=order["answer"])
            continue
        if "need_time" in order:
            application.need_time = order["need_time"]
            continue
        builder = opendnp3.UpdateBuilder()
        for kind, index, value in order["update"]:
            update(builder, kind, index, value, order.get("time", int(time.time() * 1000)))
        outstation.Apply(builder.Build())
    manager.Shutdown()


if __name__ == "__main__":
    main()
